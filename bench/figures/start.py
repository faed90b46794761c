# Figure 7, in part: what the library costs a process that starts.
# SPDX-License-Identifier: MIT
import shutil
import sys

from frame.figure import Figure, Ratio, Run, Skipped

COUNT = 10_000
EMPTY = "empty program"
NONE = f"{COUNT:,} functions"
ALL = "all of them replaced"


class Start(Figure):
    name = "start"
    title = "Start-up"
    what = f"""\
Time from the start of a process to its end: of a program that does nothing, with
the library linked and without; of one with {COUNT:,} functions; and of that if it
replaces all of them at its start, or another tool does.  uftrace patches
functions that were compiled with -fpatchable-function-entry=5, calls a handler
from all that are entered, and writes a file."""
    repetitions = 5
    plots = ({"kind": "bars", "title": "From start to end", "ylabel": "ms",
              "metrics": ["start to end"]},)

    def empty(self, kit, series, *link):
        path = kit.out / f"start-{series.replace(' ', '-')}"
        kit.run(*kit.cc, "-O2", self.empty_source(kit), "-o", path,
                "-Wl,--no-as-needed", *link)
        return path

    def empty_source(self, kit):
        return kit.source / "bench/programs/start_uninstrumented.c"

    def uftrace(self, kit, count):
        found = shutil.which("uftrace")
        if not found:
            raise Skipped("it is not installed")
        functions = kit.object(f"functions-uftrace-{count}", [
            *kit.cc, "-O2", "-fno-inline", "-fpatchable-function-entry=5",
            "-fPIE", kit.functions(count)])
        path = kit.out / f"start-uftrace-{count}"
        kit.run(*kit.cc, "-O2", self.empty_source(kit), functions, "-o", path)
        return path, [found, "record", "--no-libcall", "-P", ".", "-d",
                      kit.out / "uftrace.data", path]

    def runs(self, kit):
        rounds = kit.sized(2, 40)
        count = kit.sized(100, COUNT)

        def spawn(x, *command):
            return [sys.executable, kit.source / "bench/programs/spawn.py", x,
                    str(rounds), *command]
        yield Run("no tool", spawn(EMPTY, self.empty(kit, "no tool")))
        yield Run("hotpatch", spawn(EMPTY, self.empty(kit, "hotpatch",
                                                      *kit.library())))
        for name, path in kit.engines("start", count,
                                      ("hotpatch", "xray", "flag")):
            series = {"flag": "no tool", "xray": "clang XRay"}.get(name, name)
            yield Run(series, spawn(NONE, path))
            if name != "flag":
                yield Run(series, spawn(ALL, path, "all"))
        try:
            path, command = self.uftrace(kit, count)
        except Skipped as reason:
            kit.skip("uftrace", str(reason))
        else:
            yield Run("uftrace", spawn(NONE, path))
            yield Run("uftrace", spawn(ALL, *command))

    def ratios(self, results):
        for x in EMPTY, NONE:
            value = results.ratio("start to end", "hotpatch", "no tool", x)
            if value is not None:
                yield Ratio(f"{x}: with the library to without", value)
        for peer in "clang XRay", "uftrace":
            value = results.ratio("start to end", "hotpatch", peer, ALL)
            if value is not None:
                yield Ratio(f"{ALL}: to {peer}", value)


FIGURE = Start()
