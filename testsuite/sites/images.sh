# Sites of loaded images: every way a program can be linked and loaded, and
# every way its file can go astray.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086  # CC, CXX and some lists are several words
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/site_tests.sh"

chmod 755 "$workdir"
reader="$HP_BUILDDIR/runtime/.libs/libhpread.a"
probe_o="$HP_BUILDDIR/testsuite/sites/probe-probe.o"

# link NAME FLAGS...: the probe, with the C driver.
link()
{
  link_name=$1
  shift
  $CC -o "$link_name" "$probe_o" main.o "$reader" -lelf -liberty "$@"
}

assemble main <<'END'
site reset, file="src/conn.c", line=12, value=1
site close_all, file="src/conn.c", line=30, value=2
END
assemble plug <<'END'
site plugged, file="plug.c", line=1, value=10
site reset, file="plug.c", line=2, value=11
END
sed 's/value=1/value=2/' plug.S | sed 1d | assemble plug2
assemble other <<'END'
site elsewhere, file="other.c", line=1, value=20
END
assemble broken <<'END'
site sound, line=1
site unsound, line=2, version=9
END
for name in plug plug2 other broken; do
  $CC -shared -Wl,-Bsymbolic -o "$name.so" "$name.o" || exit 99
done
$CC -shared -Wl,-Bsymbolic -Wl,--build-id=none -o plain.so plug.o
$CC -shared -Wl,-Bsymbolic -Wl,--build-id=none -o plain2.so plug2.o
link probe || exit 99

one='reset src/conn.c:12 in probe = 1'
ok 'a program finds its own sites' prints ./probe "2
$one" count find reset
ok 'no C++ runtime comes with the reader' not grep -q libstdc++ probe

strip -o stripped probe
ok 'a stripped program' prints ./stripped '*in stripped = 1' find reset

for way in -no-pie -pie -static -static-pie; do
  if link "linked$way" $way -lz >link.out 2>&1; then
    ok "a program linked with $way" prints "./linked$way" \
      "2
reset src/conn.c:12 in linked$way = 1" count find reset
  else
    skip "a program linked with $way" "it does not link: $(head -n 1 link.out)"
  fi
done
for linker in gold lld; do
  if link "linked-$linker" -fuse-ld=$linker >link.out 2>&1; then
    ok "a program linked by $linker" prints "./linked-$linker" '2' count
  else
    skip "a program linked by $linker" "$linker is missing"
  fi
done

ok 'a program started as an argument of the dynamic linker' \
  prints /lib64/ld-linux-x86-64.so.2 '*= 1' ./probe find reset

# --- the program's file --------------------------------------------------

# changed COMMAND: starts a copy of the probe, runs the command while it waits.
changed()
{
  cp "${changed_probe:-probe}" running
  mkfifo start
  ./running wait find reset <start >changed.out &
  changed_pid=$!
  exec 3>start
  until readlink "/proc/$changed_pid/exe" | grep -q running; do
    sleep 0.02
  done
  "$@"
  echo >&3
  exec 3>&-
  wait $changed_pid
  rm -f start
  cat changed.out
}
replace_by()
{
  cp "$1" new && mv new running
}
ok 'the file of the program is deleted' \
  prints changed 'reset src/conn.c:12 in running = 1' rm running
ok 'the file of the program is replaced' \
  prints changed 'reset src/conn.c:12 in running = 1' replace_by plug.so
ok 'the file of the program is replaced by a stripped copy' \
  prints changed 'reset src/conn.c:12 in running = 1' replace_by stripped
link no_id -Wl,--build-id=none
changed_probe=no_id
ok 'a deleted program without a build-id is known by its inode' \
  prints changed 'reset src/conn.c:12 in running = 1' rm running
changed_probe=

# --- shared objects --------------------------------------------------------

ok 'a shared object that is loaded later has its sites' \
  prints ./probe "2
4
plugged plug.c:1 in plug.so = 10
plugged plug.c:1 in plug.so = 10" \
  count load ./plug.so count find plugged here
ok 'after dlclose they are gone' \
  prints ./probe "plugged plug.c:1 in plug.so = 10
loaded
2
gone
none
status 2: *" \
  load ./plug.so find plugged id unload ./plug.so count id here find plugged
ok 'loaded again it is another image' \
  prints ./probe "plugged plug.c:1 in plug.so = 10
