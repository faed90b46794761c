#!/bin/sh
# Every file names its licence: the plugin's is the GPL, all others' is MIT.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/project_files.sh"

# names LICENCE FILE
names()
{
  grep -q "SPDX-License-Identifier: $1\$\|SPDX-License-Identifier: $1 \*/\$" \
    "$2"
}

for file in $(project_files -name '*.c' -o -name '*.cc' -o -name '*.h' -o \
  -name '*.hpp' -o -name '*.hh' -o -name '*.sh' -o -name '*.am' -o -name 'hp_*.m4' -o \
  -name '*.py' -o -name '*.lua' -o -name bootstrap -o -path ./.ci/run); do
  case $file in
    plugin/*.am) licence=MIT ;;
    plugin/*) licence=GPL-3.0-or-later ;;
    *) licence=MIT ;;
  esac
  ok "$file" names "$licence" "$HP_SRCDIR/$file"
done
done_testing
