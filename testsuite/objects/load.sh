#!/bin/sh
# A patch object is loaded, does what it says with what the program has, and is
# gone afterwards.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"

cat >other.c <<'EOT'
static int limit = 1000;
static int reset(int x) { return x + limit; }
int other(int x) { static int count; limit += x; return reset(x) + ++count; }
EOT
cat >program.c <<'EOT'
#include "testsuite/objects/commands.h"
struct conn { int fd; long timeout; };
int exported = 1;
static int limit = 10;
__thread int per_thread = 100;
static __thread int own_per_thread = 200;
static int table[4] = {1, 2, 3, 4};
int other(int);
__attribute__((noinline)) static int helper(int x) { return x + limit; }
int hidden(int x)
{
  const int result = helper(x) * 2;
  load_if_asked();
  return result + (limit == 77);
}
static int reset(int x) { static int count; return x + limit + ++count; }
int parse_header(struct conn* c, unsigned long size)
{
  return c->fd + (int)size + own_per_thread;
}
static void call(void)
{
  struct conn c = {1, 2};
  const int parsed = parse_header(&c, 3);
  const int after_reset = reset(1);
  printf("parse %d reset %d other %d\n", parsed, after_reset, other(1));
}
int main(int argc, char** argv)
{
  limit += argc > 100;
  own_per_thread += argc > 100;
  table[argc & 3] += argc > 100;
  if (argc == 2 && strncmp(argv[1], "inside:", 7) == 0)
    load_inside = argv[1] + 7;
  else if (run_commands(argc, argv, call) != 0)
    return 1;
  return hidden(0) == 77;
}
EOT
all=-fplugin-arg-hotpatch-all
program $all program.c other.c || exit 99

ok "the program as it is" runs "parse 204 reset 12 other 1003
parse 204 reset 13 other 1005" call call

cat >plain.c <<'EOT'
#include <hotpatch.h>
struct conn { int fd; long timeout; };
HP_PATCH("plain", 3, "What it is for");
HP_REPLACES("parse_header")
static int parse_header(struct conn* c, unsigned long size)
{
  return c->fd * 1000 + (int)size;
}
EOT
ok "a patch is compiled" patch plain
ok "loaded and unloaded" runs "parse 204 reset 12 other 1003
load: HP_OK
parse 1003 reset 13 other 1005
patch plain version 3 sites 1 active 1: What it is for
plain.so is mapped
unload: HP_OK
plain.so is not mapped
parse 204 reset 14 other 1007" call load:plain.so call patches mapped:plain.so \
  unload:plain mapped:plain.so call
for level in immediate strict quiescent safepoint; do
  ok "at level $level" runs "load: HP_OK
parse 1003 reset 12 other 1003
unload: HP_OK
parse 204 reset 13 other 1005" load:plain.so@$level call unload:plain call
done
ok "unloaded at another level, freed later" runs "load: HP_OK
unload: HP_OK
remark: patch \"plain\" is taken away, and its code stays loaded: only the level
parse 204 reset 12 other 1003
plain.so is mapped
unload: HP_OK
plain.so is not mapped" load:plain.so unload:plain@immediate call \
  mapped:plain.so unload:plain mapped:plain.so
ok "taken away as a named patch, freed later" runs "load: HP_OK
remove: HP_OK
unload: HP_OK
plain.so is not mapped" load:plain.so remove:plain unload:plain mapped:plain.so
ok "loaded again and again" runs "load: HP_OK
unload: HP_OK
load: HP_OK
remove: HP_OK
load: HP_OK
parse 1003 reset 12 other 1003" load:plain.so unload:plain load:plain.so \
  remove:plain load:plain.so call

