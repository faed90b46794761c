#!/bin/sh
# What hp-apply loads: the bytes that it has checked, whatever happens to the
# file meanwhile, in processes that see the file and that do not; and when the
# code of a patch object first runs.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"
hp_status=$HP_BUILDDIR/tools/hp-status

# Until SIGUSR1 it waits in wait_inside(), where it can be borrowed, or computes
# on a stack that hp-apply does not know, where it cannot.
cat >server.c <<'END'
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
static int limit = 5;
int* volatile keep = &limit;
int counter;
static volatile int go;
static void on(int s) { (void)s; go = 1; }
__attribute__((hotpatch)) int answer(void) { return 1; }
__attribute__((hotpatch)) int wait_inside(void)
{
  while (!go)
    usleep(2000);
  return answer();
}
#ifdef __GLIBC__
static ucontext_t of_main, of_fiber;
static void fiber(void)
{
  while (!go)
    ;
  swapcontext(&of_fiber, &of_main);
}
static void compute(void)
{
  static char stack[1 << 20];
  getcontext(&of_fiber);
  of_fiber.uc_stack.ss_sp = stack;
  of_fiber.uc_stack.ss_size = sizeof stack;
  of_fiber.uc_link = &of_main;
  makecontext(&of_fiber, fiber, 0);
  swapcontext(&of_main, &of_fiber);
}
#else
static void compute(void) {}
#endif
int main(int argc, char** argv)
{
  signal(SIGUSR1, on);
  setbuf(stdout, 0);
  if (argc > 2 && strcmp(argv[1], "chroot") == 0) {
    if (chroot(argv[2]) != 0 || chdir("/") != 0)
      return 1;
  }
  if (argc > 1 && strcmp(argv[1], "wait") == 0) {
    printf("waits\n");
    wait_inside();
  }
  if (argc > 1 && strcmp(argv[1], "compute") == 0) {
    printf("computes\n");
    compute();
  }
  for (;; usleep(20000))
    printf("answer %d counter %d limit %d\n", answer(), counter, limit);
}
END
cat >v1.c <<'END'
#include <hotpatch.h>
#include <stdio.h>
HP_PATCH("p", 1, "");
extern int counter;
HP_REPLACES("answer") static int new_answer(void) { return 100 + counter; }
#ifdef ALL
HP_REPLACES("wait_inside") static int new_wait(void) { return 100; }
#endif
END
# It uses more of the program, and gives itself away when it is loaded.
cat >evil.c <<'END'
#include <hotpatch.h>
#include <stdio.h>
HP_PATCH("p", 2, "");
extern int counter;
extern int limit HP_IMPORT("server.c:limit");
HP_REPLACES("answer") static int new_answer(void) { return limit + counter; }
__attribute__((constructor)) static void own(void) { puts("evil"); }
END
build_server()
{
  "$CC" -O2 "-fplugin=$HP_PLUGIN" server.c -o server &&
    cc -O2 -fPIC -shared v1.c -o v1.so &&
    cc -O2 -fPIC -shared -DALL v1.c -o all.so &&
    cc -O2 -fPIC -shared evil.c -o evil.so
}
ok "program and patches are compiled" build_server
[ -e evil.so ] || done_testing

answers()
{
  says "answer $1 counter ${2-0} limit 5"
}

