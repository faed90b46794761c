#!/bin/sh
# A function that was inlined into others is not replaced without them: by the
# program itself, by hp_load, by hp-apply from outside and through a control
# socket; and hp-list shows where the copies are.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/objects/objects.sh"
. "$HP_SRCDIR/testsuite/lib/controls.sh"
. "$HP_SRCDIR/testsuite/outside/start.sh"

HOTPATCH_DEBUG_PATH=$workdir/nowhere
XDG_RUNTIME_DIR=$workdir/run
export HOTPATCH_DEBUG_PATH XDG_RUNTIME_DIR
mkdir -m 700 run

source=$HP_SRCDIR/testsuite/objects/inlined.c
inline="-fplugin-arg-hotpatch-all -fplugin-arg-hotpatch-inline"
cp "$source" inlined.c
place()
{
  grep -n "\\b$1(int x)\$" inlined.c | cut -d: -f1
}
patch_of()
{
  echo '#include <hotpatch.h>'
  echo 'static inline int encode(int x) { return x + 1001; }'
  for function in "$@"; do
    case $function in
      encode) echo 'HP_REPLACES("encode") static int a(int x) { return encode(x); }' ;;
      serve) echo 'HP_REPLACES("serve") int b(int x) { return 10 * encode(x); }' ;;
      wrap) echo 'HP_REPLACES("wrap") static int c(int x) { return 100 * encode(x); }' ;;
      outer) echo 'HP_REPLACES("outer") int d(int x) { return 5 + 100 * encode(x); }' ;;
      quiet) echo 'HP_REPLACES("quiet") static int e(int x) { return x + 1000; }' ;;
    esac
  done
}
build_inlined()
{
  # shellcheck disable=SC2086 # a list of options
  program -ffunction-sections -Wl,--gc-sections $inline inlined.c &&
    cp program whole && objcopy --only-keep-debug whole whole.debug &&
    patch_of encode >lone.c && patch lone &&
    patch_of encode serve wrap >some.c && patch some &&
    patch_of encode serve wrap outer >every.c && patch every &&
    patch_of quiet >quiet.c && patch quiet
}
ok "program and patches are compiled" build_inlined

old="encode 2 serve 20 wrap 200 outer 205 quiet 3 fixed 3 plain 5"
new="encode 1002 serve 10020 wrap 100200 outer 100205 quiet 3 fixed 3 plain 5"
mixed="encode 1002 serve 20 wrap 200 outer 205 quiet 3 fixed 3 plain 5"
copies="encode: copies are inlined into serve (inlined.c) and 2 others; replace \
these too, or allow it (HP_ALLOW_COPIES, --allow-copies): \
serve (inlined.c:$(place serve)), wrap (inlined.c:$(place wrap)), \
outer (inlined.c:$(place outer))"

# --- By the program itself ----------------------------------------------------
ok "hp_apply refuses it, with the list" runs "apply: HP_INLINED: $copies
$old" apply:encode call
ok "hp_apply allows it if that is asked for" runs "apply: HP_OK
$mixed" allow:encode call
ok "a function that contains copies, but of which there are none, is free" runs \
  "apply: HP_OK" apply:outer
ok "a function without copies is free" runs "apply: HP_OK" apply:plain
ok "a function inlined into one is named with that one" tells \
  "wrap: copies are inlined into outer (inlined.c); replace these too" apply:wrap
ok "a function that cannot be replaced is named as such" tells \
  "quiet: copies are inlined into fixed (inlined.c); replace these too, or allow \
it (HP_ALLOW_COPIES, --allow-copies): fixed (inlined.c:$(place fixed), which has \
no patch site)" apply:quiet
ok "what the linker has dropped contains no copies" runs "apply: HP_OK" \
  apply:lonely
ok "a transaction with all that contain copies" runs "hook of several
commit: HP_OK
$new" commit:encode+serve+wrap+outer call
ok "one with some of them is refused, and names the other" runs \
  "commit: HP_INLINED: encode: copies are inlined into outer (inlined.c); replace
