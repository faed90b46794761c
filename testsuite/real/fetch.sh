# Debian's source packages for the tests on real programs.  Nothing of them is
# in this repository; they are kept in the build directory.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

source_cache=$HP_BUILDDIR/testsuite/real/sources

# private_apt get|cache ...: apt here, but with a private configuration: what this
# system's own lists of sources say, with deb-src instead of deb.
private_apt()
{
  private_apt_tool=$1
  shift
  "apt-$private_apt_tool" -q -o "Dir::Etc=$source_cache/apt/etc" \
    -o "Dir::State::lists=$source_cache/apt/lists" \
    -o "Dir::Cache=$source_cache/apt/cache" \
    -o APT::Sandbox::User=root \
    -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
    -o Acquire::https::Timeout=20 "$@"
}

derive_apt_configuration()
{
  mkdir -p "$source_cache/apt/etc/sources.list.d" \
    "$source_cache/apt/etc/preferences.d" \
    "$source_cache/apt/lists/partial" "$source_cache/apt/cache" || return
  for trusted in trusted.gpg trusted.gpg.d apt.conf.d; do
    [ ! -e "/etc/apt/$trusted" ] ||
      ln -sfn "/etc/apt/$trusted" "$source_cache/apt/etc/$trusted"
  done
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    derived=$source_cache/apt/etc${list#/etc/apt}
    case $list in
      *.list) sed 's/^deb /deb-src /' "$list" >"$derived" ;;
      *.sources) sed 's/^Types:.*/Types: deb-src/' "$list" >"$derived" ;;
    esac 2>/dev/null
  done
  private_apt get update
}

# The newest source; where a mirror lacks that, as a security update, an older
# one.
ask_for_source()
{
  for version in $(private_apt cache showsrc "$1" | sed -n 's/^Version: //p' |
    sort -Vru); do
    private_apt get source --download-only "$1=$version" && return
  done
  return 1
}

# download_source PACKAGE: into the cache, unless it is there already.
download_source()
{
  kept=$source_cache/$1
  ! ls "$kept"/*.dsc >/dev/null 2>&1 || return 0
  rm -rf "$kept.part" "$kept"
  mkdir -p "$kept.part" && derive_apt_configuration &&
    (cd "$kept.part" && ask_for_source "$1") &&
    mv "$kept.part" "$kept"
}

# have_source PACKAGE: downloads the source package, if it is not there.
have_source()
{
  command -v dpkg-source >/dev/null || skip_all "dpkg-dev is not installed"
  mkdir -p "$source_cache" || exit 99
  # Tests run in parallel, but one of them at a time asks apt.
  (flock 9 && download_source "$1") 9>"$source_cache/lock" \
    >"$source_cache/$1.log" 2>&1 ||
    skip_all "the source package $1 cannot be reached"
}

# unpack_source PACKAGE: as its authors wrote it, into ./source.
unpack_source()
{
  dpkg-source --skip-patches --no-check -x "$source_cache/$1"/*.dsc source \
    >unpack.log 2>&1
}

# fetch_source PACKAGE: into ./source; the current directory is the test's own.
fetch_source()
{
  have_source "$1"
  unpack_source "$1" || skip_all "$(tail -n 1 unpack.log)"
}

# version_of PACKAGE: of the source that was fetched.
version_of()
{
  sed -n 's/^Version: //p' "$source_cache/$1"/*.dsc
}
