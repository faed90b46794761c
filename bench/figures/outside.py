# hp-apply: how long it takes, and how long the process stands still.
# SPDX-License-Identifier: MIT
import sys

from frame.figure import Figure, Ratio, Run

LIMIT_MS = 5  # for each of many processes
AWAY_MS = 1.8  # of a program's only thread: what libpulp 0.3.17 takes


class Outside(Figure):
    name = "outside"
    title = "Patching from outside"
    what = """\
Time from the start of hp-apply to its end, and for how long no thread of the
process ran, and for how long the one that loads the patch was away, which is all
of a program with one thread, for a patch of two functions: one process with 1 to 1,000 threads,
all waiting in pause(), then 1,000 processes one after another."""
    repetitions = 3
    plots = ({"kind": "lines", "title": "hp-apply", "xlabel": "threads",
              "ylabel": "ms", "logx": True, "logy": True,
              "metrics": ["start to done, by threads",
                          "stood still, by threads",
                          "borrowed thread away, by threads"]},)

    def runs(self, kit):
        plugin = f"-fplugin={kit.plugin}"
        programs = kit.source / "bench/programs"
        program, patch = kit.out / "outside", kit.out / "outside_fix.so"
        kit.run(*kit.cc, "-O2", "-pthread", plugin, programs / "outside.c",
                "-o", program)
        kit.run(*kit.cc, "-O2", "-fPIC", "-shared", plugin,
                f"-I{kit.source}/runtime/include",
                programs / "outside_fix.c", "-o", patch)
        yield Run("hp-apply", [sys.executable, programs / "outside.py",
                               kit.build / "tools/hp-apply", program, patch])

    def ratios(self, results):
        value = results.value("hp-apply", "per process, of many")
        if value is not None:
            yield Ratio.below(f"each of many processes, to {LIMIT_MS} ms",
                              value / LIMIT_MS, 1)
        away = results.value("hp-apply", "borrowed thread away, of many, median")
        if away is not None:
            yield Ratio.below(f"a program's only thread away, to {AWAY_MS} ms",
                              away / AWAY_MS, 1)


FIGURE = Outside()
