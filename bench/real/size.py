# What a file consists of: bytes of code, of sites' records and strings, of
# other read-only data, of data, of descriptions of types, which are not loaded,
# and of the file.
#
#     size.py FILE
#
# SPDX-License-Identifier: MIT
import json
import os
import re
import subprocess
import sys

CODE = re.compile(r"\.(text|init|fini|plt)\b")
SITES = re.compile(r"\.hotpatch\b")
DATA = re.compile(r"\.(data|bss|tdata|tbss)\b")


def sections(path):
    """(name, size, flags) for each."""
    listed = subprocess.run(["readelf", "-SW", path], check=True,
                            capture_output=True, text=True).stdout
    for line in listed.splitlines():
        found = re.match(r" *\[ *\d+\] (\S+) +\S+ +\S+ \S+ (\S+) \S+ +(\w*)",
                         line)
        if found:
            yield found[1], int(found[2], 16), found[3]


parts = {"code": 0, "sites": 0, "other": 0, "data": 0, "types": 0}
for name, size, flags in sections(sys.argv[1]):
    if name == ".hotpatch.types":
        parts["types"] += size
    if "A" not in flags:
        continue
    kind = next((kind for kind, names in (("sites", SITES), ("code", CODE),
                                          ("data", DATA)) if names.match(name)),
                "other")
    parts[kind] += size
parts["file"] = os.stat(sys.argv[1]).st_size
for kind, size in parts.items():
    print(json.dumps({"metric": "size", "x": kind, "value": size,
                      "unit": "bytes"}))
