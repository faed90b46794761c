#!/bin/sh
# Keeps a root directory with Debian's development suite, which has the GCC
# releases that this system lacks.  Needs root and debootstrap.
#
#   chroot.sh prepare ROOT       makes it, from the mirror apt is set up with
#   chroot.sh install ROOT N     puts GCC N and what a build needs into it
#   chroot.sh run ROOT COMMAND   runs COMMAND in it
#
# What cannot be done is said on the standard error, in one line; exit 1.
#
# SPDX-License-Identifier: MIT
set -u
suite=sid
build_packages='libelf-dev libboost-test-dev libiberty-dev autoconf automake
  libtool autoconf-archive pkg-config make'
# Tests that need one of these are skipped without it.
test_packages='lld binutils-gold gdb linux-perf'

fail()
{
  echo "$*" >&2
  exit 1
}

# One place for apt's proxy: debootstrap and the inner apt read the
# environment.
use_proxy_of_apt()
{
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  [ -z "${proxy:-}" ] || export http_proxy="$proxy"
}

# The command's output goes to the log next to ROOT.
logged()
{
  "$@" >>"$root.log" 2>&1
}

inside()
{
  # In a mount namespace of its own, so that nothing stays mounted.
  unshare --mount sh -c '
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 99
    mount -t sysfs sysfs "$1/sys" 2>/dev/null  # where perf finds its events
    root=$1
    shift
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} \
      chroot "$root" "$@"' sh "$root" "$@"
}

prepare()
{
  [ "$(id -u)" -eq 0 ] || fail "a chroot needs root"
  unshare --mount true 2>/dev/null || fail "no mount namespaces here"
  [ -f "$root/etc/debian_version" ] && return
  command -v debootstrap >/dev/null || fail "debootstrap is not installed"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
    head -n 1)
  [ -n "$mirror" ] || fail "apt is not set up with a mirror of Debian"
  rm -rf "$root" "$root.new"
  mkdir -p "$root.new" || fail "cannot write to $root"
  logged timeout 900 debootstrap --variant=minbase "$suite" "$root.new" \
    "$mirror" ||
    fail "debootstrap failed: $(grep '^E:' "$root.log" | tail -n 1)"
  # A mirror may be older than its validity says; signatures still count.
  echo 'Acquire::Check-Valid-Until "false";' \
    >"$root.new/etc/apt/apt.conf.d/90hotpatch"
  echo 'APT::Install-Recommends "false";' \
    >>"$root.new/etc/apt/apt.conf.d/90hotpatch"
  mv "$root.new" "$root"
}

# Whether they are installed already, so that no mirror is needed.
have_all()
{
  inside dpkg-query -W -f '${db:Status-Abbrev}\n' "$@" 2>/dev/null |
    awk -v want=$# '$1 == "ii" { n++ } END { exit n != want }'
}

install_gcc()
{
  # shellcheck disable=SC2086 # a list of words
  set -- "gcc-$1" "g++-$1" "gcc-$1-plugin-dev" $build_packages
  if ! have_all "$@"; then
    logged inside apt-get update ||
      fail "the mirror of Debian cannot be reached"
    inside apt-cache show "$3" >/dev/null 2>&1 ||
      fail "Debian's suite $suite has no $3"
    logged inside apt-get install -y "$@" ||
      fail "apt failed: $(grep '^E:' "$root.log" | tail -n 1)"
  fi
  for package in $test_packages; do
    have_all "$package" || logged inside apt-get install -y "$package" || :
  done
}

action=$1
root=$2
shift 2
use_proxy_of_apt
case $action in
  prepare) prepare ;;
  install) install_gcc "$1" ;;
  run) inside "$@" ;;
esac
