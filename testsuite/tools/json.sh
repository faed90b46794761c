#!/bin/sh
# The JSON document: what is in it, and that it is what its schema says.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"
. "$HP_SRCDIR/testsuite/tools/sites.sh"

schema=$HP_SRCDIR/tools/hp-list.schema.json
assemble sites.s
link server -static
cp sites.o member.o
ar rcs libserver.a member.o

cat >json <<'EOF'
{"format": "hotpatch-sites", "version": 1, "pid": null,
 "images": [
  {"path":"server","member":null,"type":"executable","build_id":"00112233445566778899aabbccddeeff01234567","bias":"0x0","sites":[
   {"name":"begin","demangled":"begin","aliases":[],"symbol":"0x401008","word":"0x401008","end":"0x401016","size":14,"kind":"nop8","pad":8,"id":"0x0000100a","file":"server.c","line":10,"prototype":"int (void)","prototype_hash":"0x0000000000000000","layout_hash":"0x0000000000000000","flags":[]},
   {"name":"_ZN2ns5PointC2Ev","demangled":"ns::Point::Point()","aliases":["_ZN2ns5PointC1Ev"],"symbol":"0x401068","word":"0x401068","end":"0x401076","size":14,"kind":"nop8","pad":8,"id":"0x00001003","file":"src/point.cc","line":3,"prototype":"void (ns::Point*)","prototype_hash":"0x0000000000000000","layout_hash":"0x0000000000000000","flags":["method","constructor","c++"]}]}],
 "problems": []}
EOF
ok "a document, letter by letter" \
  prints json "$hp_list" --json -m begin -m '*Point::Point' server

command -v python3 >/dev/null || {
  skip "the document's structure" "python3 is not installed"
  done_testing
}

# holds EXPRESSION ARGUMENT...: of the document `d` that hp-list prints.
holds()
{
  expression=$1
  shift
  "$hp_list" --json "$@" >document 2>errors
  python3 - "$expression" document <<'EOF'
import json, sys
d = json.load(open(sys.argv[2], encoding="utf-8"))
sites = [s for i in d["images"] for s in i["sites"]]
if not eval(sys.argv[1]):
    sys.exit(json.dumps(d, indent=1))
EOF
}
ok "a member of an archive" \
  holds 'd["images"][0]["member"] == "member.o" and len(sites) == 4' libserver.a
ok "several files" \
  holds '[i["path"] for i in d["images"]] == ["server", "libserver.a"]' \
  server libserver.a
ok "no image: still a document" holds 'd["images"] == []' -m nothing server
ok "a problem" \
  holds 'd["problems"][0]["path"] == "nowhere" and len(sites) == 4' \
  nowhere server

cat >odd.s <<'EOF'
.include "site.inc"
site begin, "a\"b\\c\tf\303\244\377\355\240\200.c", 1
EOF
assemble odd.s
ok "quotes, control characters, and bytes that are not UTF-8" \
  holds 'sites[0]["file"] == "a\"b\\c\tf\u00e4" + "\ufffd" * 4 + ".c"' odd.o

if python3 -c 'import jsonschema' 2>/dev/null; then
  # valid ARGUMENT...: what hp-list --json prints follows the schema.
  valid()
  {
    "$hp_list" --json "$@" >document 2>/dev/null
    python3 -c 'import json, sys, jsonschema
jsonschema.Draft202012Validator.check_schema(json.load(open(sys.argv[2])))
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
' "${document:-document}" "$schema"
  }
  ok "the schema describes a file's document" valid server
  ok "the schema describes problems" valid nowhere libserver.a
  sed 's/"0x401068"/4198504/' json >wrong
  document=wrong
  ok "the schema refuses an address that is a number" not valid server
else
  skip "the schema" "python3-jsonschema is not installed"
fi
done_testing
