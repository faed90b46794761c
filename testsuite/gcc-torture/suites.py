# Which of GCC's tests are run, and in which ways: the directories, what their
# .exp files set, and GCC's own torture options (lib/c-torture.exp).
#
# SPDX-License-Identifier: MIT
import glob
import os
from dataclasses import dataclass

import dg

TORTURE = [["-O0"], ["-O1"], ["-O2"], ["-O3", "-g"], ["-Os"], ["-O2", "-flto"]]
PLAIN = [[], ["-O2"]]


@dataclass
class Suite:
    name: str
    patterns: list
    compiler: str              # "CC" or "CXX"
    ways: list
    do: str = "compile"        # what a test without dg-do gets
    options: tuple = ()        # what a test without dg-options gets
    always: tuple = ()         # what every test gets

    def files(self, root):
        return sorted({path for pattern in self.patterns
                       for path in glob.glob(os.path.join(root, pattern))
                       if not path.endswith("-lib.c")})


SUITES = [
    Suite("execute", ["gcc.c-torture/execute/*.c"], "CC", TORTURE, "run",
          (), ("-w",)),
    Suite("ieee", ["gcc.c-torture/execute/ieee/*.c"], "CC", TORTURE, "run",
          (), ("-w", "-fno-inline")),
    Suite("builtins", ["gcc.c-torture/execute/builtins/*.c"], "CC", TORTURE,
          "run", (), ("-w", "-fno-tree-dse",
                      "-fno-tree-loop-distribute-patterns", "-fno-tracer",
                      "-fno-ipa-ra", "-fno-inline-functions")),
    Suite("torture-c", ["gcc.dg/torture/*.c", "gcc.dg/torture/*/*.c",
                        "c-c++-common/torture/*.c"], "CC", TORTURE),
    Suite("torture-c++", ["g++.dg/torture/*.C", "g++.dg/torture/*/*.C",
                          "c-c++-common/torture/*.c"], "CXX", TORTURE),
    Suite("attributes-c", ["gcc.dg/*attr*.c", "gcc.c-torture/compile/*attr*.c",
                           "c-c++-common/*attr*.c"], "CC", PLAIN, "compile",
          ("-ansi", "-pedantic-errors")),
    Suite("attributes-c++", ["g++.dg/*attr*.C", "g++.dg/*/*attr*.C",
                             "c-c++-common/*attr*.c"], "CXX", PLAIN, "compile",
          ("-pedantic-errors", "-Wno-long-long")),
]


@dataclass
class Case:
    """One test file as one suite runs it."""
    suite: Suite
    test: dg.Test
    name: str

    def sources(self):
        """The test and the files that are compiled with it."""
        folder = os.path.dirname(self.test.path)
        sources = [self.test.path]
        sources += [os.path.join(folder, name) for name in self.test.sources]
        if self.suite.name == "builtins":
            sources += [self.test.path[:-2] + "-lib.c",
                        os.path.join(folder, "lib", "main.c")]
        return sources

    def ways(self):
        return [way for way in self.suite.ways
                if not self.test.skipped(way)
                and self.test.do in ("run", "link", "compile", "assemble")
                and not ("-flto" in way and self.test.do in
                         ("compile", "assemble"))]

    def options(self, way):
        return [*self.suite.always, *way, *self.test.options]


def cases(root):
    """Every test, suite by suite and in the order of their names."""
    for suite in SUITES:
        for path in suite.files(root):
            test = dg.Test(path, suite.do, suite.options)
            name = os.path.relpath(path, root)
            if suite.compiler == "CXX" and path.endswith(".c"):
                name += " as C++"
            case = Case(suite, test, name)
            if case.ways():
                yield case


def spread(everything, share):
    """At most `share` of them, evenly spread over the list."""
    if share >= len(everything):
        return everything
    return [everything[i * len(everything) // share] for i in range(share)]


def interleaved(everything):
    """All of them, in an order whose beginnings are spread over the list."""
    golden = (5 ** 0.5 - 1) / 2
    return [case for _, case in
            sorted(enumerate(everything), key=lambda it: it[0] * golden % 1)]