# state NAME: a command that shows its state.
state()
{
  echo "state:/$1.so@$(readelf -WS "$1.so" | sed -n \
    's/.*\.hotpatch\.state *PROGBITS *\([0-9a-f]*\) .*/\1/p')"
}
cat >second.c <<'EOT'
#include <hotpatch.h>
HP_REPLACES("other.c:reset") static int fixed(int x) { return x + 5; }
EOT
patch second
ok "the state says what is applied, and in which order" runs "load: HP_OK
version 1 size 64 phase 2 agent 0 sequence 1
load: HP_OK
version 1 size 64 phase 2 agent 0 sequence 2
remove: HP_OK
version 1 size 64 phase 0 agent 0 sequence 1" load:plain.so "$(state plain)" \
  load:second.so "$(state second)" remove:plain "$(state plain)"

# At the level quiescent a patch is refused while the caller is inside what it
# replaces.
for level in immediate strict quiescent; do
  cat >level.c <<EOT
#include <hotpatch.h>
HP_PATCH_LEVEL("$level");
HP_REPLACES("hidden") static int other_hidden(int x) { return x; }
EOT
  patch level
  case $level in
    quiescent) wanted="load: HP_BUSY" ;;
    *) wanted="load: HP_OK" ;;
  esac
  ok "the level that the patch states, $level" tells "$wanted" inside:level.so
  ok "unless the caller has another wish" tells "load: HP_OK" \
    inside:level.so@immediate
done

cat >uses.c <<'EOT'
#include <hotpatch.h>
#include <stdio.h>
struct conn { int fd; long timeout; };
extern int exported;
extern int limit HP_IMPORT("program.c:limit");
extern int other_limit HP_IMPORT("other.c:limit");
extern int reset_count HP_IMPORT("program.c:count");
extern __thread int per_thread;
extern __thread int own_per_thread;
extern int table[4];
int hidden(int);
int helper(int);
int parse_original(struct conn*, unsigned long) HP_ORIGINAL("parse_header");
int other_reset(int) HP_IMPORT("other.c:reset");
int printf_is_the_library_s;
HP_PATCH("uses", 1, "");
HP_REPLACES("parse_header")
int parse_fixed(struct conn* c, unsigned long size)
{
  printf("%d %d %d %d ", exported, limit, other_limit, reset_count);
  printf("%d %d %d ", per_thread, own_per_thread, table[3]);
  limit += 1;
  return parse_original(c, size) + hidden(1) + helper(1) + other_reset(5);
}
EOT
uses="load: HP_OK
1 10 1000 0 100 200 4 parse 1245 reset 13 other 1003
unload: HP_OK
parse 204 reset 14 other 1005"
for options in '' -Wl,-z,now '-fno-plt -Wl,-z,now' -ftls-model=initial-exec \
  -flto -fno-semantic-interposition '-O0 -g' -mcmodel=large -Wl,--gc-sections; do
  ok "compiled $options" patch uses $options
  ok "uses what the program has: $options" runs "$uses" load:uses.so call \
    unload:uses call
done
ok "also of a program that runs at a fixed place" program -no-pie -fno-pie \
  $all program.c other.c
ok "uses what that has" runs "$uses" load:uses.so call unload:uses call
ok "also of a program linked with -flto" program -flto $all program.c other.c
ok "plain replacements there" tells "parse 1003" load:plain.so call
ok "also of a stripped program" program -s $all program.c other.c
ok "plain replacements in it" tells "parse 1003" load:plain.so call
program $all program.c other.c || exit 99

# Without .weak the object cannot be loaded: the countermeasure is needed.
$CC -S -O2 -fPIC -fplugin="$HP_PLUGIN" -I"$HP_SRCDIR/runtime/include" uses.c \
  -o uses.s
grep -v '\.weak' uses.s >strong.s
$CC -shared strong.s -o strong.so
ok "control: without weak symbols the dynamic linker refuses" \
  tells "undefined symbol" load:strong.so

cat >weak.c <<'EOT'
#include <hotpatch.h>
extern int absent_function(int) __attribute__((weak));
extern int absent_variable __attribute__((weak));
HP_REPLACES("other.c:reset") static int fixed(int x)
{
  return absent_function || &absent_variable ? -1 : x + 5;
}
EOT
ok "a patch with weak symbols of its own" patch weak
ok "what the user made weak stays absent" tells \
  "parse 204 reset 12 other 7" load:weak.so call

