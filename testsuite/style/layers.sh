#!/bin/sh
# Each layer includes only what lies below it (ARCHITECTURE, "Map").
#
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2086 # lists of layers
. "$HP_SRCDIR/testsuite/lib/common.sh"

# includes_only PATH ALLOWED...: what the files at PATH include begins with PATH
# or with one of ALLOWED.
root=$HP_SRCDIR
includes_only()
{
  allowed=$(echo config.h "$@" | tr ' ' '|')
  grep -r --include='*.cc' --include='*.h' --include='*.hpp' '^#include "' \
    "$root/$1"* >includes
  ! grep -vE ":#include \"($allowed)" includes
}

public='runtime/include/'
ok "the plugin: the format" includes_only plugin/ format/
ok "the public headers: nothing" includes_only runtime/include/ hotpatch.h

below="format/ $public"
for layer in base elf unprepared sites model objects stacks threads text commit patches library \
  transactions loading control api; do
  ok "runtime/$layer: what lies below it" includes_only "runtime/$layer/" $below
  below="$below runtime/$layer/"
done
ok "encode: what a site is" includes_only runtime/text/encode format/ $public \
  runtime/sites/site.h

pure="format/ $public runtime/base/ runtime/elf/ runtime/unprepared/ runtime/sites/
  runtime/model/ runtime/objects/ runtime/stacks/ runtime/text/encode.h
  runtime/text/near_gap.h"
ok "processes: the pure layers" includes_only processes/ $pure
ok "outside: the pure layers, and processes" includes_only outside/ $pure \
  processes/
ok "patching: the pure layers, and processes" includes_only patching/ $pure \
  processes/
ok "unprepared: files and the pure layers" includes_only unprepared/ format/ $public \
  runtime/base/ runtime/elf/ runtime/sites/ runtime/unprepared/
ok "tools: the pure layers, processes, outside and patching" includes_only tools/ \
  $pure processes/ outside/ patching/

# All that the layers throw is a tool_error (processes/errors.h), so that code
# that undoes something catches it.
other_exceptions()
{
  grep -rnE '(class|struct) [a-z_]+ *: *public (std::|[a-z_]*(error|exception))' \
    --include='*.cc' --include='*.h' "$root/processes" "$root/outside" \
    "$root/patching" |
    grep -vE 'class tool_error : public std::runtime_error|public tool_error '
}
ok "every exception class of processes/, outside/ and patching/ is a tool_error" \
  not other_exceptions

# A low layer that uses a higher one.
mkdir -p upside_down/low
echo '#include "high/file.h"' >upside_down/low/file.h
root=$workdir/upside_down
ok "control: an include of a higher layer is seen" not includes_only low/ format/
mkdir upside_down/processes upside_down/outside upside_down/patching
echo 'class thread_gone : public std::runtime_error {' >upside_down/outside/a.h
ok "control: an exception that is none is seen" other_exceptions
done_testing
