"""Write compile_commands.json for clangd and other tools.

Usage: compile_commands.py OUTPUT < LOG

LOG is what `make --always-make --dry-run --print-directory` prints for the
targets of interest. Each compilation in it becomes one entry; libtool's wrapper
is taken off, so that a tool finds the compiler as the first word.

SPDX-License-Identifier: MIT
"""
import json
import os
import re
import shlex
import sys

SOURCE = re.compile(r"\.(c|cc|S)$")
ENTERING = re.compile(r"make.*: Entering directory '(.*)'")
LEAVING = re.compile(r"make.*: Leaving directory")
SEPARATORS = {"&&", ";", "||", "|"}


def commands(line):
    """Yield the simple commands of one line of shell, as lists of words."""
    try:
        words = shlex.split(line.rstrip("\\"), comments=False)
    except ValueError:
        return
    command = []
    for word in words:
        end = word in SEPARATORS or word.endswith(";")
        if end:
            if word.endswith(";") and len(word) > 1:
                command.append(word[:-1])
            yield command
            command = []
        else:
            command.append(word)
    yield command


def without_libtool(words):
    """The compiler's own command line."""
    if "--mode=compile" in words:
        return words[words.index("--mode=compile") + 1:]
    return words


def source_file(words):
    """The file that the command compiles, or None."""
    if "-c" not in words:
        return None
    # Automake finds the file with: `test -f 'a.c' || echo '../dir/'`a.c
    files = [word for word in words if SOURCE.search(word)]
    return files[-1] if files else None


def entries(log):
    directories = [os.getcwd()]
    for line in log:
        entering = ENTERING.match(line)
        if entering:
            directories.append(entering.group(1))
        elif LEAVING.match(line):
            directories.pop()
        else:
            line = re.sub(r"`test -f '([^']*)' \|\| echo '([^']*)'`",
                          lambda found: "" if os.path.exists(os.path.join(
                              directories[-1], found.group(1)))
                          else found.group(2), line)
            for words in commands(line.strip()):
                words = without_libtool(words)
                name = source_file(words)
                if name:
                    yield {"directory": directories[-1], "file": name,
                           "arguments": words}


def main():
    found = list(entries(sys.stdin))
    if not found:
        sys.exit("compile_commands.py: the log has no compilations; "
                 "run `make compile_commands.json`")
    with open(sys.argv[1], "w", encoding="utf-8") as output:
        json.dump(found, output, indent=1)
        output.write("\n")
    print(f"{sys.argv[1]}: {len(found)} compilations")


main()