# exchanged APPLY HOW COMMAND...: hp-apply has checked the file, and waits for a
# thread to load it with (HOW is compute), or has loaded it and waits for one to
# leave a function (wait); then COMMAND exchanges it.
exchanged()
{
  apply=$1
  how=$2
  shift 2
  rm -f p.so # it may be a link to evil.so
  cp all.so p.so
  begin ./server "$how"
  : >applied
  "$apply" --verbose --timeout=20 "$pid" p.so >applied 2>&1 &
  applying=$!
  case $how in
    wait) until_said='has not left' ;;
    *) until_said='all checks passed' ;;
  esac
  until grep -q "$until_said" applied; do
    kill -0 $applying || break
    sleep 0.01
  done
  "$@"
  kill -USR1 "$pid"
  wait $applying
  exchanged_status=$?
  cat applied
  # From the new answer on, whatever was begun before.
  answers 100
  exchanged_status=$((exchanged_status + $?))
  grep evil out && exchanged_status=9
  end
  return $exchanged_status
}
moved()
{
  cp evil.so p.new && mv p.new p.so
}
written()
{
  cat evil.so >p.so
}
truncated()
{
  : >p.so
}
removed()
{
  rm p.so
}
linked()
{
  ln -s evil.so p.new && mv p.new p.so
}
for what in moved written truncated removed linked; do
  ok "what was checked is loaded, though the file is $what before" \
    exchanged "$hp_apply" compute $what
done
ok "what was checked is applied, though the file is written to before" \
  exchanged "$hp_apply" wait written

on_a_fiber()
{
  begin ./server compute
  gives 2 'no thread came to a place where it can be borrowed' "$hp_apply" \
    -t 0.2 "$pid" v1.so &&
    kill -USR1 "$pid" && "$hp_apply" "$pid" v1.so && answers 100
}
ok "a thread on a fiber's stack is not borrowed before it has left it" on_a_fiber
end

first_opening()
{
  begin ./server
  cp v1.so p.so
  strace -f -o trace -e trace=openat,open "$hp_apply" "$pid" p.so >applied 2>&1
  opened=$(grep -c '"[^"]*p\.so"' trace)
  cat applied trace
  answers 100 && end
  echo "it was opened $opened times"
  [ "$opened" -eq 1 ]
}
if command -v strace >/dev/null; then
  ok "hp-apply opens the file once" first_opening
else
  skip "hp-apply opens the file once" "strace is not installed"
fi
nothing_is_opened()
{
  begin ./server
  "$hp_apply" "$pid" v1.so && answers 100 || return
  ls -l "/proc/$pid/fd" >descriptors
  cat descriptors
  ! grep hotpatch: descriptors
}
ok "the process keeps no descriptor" nothing_is_opened
end

# --- Written to after it was loaded --------------------------------------------
in_place()
{
  cp v1.so p.so
  begin ./server
  "$hp_apply" "$pid" p.so && answers 100 && cat evil.so >p.so && : >p.so &&
    answers 100 && "$hp_revert" "$pid" p && answers 1
}
ok "a file that is emptied after it was applied changes nothing" in_place
end

# --- Upgrades -------------------------------------------------------------------
cc -O2 -fPIC -shared '-DVERSION=2' evil.c -o v2.so
upgraded()
{
  as=$1
  cp v1.so fix.so
  # shellcheck disable=SC2086 # a command
  begin $as ./server
  $as "$hp_apply" "$pid" "$PWD/fix.so" || return
  cp v2.so fix.new && mv fix.new fix.so
  $as "$hp_status" "$pid" >status || return
  cat status
  grep -q "applied  *p 1" status || return
  grep -q "$PWD/fix.so" status || echo "its path is not shown"
  $as "$hp_apply" "$pid" "$PWD/fix.so" && answers 5 &&
    cp v1.so fix.new && mv fix.new fix.so &&
    $as "$hp_revert" "$pid" p && answers 1
}
ok "a patch that was replaced on disk is seen, replaced and reverted" upgraded ''
end
other="setpriv --reuid=65534 --regid=65534 --clear-groups"
if [ "$(id -u)" = 0 ] && $other true 2>/dev/null; then
  chmod 755 .
  ok "the same for ordinary users" upgraded "$other"
  end
else
  skip "the same for ordinary users" "only root can be another user"