$old" commit:encode+serve+wrap call
ok "what was replaced before does not count" runs "apply: HP_OK
apply: HP_OK
apply: HP_OK
apply: HP_INLINED: $copies" apply:outer apply:serve allow:wrap apply:encode
ok "a transaction for which it is allowed" runs "hook of several
commit: HP_OK
$mixed" commit-allow:encode call
ok "reverting is never refused" runs "apply: HP_OK
revert: HP_OK
$old" allow:encode revert:encode call

ok "hp_load refuses a patch with one of them" runs \
  "load: HP_INLINED: $workdir/lone.so: $copies
$old" load:lone.so call
ok "hp_load refuses a patch with some of them" runs \
  "load: HP_INLINED: $workdir/some.so: encode: copies are inlined into outer
$old" load:some.so call
ok "hp_load allows it if that is asked for" runs "load: HP_OK
$mixed" load-allow:lone.so call
ok "hp_load of a patch with all of them" runs "load: HP_OK
$new" load:every.so call
ok "hp_check finds it" runs "finding: HP_INLINED: $workdir/lone.so: $copies
check: HP_INLINED" check:lone.so

# --- From outside -------------------------------------------------------------
for way in traced asked; do
  if [ $way = asked ]; then
    HOTPATCH_CONTROL=1
    export HOTPATCH_CONTROL
    how=
  else
    how=--trace
  fi
  start_program()
  {
    begin ./program serve
  }
  start_program
  # shellcheck disable=SC2086 # perhaps no option
  refused_outside()
  {
    refuses "lone.so: encode: copies are inlined into serve (inlined.c) and 2 \
others" $how "$@" "$pid" lone.so && says "$old"
  }
  ok "$way: a patch with one of them is refused" refused_outside
  ok "$way: --dry-run says so, too" refused_outside --dry-run
  # shellcheck disable=SC2086
  ok "$way: --dry-run --allow-copies says which copies stay" gives 0 \
    "warning: .*encode: copies are inlined into serve" \
    "$hp_apply" $how --dry-run --allow-copies "$pid" lone.so
  # shellcheck disable=SC2086
  ok "$way: --allow-copies applies it" "$hp_apply" $how --allow-copies "$pid" lone.so
  ok "$way: the copies stay" says "$mixed"
  # shellcheck disable=SC2086
  ok "$way: it is reverted" "$hp_revert" $how "$pid" lone
  # shellcheck disable=SC2086
  ok "$way: a patch with all of them is applied" "$hp_apply" $how "$pid" every.so
  ok "$way: no copy stays" says "$new"
  end
done
unset HOTPATCH_CONTROL

# --- Where the list is --------------------------------------------------------
unknown="encode: copies of it may be inlined into other functions, and it cannot \
be told into which"
without_list()
{
  objcopy --remove-section=.hotpatch.copies whole program
}
ok "the list is taken out" without_list
ok "without the list it is refused" tells "HP_INLINED: $unknown" apply:encode
ok "without the list a patch with all that contain copies is refused, too" tells \
  "HP_INLINED: $workdir/every.so: $unknown" load:every.so
ok "without the list it can be allowed" runs "load: HP_OK
$mixed" load-allow:lone.so call
ok "without the list, what has no copies is free" runs "apply: HP_OK" apply:plain
begin ./program serve
ok "without the list it is refused from outside" refuses "it cannot be told" \
  "$pid" every.so
