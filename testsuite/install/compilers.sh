#!/bin/sh
# One installation serves several releases of GCC (--with-gcc): each finds its
# own plugin with the same -fplugin=, and one without is told what to do.
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # CC may be several words
. "$HP_SRCDIR/testsuite/lib/common.sh"

ours=$($CC -dumpversion | cut -d. -f1)
other=
for major in 11 12 13 14 15 16; do
  if [ "$major" != "$ours" ] && command -v "g++-$major" >/dev/null &&
    [ -f "$("gcc-$major" -print-file-name=plugin)/include/gcc-plugin.h" ]; then
    other=$major
  fi
done
[ -n "$other" ] || skip_all "no other GCC with its plugin headers is installed"

# install_for OPTION...: as configure --with-gcc=$other would set it up.
install_for()
{
  make -s -C "$HP_BUILDDIR/plugin" install "OTHER_GCC=$other" \
    "others_dir=$workdir" "CXXFLAGS=-O0" -o hotpatch.la -o gcc/hotpatch.la "$@"
}
ok "it is built and installed for GCC $ours and $other" install_for \
  "DESTDIR=$workdir/stage" plugindir=/plugins
plugin=$workdir/stage/plugins/hotpatch.so
[ -f "$plugin" ] || done_testing

cat >program.cc <<'EOT'
#include "raw_patch.h"
[[gnu::hotpatch]] int f(int x) { return x + 1; }
static int other(int x) { return x + 40; }
int main()
{
  raw_patch((void*)f, (void*)other);
  return f(2) != 42;
}
EOT
# patched_by MAJOR PLUGIN [OPTION...]: what this compiler makes can be patched.
patched_by()
{
  patched_major=$1
  patched_plugin=$2
  shift 2
  "g++-$patched_major" -O2 "-I$HP_SRCDIR/testsuite/plugin" \
    "-fplugin=$patched_plugin" "$@" program.cc -o program && ./program
}
for major in "$ours" "$other"; do
  command -v "g++-$major" >/dev/null || continue
  ok "GCC $major takes its own" patched_by "$major" "$plugin"
  ok "GCC $major takes it with -flto" patched_by "$major" "$plugin" -flto
done

rm -r "$workdir/stage/plugins/gcc-$other"
told()
{
  "gcc-$other" "-fplugin=$plugin" -c program.cc 2>told.out
  cat told.out
  grep "there is no plugin for GCC $other.*only for GCC $ours; .*--with-gcc" \
    told.out
}
ok "GCC $other without one is told what to do" told
ok "nothing is compiled then" not patched_by "$other" "$plugin"

# Where GCC itself looks for plugins each has a loader, too.
directory=$("gcc-$other" -print-file-name=plugin)
ok "it is installed where GCC looks" install_for "DESTDIR=$workdir/own" \
  IN_GCC_PLUGIN_DIR=yes "plugindir=$($CC -print-file-name=plugin)"
ok "there -fplugin=hotpatch is enough" patched_by "$other" hotpatch \
  "-B$workdir/own${directory%/plugin}"
uninstalled()
{
  make -s -C "$HP_BUILDDIR/plugin" uninstall "OTHER_GCC=$other" \
    "DESTDIR=$workdir/own" IN_GCC_PLUGIN_DIR=yes \
    "plugindir=$($CC -print-file-name=plugin)" &&
    [ -z "$(find "$workdir/own" -type f)" ]
}
ok "and nothing is left of it when it is uninstalled" uninstalled
done_testing
