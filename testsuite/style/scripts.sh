#!/bin/sh
# The scripts pass shellcheck.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/lib/project_files.sh"

command -v shellcheck >/dev/null || skip_all "shellcheck is not installed"

for file in $(project_files -name '*.sh' -o -name bootstrap -o \
  -path './.ci/run'); do
  ok "$file" shellcheck --shell=sh --severity=warning --exclude=SC1091,SC2154 \
    "$HP_SRCDIR/$file"
done
done_testing