2
gone
4" load ./plug.so find plugged unload ./plug.so count load ./plug.so id count
ok 'loaded again after an image that stayed, and unseen in between, too' \
  prints ./probe "plugged plug.c:1 in plug.so = 10
gone
elsewhere other.c:1 in other.so = 20
loaded" load ./plug.so load ./other.so find plugged unload ./plug.so \
  load ./plug.so id find elsewhere id

mkdir sub
cp plug.so sub/moved.so
moved()
{
  mkfifo start
  moved_commands=$1
  shift
  "$@" ./probe load ./sub/moved.so wait $moved_commands <start >moved.out &
  moved_pid=$!
  exec 3>start
  while ! grep -q moved.so "/proc/$moved_pid/maps"; do sleep 0.02; done
  mv sub/moved.so sub/gone.so
  [ -z "${moved_substitute-}" ] || cp "$moved_substitute" sub/moved.so
  [ -n "${moved_keep-}" ] || rm sub/gone.so
  echo >&3
  exec 3>&-
  wait $moved_pid
  rm -f start sub/*.so
  cp plug.so sub/moved.so
  cat moved.out
}
unprivileged=
[ "$(id -u)" -ne 0 ] ||
  unprivileged='setpriv --reuid 65534 --clear-groups'
moved_keep=yes
ok 'a shared object that was renamed is found through its mapping' \
  prints moved 'plugged*= 10' 'find plugged'
moved_keep=
if [ "$(id -u)" -eq 0 ] && head -q -c 1 /proc/$$/map_files/* >/dev/null 2>&1; then
  ok 'a deleted one too, if the privileges allow' \
    prints moved 'plugged*= 10' 'find plugged'
else
  skip 'a deleted one too, if the privileges allow' \
    '/proc/self/map_files may not be read here'
fi
ok 'without privileges its sites are unreadable, and the message says so' \
  prints moved 'status 8: no site is called plugged among 2 sites of 1 image, and an image could not be searched: *moved.so: No such file*
reset src/conn.c:12 in probe = 1' 'find plugged find reset' $unprivileged
# The same to the last byte except for the code: only the build-id tells.
moved_substitute=plug2.so
ok 'another file in its place is not taken for it' \
  prints moved 'status 8: *moved.so: this is not the file that was loaded*' \
  'find plugged' $unprivileged
cp plain.so sub/moved.so
moved_substitute=plain2.so
ok 'not without a build-id either' \
  prints moved 'status 8: *moved.so: cannot prove*--build-id*' \
  'find plugged' $unprivileged
ok 'a shared object without a build-id is known by its inode' \
  prints ./probe 'plugged plug.c:1 in plain.so = 10' load ./plain.so \
  find plugged

ok 'one name in two images: both are listed' \
  prints ./probe 'status 3: 2 sites are called reset; use FILE:NAME or IMAGE!NAME to choose one of:
  reset src/conn.c:12 in */probe
  reset plug.c:2 in ./plug.so' load ./plug.so find reset
ok 'IMAGE!NAME and FILE:NAME choose one' \
  prints ./probe 'reset plug.c:2 in plug.so = 11
reset src/conn.c:12 in probe = 1
reset plug.c:2 in plug.so = 11' \
  load ./plug.so find 'plug.so!reset' find 'probe!reset' find plug.c:reset
ok 'a damaged section is refused whole and named' \
  prints ./probe 'status 7: no site is called sound *broken.so: .hotpatch, record 1 (offset 0x40): version is unknown*
reset src/conn.c:12 in probe = 1
2' load ./broken.so find sound find reset count

if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "sub$workdir"
  cp linked-static "sub$workdir/linked-static"
  ok 'in a chroot that has the program at the same path' \
    prints "$workdir/linked-static" '*in linked-static = 1' \
    chroot "$workdir/sub" find reset
  mkdir empty
  ok 'in a chroot that has it not, it is said' \
    prints "$workdir/linked-static" 'status 8: *No such file*' \
    chroot "$workdir/empty" find reset
else
  skip 'in a chroot' 'only root can make one'
fi

# --- other threads -----------------------------------------------------------

ok 'a dlclose in another thread does not disturb a search' \
  "$HP_BUILDDIR/testsuite/sites/race" held "$workdir/plug.so"
crashes()
{
  "$@"
  [ $? -eq 139 ]
}
ok 'control: without holding the loader it does' \
  crashes sh -c '"$@"' sh "$HP_BUILDDIR/testsuite/sites/race" loose \
  "$workdir/plug.so"

done_testing