cat >one.c <<'EOT'
#include <hotpatch.h>
int common(int);
extern int total;
HP_REPLACES("other.c:reset") static int fixed(int x)
{
  return common(x) + total;
}
EOT
cat >two.c <<'EOT'
int total = 7;
int common(int x) { return x + 100; }
EOT
for options in '' -flto -fvisibility=hidden; do
  # shellcheck disable=SC2086
  ok "a patch of two sources $options" cc -O2 -fPIC -shared $options one.c \
    two.c -o both.so
  ok "uses its own $options" tells "other 109" load:both.so call
done

for n in 1 2 3; do
  cat >v$n.c <<EOT
#include <hotpatch.h>
HP_PATCH("versioned", $n, "");
HP_REPLACES("program.c:reset") static int fixed(int x) { return x * $n; }
EOT
  patch v$n
done
cat >needs.c <<'EOT'
#include <hotpatch.h>
HP_PATCH("dependent", 1, "");
HP_PATCH_NEEDS("versioned", 2);
HP_REPLACES("other.c:reset") static int fixed(int x) { return x; }
EOT
patch needs
ok "a newer version takes the place of an older one" runs "load: HP_OK
load: HP_OK
patch versioned version 2 sites 1 active 1:
parse 204 reset 2 other 1003
load: HP_OK
unload: HP_OK
v3.so is not mapped
v2.so is not mapped
v1.so is not mapped
parse 204 reset 12 other 1005
unload: HP_NOT_APPLIED: no patch object \"versioned\" is loaded" load:v1.so \
  load:v2.so patches call load:v3.so unload:versioned mapped:v3.so \
  mapped:v2.so mapped:v1.so call unload:versioned
ok "the older version's code can go before" runs "load: HP_OK
load: HP_OK
unload: HP_OK
v1.so is not mapped
v2.so is mapped
unload: HP_OK
v2.so is not mapped" load:v1.so load:v2.so "unload:$workdir/v1.so" \
  mapped:v1.so mapped:v2.so unload:versioned mapped:v2.so
ok "at the level quiescent its code is freed" runs "load: HP_OK
load: HP_OK
v1.so is not mapped
v2.so is mapped
parse 204 reset 2 other 1003" load:v1.so load:v2.so@quiescent mapped:v1.so \
  mapped:v2.so call
ok "a dependency that is there" runs "load: HP_OK
load: HP_OK
unload: HP_NEEDED: patch \"versioned\"
unload: HP_OK
unload: HP_OK" load:v3.so load:needs.so unload:versioned unload:dependent \
  unload:versioned
cp v1.so same.so
ok "another file with the same patch" runs "load: HP_OK
unload: HP_OK" load:same.so unload:versioned

# The dynamic linker knows a path that it has loaded: a caller that asks it for the new
# file gets the old code, and the records do not tell the two apart.
for id in --build-id --build-id=none; do
  for n in 1 2 3; do
    printf '%s\n' '#include <hotpatch.h>' \
      'HP_REPLACES("program.c:reset")' \
      "static int fixed(int x) { return x * $n; }" >same.c
    patch same -Wl,$id && mv same.so same$n.so
  done
  cp same1.so same.so
  ok "another file under the same path, the old code still there ($id)" \
    runs "load: HP_OK
parse 204 reset 1 other 1003
unload: HP_OK
remark:
load: HP_OK
parse 204 reset 2 other 1005
unload: HP_OK
remark:
load: HP_OK
parse 204 reset 3 other 1007" load:same.so call unload:same@immediate \
    move:same2.so@same.so load:same.so call unload:same@immediate \
    move:same3.so@same.so load:same.so call
done

