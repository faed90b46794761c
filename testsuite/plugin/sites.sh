# What the tests of the plugin share, on top of lib/common.sh.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
. "$HP_SRCDIR/testsuite/lib/common.sh"

# shellcheck disable=SC2034 # for the tests
all=-fplugin-arg-hotpatch-all
# shellcheck disable=SC2034
verbose=-fplugin-arg-hotpatch-verbose

# sites FILE: its records, one a line; fails when one of them is unsound.
sites()
{
  "$HP_BUILDDIR/testsuite/plugin/dump_sites" "$1"
}

# site NAME FILE: the record of that name.
site()
{
  sites "$2" | grep "^name=$1 "
}

# field KEY: of the record on standard input.
field()
{
  sed "s/.* $1=\([^ ]*\).*/\1/"
}

# has_site FILE NAME...: every one of them.  has_no_site FILE NAME...: none.
has_site()
{
  has_site_file=$1
  shift
  sites "$has_site_file" >sites.out || return 1
  for has_site_name; do
    grep -q "^name=$has_site_name " sites.out || {
      echo "no site $has_site_name among:"
      cat sites.out
      return 1
    }
  done
}

has_no_site()
{
  has_site_file=$1
  shift
  sites "$has_site_file" >sites.out || return 1
  for has_site_name; do
    ! grep "^name=$has_site_name " sites.out || return 1
  done
}

# has_flags FILE NAME FLAG...: the site has exactly these.
has_flags()
{
  has_flags_found=$(site "$2" "$1" | field flags)
  has_flags_wanted=$3
  [ "$has_flags_found" = "$has_flags_wanted" ] || {
    echo "$2: flags are '$has_flags_found', not '$has_flags_wanted'"
    return 1
  }
}

# says TEXT COMMAND...: the command's output, with or without success, has it.
says()
{
  says_text=$1
  shift
  LC_ALL=C "$@" >says.out 2>&1
  says_status=$?
  grep -qF -e "$says_text" says.out || {
    echo "not said: $says_text"
    cat says.out
    return 1
  }
  ! grep -q 'internal compiler error' says.out && [ "$says_status" -lt 128 ]
}

# says_not TEXT COMMAND...: the command succeeds and does not say it.
says_not()
{
  says_text=$1
  shift
  LC_ALL=C "$@" >says.out 2>&1 || {
    cat says.out
    return 1
  }
  ! grep -F -e "$says_text" says.out
}