fi
replaced_program()
{
  cp server service
  begin ./service
  cp server service.new && echo >>service.new && mv service.new service
  "$hp_apply" --all-processes-of=./service v1.so && answers 100 &&
    "$hp_status" --all-processes-of=./service >status &&
    grep -q "^$pid  *applied  *p 1" status &&
    "$hp_revert" --all-processes-of="$PWD/service" p && answers 1
}
ok "the processes of a program that was replaced on disk are found" \
  replaced_program
end

# --- Without the file, without /proc --------------------------------------------
chrooted()
{
  mkdir -p jail
  begin ./server chroot jail
  "$1" "$pid" v1.so && answers 100 && "$hp_status" "$pid" &&
    "$hp_revert" "$pid" p && answers 1 && [ -z "$(ls -A jail)" ]
}
if [ "$(id -u)" = 0 ]; then
  ok "a process in an empty root directory is patched" chrooted "$hp_apply"
  end
else
  skip "a process in an empty root directory is patched" "only root may chroot"
fi

# --- Constructors ----------------------------------------------------------------
cat >construct.c <<'END'
#include <hotpatch.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
HP_PATCH("made", 1, "");
extern int counter;
extern int limit HP_IMPORT("server.c:limit");
static int made;
static const char* name;
__attribute__((constructor(200))) static void second(void) { made = made * 10 + 2; }
__attribute__((constructor(101))) static void first(int c, char** v, char** e)
{
  counter += 1;
  made = c >= 1 && v[c] == NULL && e != NULL ? limit - 4 : 9;
  name = strrchr(v[0], '/') + 1;
}
__attribute__((constructor)) static void third(void) { made = made * 10 + 3; }
__attribute__((destructor)) static void gone(void) { counter += 1000; puts("gone"); }
HP_REPLACES("answer") static int new_answer(void)
{
  return strcmp(name, "server") == 0 ? made : 0;
}
END
ok "a patch with constructors is compiled" \
  cc -O2 -fPIC -shared construct.c -o construct.so
constructed()
{
  begin ./server
  "$1" "$pid" construct.so && answers 123 1 && "$hp_revert" "$pid" made &&
    answers 1 1001 && [ "$(grep -c gone out)" -eq 1 ]
}
ok "constructors use the program, in their order, and destructors run" \
  constructed "$hp_apply"
end
# Nothing was constructed, so nothing is destroyed.
cat >refuses.c <<'END'
#include "construct.c"
HP_HOOK("before_apply") static const char* no(void) { return "no"; }
END
cc -O2 -fPIC -shared refuses.c -o refuses.so
vetoed()
{
  begin ./server
  gives 1 ': no' "$hp_apply" "$pid" refuses.so && answers 1 1001
}
ok "what a hook refuses is destroyed again" vetoed
end

# --- What debuggers see ------------------------------------------------------------
seen_by_gdb()
{
  begin ./server
  "$hp_apply" "$pid" "$PWD/construct.so" && answers 123 1 || return
  gdb -q -p "$pid" -batch -ex 'info symbol new_answer' \
    -ex 'info sharedlibrary construct' >gdb.out 2>&1
  cat gdb.out
  grep -q "new_answer in section .text of .*/construct.so" gdb.out
}
if command -v gdb >/dev/null; then
  ok "gdb finds the symbols of a loaded patch" seen_by_gdb
  end
else
  skip "gdb finds the symbols of a loaded patch" "gdb is not installed"
fi
seen_twice()
{
  begin ./server
  times=0
  while [ $times -lt 3 ]; do
    "$hp_apply" "$pid" construct.so >output && "$hp_revert" "$pid" made \
      >>output || return
    times=$((times + 1))
  done
  answers 1 3003 && "$hp_apply" "$pid" construct.so &&
    "$HP_BUILDDIR/tools/hp-list" --pid "$pid" | grep -q 'new_answer'
}
ok "applied again and again, and hp-list names the replacement" seen_twice
end

