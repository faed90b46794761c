#!/bin/sh
# README's two commands on a new machine, and nothing else: a minimal Debian in a
# chroot, where the clone lies in root's home, which only root can enter.  No
# test fails there, and none is skipped for something that could be installed.
#
#   HP_FRESH_CACHE=DIR      where the chroot is kept (in the build directory)
#   HP_FRESH="demo"         only this command
#
# Needs root and debootstrap; takes as long as a build and all tests.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
cache=${HP_FRESH_CACHE:-$HP_BUILDDIR/testsuite/fresh.cache}
root=$cache/root

[ "$(id -u)" -eq 0 ] || skip_all "a chroot needs root"
unshare --mount --pid --fork true 2>/dev/null ||
  skip_all "namespaces may not be made here"
command -v debootstrap >/dev/null || skip_all "debootstrap is not installed"
command -v git >/dev/null || skip_all "git is not installed"
git -C "$HP_SRCDIR" rev-parse HEAD >/dev/null 2>&1 ||
  skip_all "the sources are no clone"

# The release and the mirror that apt is set up with here, and how to reach it;
# of its sources, those of Debian.
make_root()
{
  [ ! -e "$cache/made" ] || return 0
  suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  mirror=$(apt-get indextargets --format '$(REPO_URI)' \
    'Created-By: Packages' 'Label: Debian' | head -n 1)
  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  [ -z "${proxy:-}" ] || export http_proxy="$proxy"
  [ -n "$suite" ] && [ -n "$mirror" ] && rm -rf "$root" &&
    mkdir -p "$root" &&
    debootstrap --variant=minbase "$suite" "$root" "$mirror" \
      >"$cache/debootstrap.log" 2>&1 || {
    tail -n 5 "$cache/debootstrap.log"
    return 1
  }
  rm -rf "$root/etc/apt" && cp -aL /etc/apt "$root/etc/apt" &&
    rm -rf "$root/etc/apt/sources.list.d" &&
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
      'Created-By: Packages' 'Origin: Debian' >"$root/etc/apt/sources.list" &&
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" &&
    for keys in /usr/share/keyrings /usr/local/share/ca-certificates \
      /etc/ssl/certs; do
      [ ! -d "$keys" ] || { mkdir -p "$root$keys" && cp -aL "$keys/." "$root$keys"; }
    done 2>/dev/null
  : >"$cache/made"
}
clone()
{
  rm -rf "$root/root/hotpatch" && chmod 700 "$root/root" &&
    git clone -q --no-hardlinks "$HP_SRCDIR" "$root/root/hotpatch" &&
    [ "$(stat -c %a "$root/root")" = 700 ]
}
# Namespaces of their own: nothing stays mounted, and no process is left.
inside()
{
  unshare --mount --pid --fork sh -c '
    mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
      mount -t sysfs sysfs "$1/sys" && mount -t tmpfs tmp "$1/tmp" || exit 99
    root=$1
    shift
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME=/root ${http_proxy:+http_proxy="$http_proxy"} \
      chroot "$root" sh -c "cd /root/hotpatch && $*"' sh "$root" "$@"
}
# does COMMAND: its last lines when it fails.
does()
{
  inside "$1" >"$cache/${1##* }.log" 2>&1 </dev/null || {
    grep -hE '^(FAIL|ERROR|XPASS)' "$cache/${1##* }.log"
    tail -n 40 "$cache/${1##* }.log"
    return 1
  }
}
# What a package could cure.
avoidable()
{
  find "$root/root/hotpatch/build/testsuite" -name '*.log' \
    -exec grep -hE '^SKIP:|# SKIP' {} + | sort -u >"$cache/skipped"
  sed 's/^/# /' "$cache/skipped"
  grep -E 'not installed|cannot be reached|other users cannot' "$cache/skipped"
}
mkdir -p "$cache"
ok "a minimal system is made" make_root
[ -e "$cache/made" ] || done_testing
ok "the clone lies in root's home" clone
for target in ${HP_FRESH:-demo check}; do
  ok "./bootstrap $target" does "./bootstrap $target"
done
case ${HP_FRESH:-check} in
  *check*)
    ok "no test was skipped for what could be installed" not avoidable
    sed 's/^/# /' "$cache/skipped" ;;
esac
done_testing
