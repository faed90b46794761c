# A program goes on after its first thread has ended: /proc/self, which is that
# thread's, then has neither memory nor files, and the library must not rely on
# it.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"

built=$HP_BUILDDIR/runtime/.libs
XDG_RUNTIME_DIR=$workdir/run
export XDG_RUNTIME_DIR
mkdir -m 700 "$XDG_RUNTIME_DIR"

cat >patch.c <<'END'
#include <hotpatch.h>
HP_PATCH("patch", 1, "Multiply");
HP_REPLACES("answer") static int new_answer(int x) { return x * 100; }
END
build()
{
  cc -O2 -fPIC -shared patch.c -o patch.so &&
    cc -O2 "-I$HP_SRCDIR" "$HP_SRCDIR/testsuite/api/dead_leader.c" \
      "-L$built" -lhotpatch "-Wl,-rpath,$built" -lpthread -o dead_leader
}
ok "the program and the patch are compiled" build
[ -e dead_leader ] || done_testing

passes()
{
  timeout 60 ./dead_leader "$@" >told
  passed=$?
  cat told
  [ "$passed" -eq 0 ] && grep '^1\.\.' told
}
ok "the library works as before" passes "$workdir"
if ./dead_leader "$workdir" mdwe | grep -q SKIP; then
  skip "where text must not be writable" "this kernel has no PR_SET_MDWE"
else
  ok "also where text must not be writable" passes "$workdir" mdwe
fi

control()
{
  build_controls &&
    control_program api/dead_leader.c dead_leader_controls &&
    timeout 60 ./dead_leader_controls "$workdir" &&
    without own_thread_in_proc fails ./dead_leader_controls "$workdir"
}
ok "control: by way of /proc/self it does not" control
done_testing
