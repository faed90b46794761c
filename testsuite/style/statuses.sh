#!/bin/sh
# hotpatch.h says of each status what hp_strerror() says.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

# in_header FILE, in_library FILE: "HP_NAME text" for each, except HP_OK.
in_header()
{
  sed -n '/^typedef enum hp_status/,/^}/s@^  \(HP_[A-Z_]*\) = [0-9]*,* */\* \(.*\) \*/$@\1 \2@p' "$1"
}
in_library()
{
  sed -n 's/^    {"\(HP_[A-Z_]*\)", "\(.*\)"},$/\1 \2/p' "$1" | grep -v '^HP_OK '
}
header=$HP_SRCDIR/runtime/include/hotpatch.h
library=$HP_SRCDIR/runtime/api/capi.cc

# agree HEADER
agree()
{
  in_header "$1" >said
  in_library "$library" >meant
  [ "$(wc -l <meant)" -ge 22 ] && diff said meant
}
ok "hotpatch.h and hp_strerror() say the same of each status" agree "$header"
sed 's/is damaged/is broken/' "$header" >other.h
ok "control: another text is seen" not agree other.h
done_testing
