# Figure 8, in part: what sites cost programs while they run.
# SPDX-License-Identifier: MIT
import sys

from frame.figure import Figure, Ratio, Run
from real.programs import VARIANTS, available


class RunTime(Figure):
    name = "run_time"
    title = "What sites cost programs"
    what = """\
Processor time of programs in which nothing is replaced: SQLite's own speedtest1
on a database in memory, a Lua script that calls, sorts, builds strings and
tables, and memcached answering one client.  A chosen function is not inlined,
which is most of what -all costs; the functions of one part of a program (see
"How much programs grow") cost less.  And the most memory that the process had."""
    repetitions = 5
    plots = ({"kind": "bars", "title": "Run time", "ylabel": "s",
              "metrics": ["run time"]},)

    def runs(self, kit):
        if kit.sized(True, False):
            kit.skip("everything", "it takes minutes")
            return
        real = kit.source / "bench/real"
        timed = [sys.executable, kit.source / "bench/frame/timed.py",
                 "--processor", "run time"]
        work = {
            "Lua": lambda path: [*timed, "Lua", path, real / "lua_work.lua",
                                 "12"],
            "SQLite": lambda path: [*timed, "SQLite", path, "--memdb",
                                    "--size", "60"],
            "memcached": lambda path: [sys.executable,
                                       real / "memcached_work.py", path,
                                       "1000"],
        }
        for program in available(kit):
            for variant in VARIANTS:
                yield Run(variant, work[program.name](program.built(variant)))

    def ratios(self, results):
        for name in "Lua", "SQLite", "memcached":
            for variant in VARIANTS[1:]:
                value = results.ratio("run time", variant, "no plugin", name)
                if value is not None:
                    yield Ratio(f"{name}: {variant} to no plugin", value)


FIGURE = RunTime()
