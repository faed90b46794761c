#!/bin/sh
# Every source file is laid out as .clang-format says.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/project_files.sh"

# Other versions lay some lines out differently.
format=clang-format-14
command -v "$format" >/dev/null || skip_all "$format is not installed"

for file in $(project_files -name '*.c' -o -name '*.cc' -o -name '*.h' -o \
  -name '*.hpp' -o -name '*.hh'); do
  ok "$file" "$format" --dry-run -Werror "$HP_SRCDIR/$file"
done

echo 'int  x ;' >ugly.c
cp "$HP_SRCDIR/.clang-format" .
ok "an ugly file is found" not "$format" --dry-run -Werror ugly.c
done_testing
