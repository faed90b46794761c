#!/bin/sh
# memcached, built by its own configure and make with every function patchable,
# has two functions replaced by a thread while it serves four clients.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/real/fetch.sh"
here=$HP_SRCDIR/testsuite/real
library=$HP_BUILDDIR/runtime/.libs
hp_list=$HP_BUILDDIR/tools/hp-list

echo '#include <event.h>' | "$CC" -E -x c - >/dev/null 2>&1 ||
  skip_all "libevent-dev is not installed"
fetch_source memcached

build_memcached()
{
  "$CC" -O2 -Wall "-I$HP_SRCDIR/runtime/include" -pthread -c \
    "$here/memcached_patcher.c" -o patcher.o &&
    "$CC" -O2 -Wall "-I$HP_SRCDIR/runtime/include" -pthread \
      "$here/memcached_load.c" -o load || return
  (cd source && ./configure -q --disable-docs CC="$CC" &&
    make -s -j 2 memcached \
      CFLAGS="-g -O2 -pthread -fplugin=$HP_PLUGIN -fplugin-arg-hotpatch-all" \
      LIBS="$workdir/patcher.o -L$library -lhotpatch -levent -lpthread" \
      LDFLAGS="-Wl,-rpath,$library")
}
ok "memcached builds with every function patchable" build_memcached
[ -x source/memcached ] || done_testing

source/memcached -s socket -t 4 -u "$(id -un)" 2>errors &
pid=$!
until [ -S socket ] || ! kill -0 "$pid" 2>/dev/null; do
  sleep 0.1
done
./load socket >output &
load=$!
until [ -e applied ] || ! kill -0 "$pid" "$load" 2>/dev/null; do
  sleep 0.1
done

lists_process()
{
  "$hp_list" --pid "$pid" >list && grep -w process_version_command list
}
ok "hp-list shows the sites of the running server" lists_process
touch listed

load_ends_well()
{
  wait "$load" && cat output errors && [ ! -s errors ]
}
ok "the clients come to their end" load_ends_well

# prints COUNT LINE: so often among what the clients printed.
prints()
{
  cat output
  [ "$(grep -cFx "$2" output)" -eq "$1" ]
}
ok "no client got a wrong answer" prints 1 "wrong answers: 0"
ok "all saw the function replaced and reverted" \
  prints 4 "versions: original patched original"

ends_when_told()
{
  kill "$pid" && wait "$pid"
}
ok "memcached ends when told to" ends_when_told
done_testing
