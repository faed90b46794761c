#!/bin/sh
# The Lua interpreter, built by its own Makefile with every function patchable,
# has three functions replaced by a second thread while it runs a script.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
here=$HP_SRCDIR/testsuite/real
library=$HP_BUILDDIR/runtime/.libs
hp_list=$HP_BUILDDIR/tools/hp-list

fetch_source lua5.4
lua=source/src/lua

build_lua()
{
  "$CC" -O2 -Wall "-I$HP_SRCDIR/runtime/include" -Isource/src -pthread -c \
    "$here/lua_patcher.c" -o patcher.o &&
    make -s -C source/src -j 2 linux CC="$CC -std=gnu99" \
      MYCFLAGS="-fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all" \
      MYLIBS="$workdir/patcher.o -L$library -lhotpatch -lpthread" \
      MYLDFLAGS="-Wl,-rpath,$library"
}
ok "Lua builds with every function patchable" build_lua
[ -x "$lua" ] || done_testing

lists_lua()
{
  "$hp_list" "$lua" >list && grep -w str_upper list &&
    grep -w luaL_tolstring list && grep -w luaH_getshortstr list &&
    [ "$("$hp_list" --count "$lua")" -gt 800 ]
}
ok "hp-list shows its functions, static ones too" lists_lua

"$lua" "$here/lua_script.lua" >output 2>errors &
pid=$!
while [ ! -e applied ] && kill -0 "$pid" 2>/dev/null; do
  sleep 0.1
done
lists_process()
{
  "$hp_list" --pid "$pid" >list && grep -w str_upper list
}
ok "hp-list shows them in the running interpreter" lists_process
touch listed
wait "$pid"
echo $? >status

ends_well()
{
  cat errors output
  [ "$(cat status)" -eq 0 ] && [ ! -s errors ]
}
ok "the interpreter ends as usual" ends_well

# prints LINE: among what the script printed.
prints()
{
  cat output
  grep -qFx "$*" output
}
ok "a static function is replaced and reverted" \
  prints "upper: HELLO HELLO! HELLO"
ok "a library function is replaced and reverted" \
  prints "tostring: 7 #7 7"
ok "every round of the script has the same result" \
  prints "wrong rounds: 0"
ok "which is the right one" prints \
  "result: 177642 xof,ti,spmuj,revo,nworb,kciuq,eht"

done_testing
