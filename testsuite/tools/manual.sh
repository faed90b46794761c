#!/bin/sh
# The manual pages are sound, and say what the headers and the plugin say.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

header=$HP_SRCDIR/runtime/include/hotpatch.h
header_cxx=$HP_SRCDIR/runtime/include/hotpatch.hpp
pages=$HP_SRCDIR/man

no_warning()
{
  LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 \
    -Z "$1" 2>&1 >/dev/null | tee warnings
  [ ! -s warnings ]
}
for page in hp-list.1 hp-apply.1 hp-status.1 hp-watch.1 hotpatch.3 hotpatch.7; do
  if command -v mandoc >/dev/null; then
    ok "$page passes mandoc's checks" mandoc -T lint -W warning "$pages/$page"
  else
    skip "$page passes mandoc's checks" "mandoc is not installed"
  fi
  if command -v man >/dev/null && command -v groff >/dev/null; then
    ok "$page is rendered without a warning" no_warning "$pages/$page"
  else
    skip "$page is rendered without a warning" "man-db is not installed"
  fi
done

# The functions a C program can call, from their declarations and macros.
sed -n 's/^HP_API .*[ *]\(hp_[a-z_]*\)(.*/\1/p
  s/^#define \(hp_[a-z_]*\)(.*/\1/p' "$header" | sort -u >declared
sed -n 's/^[.]Fn \(hp_[a-z_]*\) .*/\1/p' "$pages/hotpatch.3" | sort -u \
  >in-synopsis
sed -n 's/^[.]Nm \(hp_[a-z_]*\).*/\1/p' "$pages/hotpatch.3" | sort -u >in-name
ok "the header declares functions" test "$(wc -l <declared)" -ge 15
ok "hotpatch(3) describes what hotpatch.h declares" diff declared in-synopsis
ok "hotpatch(3) is found by their names" diff declared in-name
for function in $(cat declared); do
  ok "man $function" grep -q "[ 	]${function}[.]3\b" "$pages/Makefile.am"
done

sed -n 's/^  \(HP_[A-Z_]*\) = \([1-9][0-9]*\),\{0,1\}  *.*/\1 \2/p' "$header" |
  sed '/HP_LOG_\|HP_ANY_\|HP_ALLOW_/d' >statuses
sed -n 's/^[.]It Dv \(HP_[A-Z_]*\) Pq \([0-9]*\)$/\1 \2/p' \
  "$pages/hotpatch.3" >in-errors
ok "the header has statuses" test "$(wc -l <statuses)" -ge 14
ok "hotpatch(3) has every status with its number" diff statuses in-errors

sed -n '/^typedef struct hp_site {/,/^}/s/^.*[ *]\([a-z]*\);.*/\1/p' "$header" \
  >members
for member in $(cat members); do
  ok "hotpatch(3) has hp_site's $member" \
    grep -qE "^[.]It Va (.*, )?$member( ,.*)?\$" "$pages/hotpatch.3"
done
for name in apply revert remove status patch original sites apply_or_throw \
  revert_or_throw patch_or_throw error transaction named_patch remove_patch; do
  ok "hotpatch.hpp and hotpatch(3) have $name" sh -c \
    "grep -q '\\b$name\\b' '$header_cxx' && grep -q '\\b$name\\b' '$pages/hotpatch.3'"
done

echo 'int x;' >x.c
cc -fplugin-arg-hotpatch-help -c x.c 2>help.txt
sed -n 's/^  \([a-z-]\{3,\}\).*/\1/p' help.txt | sort >in-help
grep -o 'fplugin-arg-hotpatch-[a-z-]*' "$pages/hotpatch.7" |
  sed 's/fplugin-arg-hotpatch-//' | sort -u >in-manual
ok "hotpatch(7) has the plugin's options" diff in-help in-manual

sed -n '/^[.]Sh EXAMPLES/,/^[.]Ed/p' "$pages/hotpatch.3" |
  sed '1,/^[.]Bd/d; /^[.]Ed/d; s/\\e/\\/g' >example.c
example()
{
  cc -O2 -Wall -Wextra -Werror example.c -o example \
    "-L$HP_BUILDDIR/runtime/.libs" -lhotpatch \
    "-Wl,-rpath,$HP_BUILDDIR/runtime/.libs" && ./example >actual 2>&1
  cat actual
  [ "$(cat actual)" = 500 ]
}
ok "the example of hotpatch(3) does what it shows" example

# The format's description is the structure's, field by field.
sed -n '/^struct record {/,/^}/s/^ .* \([a-z_0-9]*\)\(\[2\]\)\{0,1\};  *\/\/ *\([0-9]*\) .*/\3 \1/p
' "$HP_SRCDIR/format/record.h" >fields
sed -n '/^## A record/,/^## /s/^| *\([0-9]*\) | *[0-9]* | `\([a-z_0-9]*\)` .*/\1 \2/p
' "$HP_SRCDIR/format/README.md" >in-readme
ok "format/README.md has the record's fields" diff fields in-readme
sed -n 's/^  \(site_[a-z]*\) = 1u << \([0-9]*\),.*/\2 \1/p' \
  "$HP_SRCDIR/format/record.h" >flags
sed -n 's/^| *\([0-9]*\) | `\(site_[a-z]*\)` .*/\1 \2/p' \
  "$HP_SRCDIR/format/README.md" >flags-in-readme
ok "format/README.md has the flags" diff flags flags-in-readme
ok "there are fields and flags" test "$(cat fields flags | wc -l)" -ge 30
done_testing
