# Figure 8, in part: what sites cost programs while they run.
# SPDX-License-Identifier: MIT
import math
import sys

from frame.figure import Figure, Ratio, Run
from real.programs import (PATCHABLE, Classes, LevelDb, Lua, Memcached,
                           PostgreSql, Python, Sqlite, available)

VARIANTS = ("no plugin", *PATCHABLE)
PYTHON_WORK = ("calls", "objects", "numbers", "texts", "tables", "sorting")


class RunTime(Figure):
    name = "run_time"
    title = "What sites cost programs"
    what = """\
User time of programs in which nothing is replaced: SQLite's own speedtest1 on a
database in memory, a Lua script that calls, sorts, builds strings and tables,
memcached answering one client, three queries of PostgreSQL, six pieces of work
for CPython, LevelDB's db_bench, and a program of small classes in headers.  "all": every function has a site and none is inlined;
"inline": every function has a site, and GCC inlines as usual; "libpulp": the
entries that SUSE's libpulp asks GCC for, and inlining as usual.  And the most
memory that the process had."""
    repetitions = 5
    plots = ({"kind": "bars", "title": "Run time", "ylabel": "s",
              "metrics": ["run time"]},)

    def work(self, kit):
        """Of each program: what is run, for its path."""
        real = kit.source / "bench/real"
        timed = [sys.executable, kit.source / "bench/frame/timed.py",
                 "--user", "run time"]
        return {
            Lua: lambda path: [[*timed, "Lua", path, real / "lua_work.lua",
                                "12"]],
            Sqlite: lambda path: [[*timed, "SQLite", path, "--memdb",
                                   "--size", "60"]],
            Memcached: lambda path: [[sys.executable,
                                      real / "memcached_work.py", path,
                                      "1000"]],
            PostgreSql: lambda path: [[sys.executable,
                                       real / "postgresql_work.py", path]],
            Python: lambda path: [[*timed, f"CPython {work}", path,
                                   real / "python_work.py", work, "12"]
                                  for work in PYTHON_WORK],
            LevelDb: lambda path: [[*timed, "LevelDB", path, "--num=300000",
                                    "--benchmarks=fillseq,fillrandom,readseq,"
                                    "readrandom", f"--db={kit.out}/db"]],
            Classes: lambda path: [[*timed, "classes", path, "400"]],
        }

    def runs(self, kit):
        if kit.sized(True, False):
            kit.skip("everything", "it takes minutes")
            return
        work = self.work(kit)
        for program in available(kit, work, VARIANTS):
            for variant in program.variants:
                for command in work[type(program)](program.program(variant)):
                    yield Run(variant, command)

    def ratios(self, results):
        for variant in PATCHABLE:
            found = []
            for name in results.places("run time"):
                value = results.ratio("run time", variant, "no plugin", name)
                if value is None:
                    continue
                found.append(value)
                what = f"{name}: {variant} to no plugin"
                yield (Ratio.below(what, value, 1.03) if variant == "inline"
                       else Ratio(what, value))
            if not found:
                continue
            mean = math.exp(sum(map(math.log, found)) / len(found))
            what = f"geometric mean: {variant} to no plugin"
            yield (Ratio.below(what, mean, 1.02) if variant == "inline"
                   else Ratio(what, mean))


FIGURE = RunTime()