end
id=$(readelf -n whole | sed -n 's/.*Build ID: //p')
rest=${id#??}
by_id=debug/.build-id/${id%"$rest"}
mkdir -p "$by_id" && cp whole.debug "$by_id/$rest.debug"
HOTPATCH_DEBUG_PATH=$workdir/debug
ok "the list of the debug file: refused" runs "apply: HP_INLINED: $copies" \
  apply:encode
ok "the list of the debug file: a patch with all that contain copies" runs \
  "load: HP_OK" load:every.so
begin ./program serve
ok "the list of the debug file, from outside: refused" refuses \
  "copies are inlined into serve (inlined.c) and 2 others" "$pid" lone.so
ok "the list of the debug file, from outside: applied" "$hp_apply" "$pid" every.so
end
cp whole program

damaged()
{
  objcopy -O binary --only-section=.hotpatch.copies --set-section-flags \
    .hotpatch.copies=alloc whole list &&
    sed 's/in serve/is serve/' list >list.damaged &&
    objcopy --update-section .hotpatch.copies=list.damaged whole program
}
ok "a damaged list is made" damaged
ok "a damaged list is refused" tells "HP_INLINED: $unknown" apply:encode
begin ./program serve
ok "a damaged list is refused from outside" refuses "it cannot be told" \
  "$pid" every.so
end
ok "hp-list says that it is damaged" gives 2 "hotpatch.copies is damaged" \
  "$hp_list" program
cp whole program

# --- hp-list ------------------------------------------------------------------
column()
{
  "$hp_list" "$@" | awk -v name="$name" '
    { for (i = 1; i <= NF; i++) if ($i == "COPIES") at = i
      for (i = 1; i <= NF; i++) if ($i == name) print $at }'
}
has_column()
{
  name=$1
  [ "$(column --color=never program)" = "$2" ]
}
ok "hp-list counts the functions with copies" has_column encode 3
ok "hp-list counts none where there can be none" has_column plain -
ok "hp-list leaves out what the linker has dropped" has_column lonely 0
long()
{
  "$hp_list" --long --match encode program >long.out
  cat long.out
  grep -q "copies in *serve  inlined.c:$(place serve), 1 place$" long.out &&
    grep -q "copies in *outer  inlined.c:$(place outer), 1 place$" long.out
}
ok "hp-list --long names them" long
ok "hp-list --long says where one cannot be replaced" gives 0 \
  "copies in *fixed  .*, has no patch site" "$hp_list" --long --match quiet program
ok "hp-list --json has them" gives 0 \
  '"copies":\[{"name":"serve","file":"inlined.c","line":[0-9]*,"count":1,"patchable":true}' \
  "$hp_list" --json --match encode program
HOTPATCH_DEBUG_PATH=$workdir/nowhere
without_list
ok "hp-list says where it is not known" has_column encode '?'
ok "hp-list --json says where it is not known" gives 0 '"copies":null' \
  "$hp_list" --json --match encode program
ok "hp-list --long says where it is not known" gives 0 "copies in *not known" \
  "$hp_list" --long --match encode program
cp whole program
cc -O2 -c -w $inline inlined.c "-I$HP_SRCDIR" -o object.o
ok "hp-list shows them of an object file" gives 0 "copies in *serve" \
  "$hp_list" --long --match encode object.o
begin ./program serve
ok "hp-list shows them of a process" gives 0 "copies in *serve" \
  "$hp_list" --long --match encode --pid "$pid"
end

# --- Constructors, inline functions, static functions of headers --------------
cat >shared.h <<'EOT'
extern volatile int zero;
inline int shared(int x) { return x + zero; }
static int own(int x) { return x * 2 + zero; }
EOT
cat >library.cc <<'EOT'
#include "shared.h"
__attribute__((noinline)) int in_library(int x) { return shared(x) * 10; }
EOT
cat >program.cc <<'EOT'
#include <hotpatch.hpp>
#include <cstdio>
#include "shared.h"
volatile int zero;
int in_library(int x);
int in_other(int x);
int (*volatile shared_at)(int) = shared;
int (*volatile own_at)(int) = own;
static int step(int x) { return x + zero + 1; }
int (*volatile step_at)(int) = step;
struct base { int v; };
struct thing : virtual base {
  __attribute__((noinline)) thing(int x) { v = step(x); }
};
struct more : thing {
  __attribute__((noinline)) more(int x) : thing(x) { v += 100; }
};
static int other(int x) { return x + 1000; }
static void other_thing(thing*, int) {}
int main(int argc, char**)
{
  if (argc > 9)
    return in_library(1) + in_other(1) + thing(1).v + more(1).v +
           shared_at(1) + own_at(1) + step_at(1);
  auto say = [](const char* what, hp_status status) {
    std::printf("%s: %s: %s\n", what, hp_status_name(status),
                status == HP_OK ? "" : hp_error_message());
  };
  say("shared", hp_apply("shared", other));
  say("own#1", hp_apply("own#1", other));
  say("own#2", hp_apply("own#2", other));
  say("step", hp_apply("step", other));
  for (const char* kinds : {"12", "1", "2"}) {
    hp_transaction* steps = hp_begin();
    hp_add_apply(steps, "step", other);
    for (const char* kind = kinds; *kind; ++kind) {
      char name[] = "_ZN5thingC1Ei";
      name[10] = *kind;
      hp_add_apply_as(steps, name, (hp_function)other_thing, nullptr,
                      HP_ANY_PROTOTYPE | HP_ALLOW_COPIES);
    }
    const hp_status status = hp_commit(steps, nullptr);
    say(kinds, status);
    if (status == HP_OK)
      hp_revert_all();
    else
      hp_abort(steps);
  }
}
EOT
cat >other.cc <<'EOT'
#include "shared.h"
int (*volatile own_there)(int) = own;
__attribute__((noinline)) int in_other(int x) { return own(x); }
EOT
build_cxx()
{
  # shellcheck disable=SC2086
  cxx -O2 -w -fPIC -shared $inline library.cc -o liblibrary.so &&
    cxx -O2 -w -rdynamic $inline program.cc other.cc -o program -L. -llibrary \
      "-Wl,-rpath,$workdir" $with_library
}
ok "C++ is compiled" build_cxx
ok "copies of an inline function in a shared object count" tells \
  "shared: HP_INLINED: shared: copies are inlined into in_library(int) (library.cc);"
ok "a static function of a header is free where it has no copies" tells \
  "own#1: HP_OK"
ok "a static function of a header is refused where it has some" tells \
  "own#2: HP_INLINED: own#2: copies are inlined into in_other(int) (other.cc);"
ok "copies in a constructor are named" tells \
  "step: HP_INLINED: step: copies are inlined into thing::thing(int) (program.cc);"
ok "both bodies of a constructor have to be replaced" tells "12: HP_OK"
ok "the body of whole objects is not enough" tells "1: HP_INLINED"
ok "the body of parts of objects is not enough" tells "2: HP_INLINED"

# --- Controls -----------------------------------------------------------------
controls()
{
  # shellcheck disable=SC2086
  build_controls &&
    control_program objects/inlined.c program $inline -ffunction-sections \
      -Wl,--gc-sections -Wl,--build-id -w && cp program whole
}
ok "controls are built" controls
ok "they do what the others do" tells "HP_INLINED" apply:encode
ok "without the rule hp_apply does it" without refuse_copies tells \
  "apply: HP_OK" apply:encode
ok "without the rule hp_load does it" without refuse_copies tells \
  "load: HP_OK" load:lone.so
begin ./program serve
ok "without the rule hp-apply does it" without refuse_copies \
  "$(control_tool hp-apply)" "$pid" lone.so
end
without_list
ok "without a look at what is unknown it is done" without unknown_copies tells \
  "apply: HP_OK" apply:encode
objcopy --only-keep-debug whole whole.debug
id=$(readelf -n whole | sed -n 's/.*Build ID: //p')
rest=${id#??}
by_id=debug/.build-id/${id%"$rest"}
mkdir -p "$by_id" && cp whole.debug "$by_id/$rest.debug"
HOTPATCH_DEBUG_PATH=$workdir/debug
ok "the debug file helps" tells "load: HP_OK" load:every.so
ok "without a look there it is refused" without copies_in_debug_file tells \
  "$unknown" load:every.so
control_cxx()
{
  # shellcheck disable=SC2086
  cxx -O2 -w -rdynamic $inline program.cc other.cc \
    "$HP_BUILDDIR/runtime/libhotpatch_controls.a" -lelf -lz -liberty -lpthread \
    -o program -L. -llibrary "-Wl,-rpath,$workdir"
}
ok "the control in C++ is compiled" control_cxx
ok "without a look at all images the shared object is forgotten" \
  without all_images tells "shared: HP_OK"
done_testing
