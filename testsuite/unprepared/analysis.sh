# What the tests of hp-list --unprepared share.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh
hp_list=$HP_BUILDDIR/tools/hp-list
LD_LIBRARY_PATH=$HP_BUILDDIR/unprepared/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export LD_LIBRARY_PATH
[ -e "$HP_BUILDDIR/unprepared/.libs/libhotpatch-unprepared.so" ] ||
  skip_all "hotpatch was built without Zydis (libzydis-dev)"

# listed FILE NAME: the word that hp-list says about a function.
listed()
{
  "$hp_list" --unprepared "$1" | awk -v name="$2" '$4 == name { print $3 }'
}

# is WORD FILE NAME
is()
{
  is_found=$(listed "$2" "$3")
  echo "$3: '$is_found', and '$1' is expected"
  [ "$is_found" = "$1" ]
}

# build_analysis_controls: the library with countermeasures that can be left out.
build_analysis_controls()
{
  flock "$HP_BUILDDIR/controls.lock" make -s -C "$HP_BUILDDIR/unprepared" \
    controls >controls.log 2>&1 || {
    cat controls.log
    return 1
  }
}

# blind NAME COMMAND...: runs it with one countermeasure of the analysis taken out.
blind()
{
  (
    HP_WITHOUT=$1
    LD_LIBRARY_PATH=$HP_BUILDDIR/unprepared/controls/.libs
    export HP_WITHOUT LD_LIBRARY_PATH
    shift
    "$@"
  )
}
