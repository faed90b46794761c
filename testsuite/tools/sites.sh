# Images for the tests of hp-list, made of hand-written sites so that every
# address and size in the expected output is known.
#
# SPDX-License-Identifier: MIT
# shellcheck shell=sh

# shellcheck disable=SC2034 # the tests use it
hp_list=$HP_BUILDDIR/tools/hp-list
sites_inc="-I$HP_SRCDIR/testsuite/lib"

cat >sites.s <<'EOF'
.include "site.inc"
site begin, "server.c", 10, prototype="int (void)"
site parse_header, "src/parse.c", 42, prototype="int (char const*, ...)", flags=0x202
site _ZN2ns5Point5scaleEd, "src/point.cc", 7, prototype="double (ns::Point*, double)", flags=0x414
site _ZN2ns5PointC2Ev, "src/point.cc", 3, prototype="void (ns::Point*)", flags=0x430
further_name _ZN2ns5PointC1Ev, _ZN2ns5PointC2Ev
EOF

assemble()
{
  "$CC" "$sites_inc" -c "$@"
}

# link OUTPUT FLAGS...: from sites.o, at a fixed address.
link()
{
  link_output=$1
  shift
  "$CC" -nostdlib -Wl,-e,begin -Wl,-Ttext=0x401000 \
    -Wl,--build-id=0x00112233445566778899aabbccddeeff01234567 \
    "$@" sites.o -o "$link_output"
}

# prints EXPECTED COMMAND...: the command succeeds and prints exactly the
# contents of the file EXPECTED, and nothing on the standard error.
prints()
{
  expected=$1
  shift
  "$@" >actual 2>errors || { echo "exit status $?"; cat errors; return 1; }
  cat errors
  [ ! -s errors ] && diff -u "$expected" actual
}

# fails STATUS PATTERN COMMAND...: exit status STATUS, a message on the standard
# error that contains PATTERN, and nothing on the standard output.
fails()
{
  wanted_status=$1
  pattern=$2
  shift 2
  "$@" >actual 2>errors
  status=$?
  cat errors actual
  [ "$status" -eq "$wanted_status" ] && [ ! -s actual ] &&
    grep -qF -- "$pattern" errors
}

# hotpatch_offset FILE: where its first .hotpatch section begins.
hotpatch_offset()
{
  readelf -SW "$1" | sed -n 's/^.* [.]hotpatch  *PROGBITS  *[0-9a-f]* \([0-9a-f]*\) .*/\1/p' |
    head -n 1
}

# poke FILE OFFSET HEX: writes the bytes HEX ("0a 0b") over those of .hotpatch.
poke()
{
  poke_at=$((0x$(hotpatch_offset "$1") + $2))
  for byte in $3; do
    # shellcheck disable=SC2059 # the format is an escape
    printf "\\$(printf '%03o' "0x$byte")"
  done | dd of="$1" bs=1 seek="$poke_at" conv=notrunc status=none
}

# add_to FILE OFFSET NUMBER: to the 32-bit word at OFFSET in .hotpatch.
add_to()
{
  sum=$(od -An -td4 -j$((0x$(hotpatch_offset "$1") + $2)) -N4 "$1")
  sum=$(((sum + $3) & 0xffffffff))
  poke "$1" "$2" "$(printf '%02x %02x %02x %02x' $((sum & 255)) \
    $((sum >> 8 & 255)) $((sum >> 16 & 255)) $((sum >> 24)))"
}
