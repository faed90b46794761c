# Counts how GCC's tests behave with the plugin beside how they behave without
# it, suite by suite, and writes the counts as a table.
#
# SPDX-License-Identifier: MIT
import os
import subprocess
from collections import Counter

# What one test with one set of options can come to, in the table's order.
VERDICTS = {
    "passes": "passes, with and without",
    "fails": "rejected or failing, with and without",
    "inlining": "needs inlining or the like",
    "known": "differs as explained in known.txt",
    "differs": "differs",
}

INTRODUCTION = """\
# GCC's own tests, with and without the plugin

`make gcc-torture` writes this file.  It compiles each test of GCC's source
package with each of its sets of options twice, without the plugin and with it
(`-fplugin-arg-hotpatch-all`), links and runs it where the test says so, and
compares status, messages and output.  A test that GCC rejects, or that fails,
without the plugin has to do so with the plugin too.  What differs is tried
without the plugin, but with inlining and GCC's knowledge of a function's body
switched off, as the plugin has to do: what then behaves as with the plugin
"needs inlining or the like".  "Skipped" are sets of options that the test
itself excludes on this target, and -flto where nothing is linked.
"""


def version(compiler):
    said = subprocess.run([*compiler, "--version"], capture_output=True,
                          text=True, check=True).stdout
    return said.splitlines()[0]


class Tally:
    def __init__(self, everything):
        self.suites = {case.suite.name: Counter() for case in everything}
        self.exist = len(everything)
        self.inlining = set()
        self.known = []

    def add(self, case, verdicts, reasons):
        """`verdicts` counts what the ways of one test came to, `reasons` are
        those of known.txt."""
        counts = self.suites[case.suite.name]
        counts.update(verdicts)
        counts["tests"] += 1
        counts["skipped"] += len(case.suite.ways) - len(case.ways())
        if verdicts["inlining"]:
            self.inlining.add(case.name)
        self.known += [(case.name, reason) for reason in reasons]

    def total(self, what):
        return sum(counts[what] for counts in self.suites.values())

    def section(self, compiler, sites, programs):
        """The table of one compiler."""
        columns = ["tests", *VERDICTS, "skipped"]
        heads = ["tests", *VERDICTS.values(), "skipped"]
        tried = self.total("tests")
        lines = [f"## {version(compiler)}", "",
                 "All tests." if tried == self.exist else
                 f"{tried} of {self.exist} tests.", "",
                 "| suite | " + " | ".join(heads) + " |",
                 "|---|" + "---:|" * len(heads)]
        for name, counts in self.suites.items():
            lines.append(f"| {name} | " + " | ".join(
                str(counts[column]) for column in columns) + " |")
        lines += ["| all | " + " | ".join(
            str(self.total(column)) for column in columns) + " |", "",
            f"{programs} programs were linked with the plugin, with {sites} "
            "patch sites.  A site whose", "bytes are not as its record says "
            "would count as a difference.", "",
            "Needs inlining or the like: " +
            (", ".join(sorted(self.inlining)) or "none") + ".", ""]
        lines += [f"* {name}: {reason}" for name, reason in self.known]
        return "\n".join(lines) + "\n"

    def write(self, path, compiler, sites, programs):
        """Replaces the section of this compiler in the file, which has one
        for each compiler that was tried."""
        own = self.section(compiler, sites, programs)
        sections = {own.splitlines()[0]: own}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for section in ("\n" + file.read()).split("\n## ")[1:]:
                    text = "## " + section.rstrip("\n") + "\n"
                    sections.setdefault(text.splitlines()[0], text)
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join([INTRODUCTION, *(
                sections[head] for head in sorted(sections))]))