# --- Code that stays loaded ----------------------------------------------------------
stays()
{
  "$hp_apply" "$pid" "$1" && answers "$2" &&
    gives 0 'its code stays loaded: the dynamic linker' \
      "$hp_revert" "$pid" p && answers 1 &&
    "$hp_apply" "$pid" "$1" && answers "$2" && "$hp_revert" "$pid" p &&
    answers 1
}
kept()
{
  cc -O2 -fPIC -shared -Wl,-z,nodelete v1.c -o nodelete.so &&
    begin ./server && stays nodelete.so 100
}
ok "hp-revert says that a patch linked with -z nodelete stays loaded" kept
end
with_musl()
{
  musl-gcc -O2 "-fplugin=$HP_PLUGIN" server.c -o musl-server &&
    musl-gcc -O2 -fPIC -shared "-fplugin=$HP_PLUGIN" \
      "-I$HP_SRCDIR/runtime/include" v1.c -o musl.so && begin ./musl-server &&
    stays musl.so 100
}
if command -v musl-gcc >/dev/null; then
  ok "hp-revert says that with musl the code stays loaded" with_musl
  end
else
  skip "hp-revert says that with musl the code stays loaded" \
    "musl-gcc is not installed"
fi

# What a constructor gives to the program is called for ever.
cat >registry.c <<'END'
#include <stdio.h>
#include <unistd.h>
static int (*handler)(void);
void set_handler(int (*to)(void)) { handler = to; }
__attribute__((hotpatch)) int answer(void) { return 1; }
int main(void)
{
  setbuf(stdout, 0);
  for (;; usleep(2000))
    printf("answer %d handler %d\n", answer(), handler ? handler() : 0);
}
END
for version in 1 2; do
  cat >registers$version.c <<END
#include <hotpatch.h>
HP_PATCH("registers", $version, "");
void set_handler(int (*to)(void));
static int handler(void) { return $version; }
__attribute__((constructor)) static void begin(void) { set_handler(handler); }
HP_REPLACES("answer") static int new_answer(void) { return 10 + $version; }
END
done
cat >registers_not.c <<'END'
#include "registers1.c"
HP_HOOK("before_apply") static const char* no(void) { return "no"; }
END
build_registry()
{
  "$CC" -O2 "-fplugin=$HP_PLUGIN" registry.c -o registry || return
  for name in registers1 registers2 registers_not; do
    cc -O2 -fPIC -shared $name.c -o $name.so || return
  done
}
ok "patches that register something are compiled" build_registry
# stays_registered APPLY REVERT
stays_registered()
{
  begin ./registry
  "$1" "$pid" registers1.so && says "answer 11 handler 1" &&
    gives 0 'its code stays loaded: it has constructors, and no destructor' \
      "$2" "$pid" registers && says "answer 1 handler 1" || return
  gives 0 'was reverted already' "$2" "$pid" registers &&
    "$1" "$pid" registers1.so && says "answer 11 handler 1" &&
    "$1" "$pid" registers2.so && says "answer 12 handler 2" &&
    "$2" "$pid" registers && says "answer 1 handler 2" &&
    "$1" "$pid" registers1.so && says "answer 11 handler 1"
}
ok "a patch with constructors and without destructor stays loaded" \
  stays_registered "$hp_apply" "$hp_revert"
end
refused_registered()
{
  begin ./registry
  gives 1 ': no' "$hp_apply" "$pid" registers_not.so &&
    says "answer 1 handler 1" && "$hp_status" "$pid"
}
ok "also if a hook refuses it afterwards" refused_registered
end

