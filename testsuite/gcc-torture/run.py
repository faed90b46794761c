# Runs GCC's own tests without and with the plugin (all functions chosen) and
# compares: the plugin passes a test when compiler, linker and program behave
# as they do without it, whatever the test itself is after.
#
# SPDX-License-Identifier: MIT
import argparse
import fnmatch
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import sites
import suites
from tally import VERDICTS, Tally

COMPILE_SECONDS = 600
RUN_SECONDS = 300

# A test that behaves with these options as it does with the plugin needs what
# the plugin has to prevent: that callers know the body of a function.
CONTROL = ["-fno-inline", "-fno-ipa-pure-const", "-fno-ipa-cp", "-fno-ipa-icf",
           "-fno-ipa-ra", "-fno-ipa-modref", "-fno-ipa-vrp",
           "-fno-ipa-bit-cp", "-fno-ipa-sra", "-fno-ipa-pta",
           "-fno-ipa-reference"]
# What a compiler, an assembler or a linker says; without the remark of -flto
# that depends on the size of the program.
DIAGNOSTIC = re.compile(
    r"(fatal |internal compiler )?error: |warning: (?!using serial)"
    r"|undefined reference"
    r"|multiple definition|: relocation |[Aa]ssembler|ld returned")


def run(command, seconds, folder):
    """(status, standard output, standard error); a negative status is the
    signal that ended the program, "timeout" the lack of an end."""
    try:
        done = subprocess.run(command, cwd=folder, timeout=seconds,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={**os.environ, "LC_ALL": "C"})
    except subprocess.TimeoutExpired:
        return "timeout", "", ""
    return (done.returncode, done.stdout.decode("latin-1"),
            done.stderr.decode("latin-1"))


def diagnostics(text, folder):
    """The messages, free of what differs between two equal compilations."""
    lines = set()
    for line in text.splitlines():
        if DIAGNOSTIC.search(line):
            line = line.replace(folder, "")
            line = re.sub(r"/?(tmp/)?cc[A-Za-z0-9]{6}(\.[a-z0-9.]+)?", "cc",
                          line)
            lines.add(re.sub(r"\(\.text[^)]*\)", "(.text)", line))
    return sorted(lines)


class Runner:
    def __init__(self, arguments):
        self.compilers = {"CC": arguments.cc.split(),
                          "CXX": arguments.cxx.split()}
        self.plugin = ["-fplugin=" + arguments.plugin,
                       "-fplugin-arg-hotpatch-all"]
        self.known = read_known(arguments.known)
        self.sites = 0
        self.programs = 0

    def outcome(self, case, way, plugin):
        """What happens, as something that can be compared and stored."""
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            command = [*self.compilers[case.suite.compiler], *plugin,
                       "-fdiagnostics-color=never", *case.options(way),
                       *case.sources(), "-o", program]
            linked = case.test.do in ("run", "link")
            command.append("-lm" if linked else "-c")
            status, _, errors = run(command, COMPILE_SECONDS, folder)
            result = ["compiled", status, diagnostics(errors, folder)]
            if status == 0 and linked and plugin:
                count, wrong = sites.check(program)
                self.sites += count
                self.programs += 1
                result[2] += wrong
            if status == 0 and case.test.do == "run":
                status, output, _ = run([program], RUN_SECONDS, folder)
                result += ["ran", status]
                if case.test.prints:
                    result.append(output.replace(folder, ""))
        return result

    def compare(self, case):
        """(how many ways came to which of tally.VERDICTS, {(without, with):
        options} of those that differ, reasons of known differences)"""
        verdicts, differ, reasons = Counter(), {}, set()
        for way in case.ways():
            before = self.outcome(case, way, [])
            after = self.outcome(case, way, self.plugin)
            verdict, reason = self.verdict(case, way, before, after)
            verdicts[verdict] += 1
            if reason:
                reasons.add(reason)
            elif verdict == "differs":
                shown = show(before, after), show(after, before)
                differ.setdefault(shown, []).append(
                    " ".join(case.options(way)))
        return verdicts, differ, sorted(reasons)

    def verdict(self, case, way, before, after):
        """(one of tally.VERDICTS, the reason if it is "known")"""
        if before == after:
            passes = before[1] == 0 and before[4:5] in ([], [0])
            return ("passes" if passes else "fails"), None
        for pattern, options, reason in self.known:
            if (fnmatch.fnmatch(case.name, pattern) and
                    fnmatch.fnmatch(" ".join(way), options)):
                return "known", reason
        if self.outcome(case, way + CONTROL, []) == after:
            return "inlining", None
        return "differs", None


def read_known(path):
    """Lines "TEST | OPTIONS | REASON", both patterns of the shell's kind."""
    with open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [[part.strip() for part in line.split("|", 2)]
            for line in lines if line and not line.startswith("#")]


def show(result, other):
    """One outcome as text, with the messages that the other has not."""
    kind, status, messages, *ran = result
    own = [text for text in messages if text not in other[2]]
    return "".join(f"\n#     {text[:800]}" for text in
                   [f"{kind}, status {status}", *own,
                    *(repr(part) for part in ran[1:])])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", help="GCC's testsuite directory")
    parser.add_argument("--plugin", required=True)
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--cxx", default="g++")
    parser.add_argument("--known", required=True)
    parser.add_argument("--share", type=int, default=sys.maxsize,
                        help="run this many tests, spread over all")
    parser.add_argument("--match", default="*", help="only these tests")
    parser.add_argument("--minutes", type=float, default=float("inf"),
                        help="begin no test after that time; what was run by "
                        "then is spread over all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--results", metavar="FILE",
                        help="write a table of the counts into this file")
    arguments = parser.parse_args()
    arguments.root = os.path.abspath(arguments.root)
    runner = Runner(arguments)
    everything = list(suites.cases(arguments.root))
    chosen = suites.spread(
        [case for case in everything
         if fnmatch.fnmatch(case.name, arguments.match)], arguments.share)
    if arguments.minutes != float("inf"):
        chosen = suites.interleaved(chosen)

    tally = Tally(everything)
    failed = number = 0
    deadline = time.monotonic() + arguments.minutes * 60

    def compare_in_time(case):
        return runner.compare(case) if time.monotonic() < deadline else None

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for case, result in zip(chosen, pool.map(compare_in_time, chosen)):
            if result is None:
                continue
            number += 1
            verdicts, differ, reasons = result
            tally.add(case, verdicts, reasons)
            for (before, after), options in differ.items():
                print(f"# {case.name}", *options, f"without:{before}",
                      f"with:{after}", sep="\n#   ")
            note = "".join(f" (known: {reason})" for reason in reasons)
            if verdicts["inlining"]:
                note += f" ({VERDICTS['inlining']})"
            print(f"{'not ok' if differ else 'ok'} {number} - "
                  f"{case.name}{note}", flush=True)
            failed += bool(differ)
    for verdict, meaning in VERDICTS.items():
        print(f"# {tally.total(verdict)} {meaning}")
    print(f"# {runner.sites} sites in {runner.programs} programs")
    number += 1
    effective = runner.sites > 0 or runner.programs == 0
    print(f"{'ok' if effective else 'not ok'} {number} - "
          "the tests' programs have patch sites")
    print(f"1..{number}")
    if arguments.results:
        tally.write(arguments.results, runner.compilers["CC"], runner.sites,
                    runner.programs)
    return failed != 0 or not effective


sys.exit(main())
