#!/bin/sh
# `make compile_commands.json` has every source, with what it is compiled with.
#
# SPDX-License-Identifier: MIT
. "$HP_SRCDIR/testsuite/lib/common.sh"

command -v python3 >/dev/null || skip_all "python3 is not installed"

write()
{
  make -s -C "$HP_BUILDDIR/tools" compile_commands.json
}
ok "it is written, from any directory" write
cat >check.py <<'EOF'
import json, os, subprocess, sys
source, build = (os.path.realpath(name) for name in sys.argv[1:3])
entries = json.load(open(os.path.join(build, "compile_commands.json")))
def path(entry):
    return os.path.realpath(os.path.join(entry["directory"], entry["file"]))
found = {path(entry): entry for entry in entries}
for folder in ("runtime", "plugin", "processes", "outside", "patching", "tools"):
    for directory, _, names in os.walk(os.path.join(source, folder)):
        if directory.startswith(build):
            continue
        for name in names:
            if name.endswith(".cc") and os.path.join(directory, name) not in found:
                sys.exit(f"{directory}/{name} is missing")
for name in ("runtime/text/encode.cc", "plugin/options.cc", "tools/output.cc"):
    entry = found[os.path.join(source, name)]
    words = entry["arguments"]
    words = words[:words.index("-MT")] + ["-fsyntax-only", entry["file"]]
    subprocess.run(words, cwd=entry["directory"], check=True)
EOF
ok "it has each source, and its commands compile" \
  python3 check.py "$HP_SRCDIR" "$HP_BUILDDIR"
sed -i 's/"tools"):/"tools", "examples"):/' check.py
ok "control: a source that is missing is noticed" \
  not python3 check.py "$HP_SRCDIR" "$HP_BUILDDIR"
done_testing