# --- Code in memory of no file --------------------------------------------------------
cat >moved.c <<'END'
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
__attribute__((hotpatch)) int value(int n) { return n; }
static int state = 5;
int* volatile state_at = &state;
/* As helpers do that put text on huge pages; all of it, or one page. */
static void move(int all)
{
  uintptr_t begin = 0, end = 0;
  char line[400];
  FILE* maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) {
    unsigned long b, e;
    char rights[5];
    sscanf(line, "%lx-%lx %4s", &b, &e, rights);
    if (rights[2] == 'x' && b <= (uintptr_t)&value && (uintptr_t)&value < e) {
      begin = all ? b : (uintptr_t)&value & -4096;
      end = all ? e : begin + 4096;
    }
  }
  fclose(maps);
  const size_t size = end - begin;
  char* copy = mmap(0, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(copy, (void*)begin, size);
  mprotect(copy, size, PROT_READ | PROT_EXEC);
  mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)begin);
}
int main(int argc, char** argv)
{
  move(argc > 1 && strcmp(argv[1], "all") == 0);
  setbuf(stdout, 0);
  for (;; usleep(20000))
    printf("value %d\n", value(1));
}
END
cat >for_moved.c <<'END'
#include <hotpatch.h>
HP_PATCH("moved", 1, "");
extern int state HP_IMPORT("moved.c:state");
HP_REPLACES("value") static int other(int n) { return n + 100 + state; }
END
build_moved()
{
  "$CC" -O2 "-fplugin=$HP_PLUGIN" moved.c -o moved &&
    cc -O2 -fPIC -shared for_moved.c -o for_moved.so
}
ok "a program that moves its code is compiled" build_moved
moved_code()
{
  begin ./moved "$2"
  says "value 1" && "$HP_BUILDDIR/tools/hp-list" --pid "$pid" &&
    "$1" "$pid" for_moved.so && says "value 106" &&
    "$hp_revert" "$pid" moved && says "value 1"
}
ok "code that was moved to memory of no file is patched" \
  moved_code "$hp_apply" all
end
ok "so is one page of it" moved_code "$hp_apply" page
end

# --- A dynamic linker that is busy ----------------------------------------------------
# A thread keeps its list of images until there is a file "go"; the borrowed one
# waits for that in dlopen(), with a lock of the dynamic linker.  Afterwards the
# two load something themselves, again and again.
cat >list.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((hotpatch)) int answer(void) { return 1; }
static int go(void) { return access("go", F_OK) == 0; }
static int keep(struct dl_phdr_info* info, size_t size, void* data)
{
  (void)info, (void)size, (void)data;
  while (!go())
    usleep(1000);
  return 1;
}
static void load(void)
{
  void* other = dlopen("./other.so", RTLD_NOW);
  if (other == NULL || dlclose(other) != 0)
    printf("wrong\n");
}
static void* list(void* unused)
{
  dl_iterate_phdr(keep, NULL);
  for (;; usleep(1000)) {
    load();
    printf("second\n");
  }
  return unused;
}
int main(void)
{
  pthread_t thread;
  setbuf(stdout, NULL);
  pthread_create(&thread, NULL, list, NULL);
  for (;; usleep(2000)) {
    if (go())
      load();
    printf("answer %d\n", answer());
  }
}
END
build_list()
{
  "$CC" -O2 -pthread "-fplugin=$HP_PLUGIN" list.c -o list -ldl &&
    echo 'int other;' >other.c && "$CC" -shared -fPIC other.c -o other.so &&
    sed '/^extern/d; s/ + counter//' v1.c >v1_alone.c &&
    cc -O2 -fPIC -shared v1_alone.c -o v1_alone.so
}
ok "a program that keeps the list of images is compiled" build_list
# loads: both threads do.  One that waits for ever for the other's lock is in
# futex(2) each time that it is looked at.
loads()
{
  futex=0
  first=$(grep -c '^answer' out)
  second=$(grep -c '^second' out)
  until [ "$(grep -c '^answer' out)" -gt $((first + 1)) ] &&
    [ "$(grep -c '^second' out)" -gt $((second + 1)) ]; do
    cat "/proc/$pid/task/"*/syscall >calls 2>/dev/null || return
    if grep -q '^202 ' calls; then futex=$((futex + 1)); else futex=0; fi
    [ $futex -lt 100 ] || return
    sleep 0.01
  done
}
late_in_dlopen()
{
  rm -f go
  begin ./list
  gives 2 'loading the patch object has not come back in time' "$hp_apply" \
    -t 0.3 "$pid" v1_alone.so || return
  touch go
  wait_for_file out '^answer 1' && loads
}
applies_afterwards()
{
  "$hp_apply" "$pid" v1_alone.so && wait_for_file out '^answer 100'
}
ok "a thread that is in dlopen() when the time is over comes to its end" \
  late_in_dlopen