cat >hooks.c <<'EOT'
#include <hotpatch.h>
#include <stdio.h>
#include <stdlib.h>
HP_PATCH("hooked", 1, "");
HP_HOOK("before_apply") static const char* before(void)
{
  puts("before apply");
  return getenv("REFUSE_APPLY");
}
HP_HOOK("after_apply") static void after(void) { puts("after apply"); }
HP_HOOK("before_revert") static const char* before_revert(void)
{
  puts("before revert");
  return getenv("REFUSE_REVERT");
}
HP_HOOK("after_revert") static void after_revert(void)
{
  puts("after revert");
}
HP_REPLACES("other.c:reset") static int fixed(int x) { return x + 5; }
EOT
ok "a patch with hooks" patch hooks
ok "hooks are called" runs "before apply
after apply
load: HP_OK
before revert
after revert
unload: HP_OK" load:hooks.so unload:hooked
export REFUSE_APPLY="not today"
ok "a hook says no" tells \
  'load: HP_VETOED: patch "hooked" (version 1) does not let itself be applied: not today' \
  load:hooks.so
ok "nothing is left of it" runs "before apply
load: HP_VETOED
hooks.so is not mapped
parse 204 reset 12 other 1003" load:hooks.so mapped:hooks.so call
unset REFUSE_APPLY
export REFUSE_REVERT="never"
ok "a hook does not let it go" runs "before apply
after apply
load: HP_OK
before revert
unload: HP_VETOED
parse 204 reset 12 other 7" load:hooks.so unload:hooked call
unset REFUSE_REVERT
cat >built.c <<'EOT'
#include <hotpatch.h>
#include <stdio.h>
extern int limit HP_IMPORT("program.c:limit");
static int made;
__attribute__((constructor)) static void add(int argc, char** argv)
{
  made += argv[argc] == NULL ? 1 : 1000;
}
__attribute__((constructor(101))) static void make(void) { made = limit * 2; }
__attribute__((destructor)) static void end(void) { puts("destroyed"); }
HP_REPLACES("other.c:reset") static int fixed(int x) { return x + made; }
EOT
ok "a patch with constructors" patch built
ok "constructors use what the program has, and destructors run" runs "load: HP_OK
parse 204 reset 12 other 23
destroyed
unload: HP_OK
built.so is not mapped" load:built.so call unload:built mapped:built.so
ok "at the end of the program, too" runs "load: HP_OK
destroyed" load:built.so

# What is checked is read once, so nothing else can be loaded.
opened_once()
{
  strace -f -o trace -e trace=open,openat ./program load:plain.so call >said ||
    return
  cat trace
  [ "$(grep -c '"[^"]*/plain[.]so"' trace)" -eq 1 ] && grep -q 'parse 1003' said
}
if command -v strace >/dev/null; then
  ok "the file is opened once" opened_once
else
  skip "the file is opened once" "strace is not installed"
fi
cp plain.so replaced.so
echo garbage >garbage
ok "it is unloaded after the file was replaced" runs "load: HP_OK
parse 1003 reset 12 other 1003
unload: HP_OK
parse 204 reset 13 other 1005" load:replaced.so move:garbage@replaced.so call \
  unload:plain call

# Where files in memory are refused, the copy is in a directory for a moment.
cat >refuse.c <<'EOT'
#include <errno.h>
int memfd_create(const char* name, unsigned flags)
{
  (void)name;
  (void)flags;
  errno = ENOSYS;
  return -1;
}
EOT
in_directory()
{
  "$CC" -O2 -fPIC -shared refuse.c -o refuse.so &&
    LD_PRELOAD=$workdir/refuse.so runs "load: HP_OK
parse 204 reset 12 other 23
/.hotpatch- is mapped
destroyed
unload: HP_OK
/.hotpatch- is not mapped" load:built.so call mapped:/.hotpatch- \
      unload:built mapped:/.hotpatch- || return
  ! find /dev/shm /tmp /var/tmp /run -maxdepth 1 -name '.hotpatch-*-built.so' |
    grep .
}
ok "without files in memory" in_directory
done_testing
