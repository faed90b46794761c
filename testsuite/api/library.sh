# The shape of the library: what it needs, what it offers, how it links.
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

built=$HP_BUILDDIR/runtime/.libs
library=$built/libhotpatch.so

needs_no_cxx_runtime()
{
  readelf -d "$library" | grep NEEDED
  readelf -d "$library" | grep NEEDED >needed || return 1
  ! grep -qE 'libstdc|libgcc|libpthread|libdl' needed
}
ok "needs no C++ runtime" needs_no_cxx_runtime

has_soname() { readelf -d "$library" | grep 'SONAME.*\[libhotpatch\.so\.0\]'; }
ok "has its soname" has_soname

exports()
{
  nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' |
    sed 's/@.*//' | sort >exported
  sed -n 's/^    \(hp_[a-z_]*\);$/\1/p' "$HP_SRCDIR/runtime/libhotpatch.map" |
    sort >promised
  diff promised exported
}
ok "exports what it promises, and nothing else" exports

declares()
{
  sed -n 's/^HP_API.* \**\(hp_[a-z_]*\)[(;].*/\1/p' \
    "$HP_SRCDIR/runtime/include/hotpatch.h" | sort -u >declared
  diff declared promised
}
ok "declares what it exports" declares

# Of object files and archives, which only hp-list reads (sites/object_image.h).
has_object_files()
{
  nm -C "$@" | grep -E 'object_image|archive_members'
}
ok "holds nothing that only hp-list needs" not has_object_files "$built/libhotpatch.a"
ok "control: what hp-list needs is seen" has_object_files "$HP_BUILDDIR/tools/hp-list"

ok "changes no text when it is loaded" not sh -c \
  "readelf -d '$library' | grep TEXTREL"

# The program deletes itself with one argument, and replaces itself by another
# file with two.
cat >program.c <<'EOF2'
#include <hotpatch.h>
#include <stdio.h>
#include <unistd.h>
HP_PATCHABLE int one(void) { return 1; }
static int two(void) { return 2; }
int main(int argc, char** argv)
{
  if (argc > 1 && unlink(argv[0]) != 0)
    return 2;
  if (argc > 2 && rename(argv[2], argv[0]) != 0)
    return 3;
  if (hp_apply("one", two) != HP_OK)
    puts(hp_error_message());
  return one() == 2 ? 0 : 1;
}
EOF2
static_libs="$built/libhotpatch.a -lelf -lz -liberty"

ok "links into a C program" cc -O2 program.c -L"$built" -lhotpatch \
  "-Wl,-rpath,$built" -o shared
ok "which runs" ./shared
no_cxx() { ldd shared && ! ldd shared | grep libstdc; }
ok "without a C++ runtime" no_cxx

silent() { ./shared >said 2>&1; cat said; [ ! -s said ]; }
ok "and prints nothing" silent
talks()
{
  HOTPATCH_LOG=$1 ./shared 2>said
  cat said
  [ "$(grep -c "$2" said)" -eq "$3" ]
}
ok "HOTPATCH_LOG=info tells what is applied" \
  talks info '^hotpatch: hp_apply("one"): done$' 1
ok "but not how" talks info 'writer' 0
ok "HOTPATCH_LOG=debug tells how" talks debug '^hotpatch: writer: ' 1
ok "HOTPATCH_LOG=error tells nothing of a success" talks error . 0

cat >undisturbed.c <<'EOF2'
#include <errno.h>
#include <hotpatch.h>
#include <pthread.h>
#include <unistd.h>
HP_PATCHABLE int one(void) { return 1; }
static int two(void) { return 2; }
static void* body(void* data)
{
  (void)data;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pthread_cancel(pthread_self());
  pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
  hp_apply("one", two);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  return &one;
}
int main(int argc, char** argv)
{
  pthread_t thread;
  void* result = NULL;
  (void)argv;
  pthread_create(&thread, NULL, body, NULL);
  pthread_join(thread, &result);
  if (argc > 1)
    close(STDERR_FILENO);
  errno = 1234;
  hp_apply("none", two);
  return result == (void*)one && errno == 1234 ? 0 : 1;
}
EOF2
ok "a program with a log" cc -O2 undisturbed.c -L"$built" \
  -lhotpatch -pthread "-Wl,-rpath,$built" -o undisturbed
logs_to() { HOTPATCH_LOG=debug ./undisturbed "$@"; }
ok "is not cancelled by it" logs_to
ok "and keeps errno without a standard error" logs_to closed

cp shared copy && strip copy
ok "runs when stripped" ./copy
cp shared copy
ok "runs when its file was deleted" ./copy delete
cp shared copy && $CC -O0 -xc - -o other <<'EOF3'
int main(void) { return 0; }
EOF3
ok "runs when its file was replaced" ./copy replace other

ok "links into a program by its archive" cc -O2 program.c $static_libs \
  -o archive
ok "which runs" ./archive

for kind in -static -static-pie; do
  if echo 'int main(void) { return 0; }' | $CC $kind -xc - -lelf -lz \
    -o probe 2>/dev/null; then
    ok "links with $kind without a warning" cc -O2 $kind program.c \
      $static_libs -Wl,--fatal-warnings -o static
    ok "which runs" ./static
  else
    skip "links with $kind" "no static C library or libelf"
  fi
done
for kind in -no-pie "-O0" "-fcf-protection=full" "-flto"; do
  ok "works with $kind" sh -c \
    "$CC $kind '-fplugin=$HP_PLUGIN' -I'$HP_SRCDIR/runtime/include' \
     program.c -L'$built' -lhotpatch '-Wl,-rpath,$built' -o other && ./other"
done

done_testing
