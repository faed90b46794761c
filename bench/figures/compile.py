# Figure 8, in part: what compiling costs.
# SPDX-License-Identifier: MIT
import sys

from frame.figure import Figure, Ratio, Run
from real.programs import available

VARIANTS = ("no plugin", "all")


class Compile(Figure):
    name = "compile"
    title = "What compiling costs"
    what = """\
Processor time to compile all of Lua, SQLite and memcached and to link it, and the
most memory that one compiler took: without the plugin, and with a site for every
function."""
    repetitions = 2
    plots = ({"kind": "bars", "title": "Compiling", "ylabel": "s",
              "metrics": ["processor time"]},)

    def runs(self, kit):
        if kit.sized(True, False):
            kit.skip("everything", "it takes minutes")
            return
        for program in available(kit):
            for level in kit.sized((), ("-O2",), ("-O0", "-O2")):
                for variant in VARIANTS:
                    yield Run(variant, [
                        sys.executable, kit.source / "bench/frame/timed.py",
                        "--processor", "processor time",
                        f"{program.name} {level}",
                        *program.command(variant, level)])

    def ratios(self, results):
        for metric in "processor time", "peak memory":
            for x in results.places(metric):
                value = results.ratio(metric, "all", "no plugin", x)
                if value is not None:
                    yield Ratio(f"{metric}, {x}: all to no plugin", value)


FIGURE = Compile()