ok "and the process can be patched" applies_afterwards
end
# fails_at_waits APPLY: each wait4(2) of it fails once, also in the middle of
# dlopen(), which the thread has to come to the end of.
fails_at_waits()
{
  touch go
  begin ./list
  step=0
  while ./steps -n 61 fail=24 $step "$1" -t 2 "$pid" v1_alone.so >where 2>&1; do
    loads || {
      cat where
      return 1
    }
    "$hp_revert" -t 2 "$pid" p >where 2>&1 || grep -q 'has no patch' where ||
      return
    step=$((step + 1))
  done
  echo "$step calls"
  [ $step -gt 5 ]
}
ok "a program that lets calls fail is compiled" "$CC" -O2 "$here/steps.c" -o steps
ok "no failure takes a thread out of dlopen()" fails_at_waits "$hp_apply"
end

# --- Controls -----------------------------------------------------------------------
ok "tools without countermeasures are built" build_controls
control_apply=$(control_tool hp-apply)
# In a directory, where a system has no such files in memory.
placed_file()
{
  begin ./server
  HP_WITHOUT=sealed_file "$control_apply" "$pid" construct.so &&
    answers 123 1 && cat "/proc/$pid/maps" &&
    grep -q '/[.]hotpatch-.*-construct.so (deleted)' "/proc/$pid/maps" &&
    "$hp_status" "$pid" && "$hp_revert" "$pid" made && answers 1 1001
}
ok "a copy in a directory, where there is none in memory" placed_file
end
# The file is exchanged when hp-apply, which has checked it, stops the first
# thread: ptrace(2) with PTRACE_SEIZE.
exchanged_at_stop()
{
  rm -f p.so
  cp v1.so p.so
  begin ./server
  ./steps -n 101 -r 16902 -e 'cp evil.so p.new && mv p.new p.so' hold 0 \
    "$1" "$pid" p.so || return
  answers 100 && ! grep evil out
}
ok "what was checked is loaded, though the file is exchanged while it loads" \
  exchanged_at_stop "$hp_apply"
end
export HP_WITHOUT=private_copy
ok "control: without a copy the exchanged file is loaded" \
  not exchanged_at_stop "$control_apply"
ok "control: and its code runs" grep -q evil out
end
HP_WITHOUT=leave_unfinished_alone
# Which thread is borrowed, and where it is then, is not the same each time.
fails_at_no_wait()
{
  for _ in 1 2 3 4 5; do
    fails_at_waits "$control_apply" || return
    end
  done
}
ok "control: one that is taken out of it keeps a lock for ever" \
  not fails_at_no_wait
ok "control: and another one waits for that" test "$futex" -ge 100
end
HP_WITHOUT=hold_constructors
control_constructors()
{
  constructed "$control_apply"
}
ok "control: constructors run by the dynamic linker crash the program" \
  not control_constructors
end 2>/dev/null
HP_WITHOUT=keep_constructed
control_registered()
{
  stays_registered "$control_apply" "$(control_tool hp-revert)"
}
ok "control: what is unloaded crashes the program" not control_registered
end 2>/dev/null
HP_WITHOUT=moved_code
ok "control: moved code is not found by its mapping alone" \
  not moved_code "$control_apply" all
end
unset HP_WITHOUT
done_testing
