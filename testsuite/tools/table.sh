#!/bin/sh
# The table and the long form, letter by letter, for every kind of file.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

assemble sites.s
link server -static
link libserver.so -shared
link server-pie -pie
"$CC" -nostdlib -shared sites.o -o plain.so
strip -o stripped server
cp sites.o copy.o
ar rcs libserver.a sites.o copy.o

cat >table <<'EOF'
ADDRESS              SIZE  KIND   PAD  NAME                  DEMANGLED                 SOURCE
0000000000401008       14  nop8   8    begin                 -                         server.c:10
0000000000401028       14  nop8   8    parse_header          -                         src/parse.c:42
0000000000401048       14  nop8   8    _ZN2ns5Point5scaleEd  ns::Point::scale(double)  src/point.cc:7
0000000000401068       14  nop8   8    _ZN2ns5PointC2Ev      ns::Point::Point()        src/point.cc:3
0000000000401068       14  alias  8    _ZN2ns5PointC1Ev      ns::Point::Point()        src/point.cc:3
EOF
ok "an executable" prints table "$hp_list" server
ok "a shared object" prints table "$hp_list" libserver.so
ok "a position-independent executable" prints table "$hp_list" server-pie
ok "a stripped executable" prints table "$hp_list" stripped

cat >demangled <<'EOF'
ADDRESS              SIZE  KIND   PAD  NAME                      SOURCE
0000000000401008       14  nop8   8    begin                     server.c:10
0000000000401028       14  nop8   8    parse_header              src/parse.c:42
0000000000401048       14  nop8   8    ns::Point::scale(double)  src/point.cc:7
0000000000401068       14  nop8   8    ns::Point::Point()        src/point.cc:3
0000000000401068       14  alias  8    ns::Point::Point()        src/point.cc:3
EOF
ok "--demangle" prints demangled "$hp_list" --demangle server

# Addresses in an object file are those of a provisional layout.
names_of()
{
  "$hp_list" --demangle "$@" | cut -c19-
}
cut -c19- demangled >demangled-names
ok "an object file" prints demangled-names names_of sites.o

cat >archive <<'EOF'
libserver.a(sites.o):
EOF
cut -c19- demangled >>archive
printf '\nlibserver.a(copy.o):\n' >>archive
cut -c19- demangled >>archive
archive_listing()
{
  "$hp_list" -C libserver.a | sed 's/^[A0][A-Z0-9a-f]\{6,\} *\(   SIZE\|.\{7\}  [na]\)/\1/'
}
ok "the members of an archive" prints archive archive_listing

cat >several <<'EOF'
server:
EOF
cat table >>several
printf '\nlibserver.so:\n' >>several
cat table >>several
ok "several files" prints several "$hp_list" server libserver.so

cat >c-only <<'EOF'
ADDRESS              SIZE  KIND   PAD  NAME          SOURCE
0000000000401028       14  nop8   8    parse_header  src/parse.c:42
EOF
ok "no DEMANGLED column where nothing is mangled" \
  prints c-only "$hp_list" --match 'parse_*' server

cat >long <<'EOF'
parse_header
  address      0x401028 to 0x401036, 14 bytes
  patch word   0x401028, nop8, 8 dead bytes before the symbol
  id           0x0000102a
  source       src/parse.c:42
  prototype    int (char const*, ...)
  flags        static variadic
  image        server, executable
  build-id     00112233445566778899aabbccddeeff01234567

ns::Point::Point()
  name         _ZN2ns5PointC2Ev
  also         _ZN2ns5PointC1Ev  ns::Point::Point()
  address      0x401068 to 0x401076, 14 bytes
  patch word   0x401068, nop8, 8 dead bytes before the symbol
  id           0x00001003
  source       src/point.cc:3
  prototype    void (ns::Point*)
  flags        method constructor c++
  image        server, executable
  build-id     00112233445566778899aabbccddeeff01234567

EOF
ok "--long" prints long "$hp_list" --long -m parse_header -m '*::Point' server

# A name from a file must not reach the terminal as a control sequence.
cat >evil.s <<'EOF'
.include "site.inc"
site begin, "\033[2J.c", 1
EOF
assemble evil.s
cat >evil <<'EOF'
   SIZE  KIND   PAD  NAME   SOURCE
     14  nop8   8    begin  \x1b[2J.c:1
EOF
evil_listing()
{
  "$hp_list" evil.o | cut -c19-
}
ok "control characters are made visible" prints evil evil_listing

done_testing
