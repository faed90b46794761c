# What a DejaGnu test of GCC says about itself: how to treat it and with which
# options.
#
# Only what changes the command line is read.  What a test expects (dg-error,
# scan-...) is not: the runner compares a test with itself.
#
# SPDX-License-Identifier: MIT
import fnmatch
import re

TARGET = "x86_64-pc-linux-gnu"

# Words of a selector that are false on x86-64 Linux.  All the others that the
# tests use are features of the target, and true.
FALSE_HERE = {
    "ia32", "ilp32", "x32", "freestanding", "newlib", "newlib_nano_io",
    "run_expensive_tests", "default_packed", "int16", "short_enums",
    "lto_incremental", "c6x", "avr_tiny", "nonpic", "vxworks_kernel",
    "keeps_null_pointer_checks", "llp64", "exceptions_disabled",
}

DIRECTIVE = re.compile(r"\{[ \t]*dg-([a-z0-9-]+)[ \t]")


def tcl_list(text):
    """The words of a Tcl list: bare, "quoted" or {braced} (still braced)."""
    words, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start = at
        if text[at] == "{":
            depth = 0
            while at < len(text):
                depth += {"{": 1, "}": -1}.get(text[at], 0)
                at += 1
                if depth == 0:
                    break
        elif text[at] == '"':
            at += 1
            while at < len(text) and text[at] != '"':
                at += 2 if text[at] == "\\" else 1
            at += 1
        else:
            while at < len(text) and not text[at].isspace():
                at += 1
        words.append(text[start:at])
    return words


def bare(word):
    """A word without the quotes or braces around it."""
    if len(word) >= 2 and word[0] + word[-1] in ('{}', '""'):
        return word[1:-1].strip()
    return word


def directives(text):
    """(name, words) for each directive, in the order of the file."""
    for found in DIRECTIVE.finditer(text):
        depth, at = 1, found.end()
        while at < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield found.group(1), tcl_list(text[found.end():at - 1])


def selects(selector, feature):
    """Whether the selector (with or without the word target) picks x86-64
    Linux; a feature that is in neither list counts as `feature`."""
    words = tcl_list(bare(selector))
    if words and words[0] in ("target", "xfail"):
        words = words[1:]
    for word in ("||", "&&"):
        if word in words:
            at = words.index(word)
            left = selects("{" + " ".join(words[:at]) + "}", feature)
            right = selects("{" + " ".join(words[at + 1:]) + "}", feature)
            return left or right if word == "||" else left and right
    if words and words[0] == "!":
        return not selects("{" + " ".join(words[1:]) + "}", not feature)
    return any(selects(word, feature) if word[0] == "{" else
               fnmatch.fnmatch(TARGET, word) if "-" in word else
               False if word in FALSE_HERE else feature
               for word in words)


def applies(words):
    """Whether a directive with these trailing words counts here."""
    return not words or "target" not in words[0] or selects(words[0], True)


def skipped(words, options):
    """Whether dg-skip-if's words skip a run with these options.  A selector
    that is not understood does not: the run is compared all the same."""
    if not selects(words[1], False):
        return False

    def lists(word):
        return any(fnmatch.fnmatchcase(option, pattern)
                   for pattern in map(bare, tcl_list(bare(word)) or [""])
                   if pattern
                   for option in ["", *options])

    if len(words) > 2 and not lists(words[2]):
        return False
    return not (len(words) > 3 and lists(words[3]))


class Test:
    """One test file: `do` (run, compile, ...), options, further sources, and
    whether what it prints counts."""

    def __init__(self, path, default_do, default_options):
        with open(path, encoding="latin-1") as source:
            text = source.read()
        self.path = path
        self.do = default_do
        self.options = list(default_options)
        self.sources = []
        self.prints = False
        self._skips = []
        further = []
        selected = None
        for name, words in directives(text):
            if name == "do" and words:
                if applies(words[1:]):
                    self.do, selected = words[0], True
                elif selected is None:
                    selected = False
            elif name == "options" and words and applies(words[1:]):
                self.options = bare(words[0]).split()
            elif name == "additional-options" and applies(words[1:]):
                further += bare(words[0]).split()
            elif name == "additional-sources" and applies(words[1:]):
                self.sources += bare(words[0]).split()
            elif name == "output":
                self.prints = True
            elif name == "skip-if" and len(words) > 1:
                self._skips.append(words)
        self.options += further
        self.elsewhere = selected is False

    def skipped(self, options):
        return self.elsewhere or any(
            skipped(words, [*self.options, *options]) for words in self._skips)
