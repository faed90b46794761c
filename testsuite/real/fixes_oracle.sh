#!/bin/sh
# No change of a real program's source is missed: after each fix, every function
# whose assembly has changed has another hash in the baseline.
#
# SPDX-License-Identifier: MIT
export HP_FIXES_MODE=oracle
: "${HP_FIXES:=lua5.4}"
. "$HP_SRCDIR/testsuite/real/fixes.sh"
