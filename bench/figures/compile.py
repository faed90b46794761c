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
Processor time to compile all of Lua, SQLite and memcached with -O2 and to link
it, without the plugin, and with a site for every function."""
    repetitions = 2
    plots = ({"kind": "bars", "title": "Compiling", "ylabel": "s",
              "metrics": ["processor time"]},)

    def runs(self, kit):
        if kit.sized(True, False):
            kit.skip("everything", "it takes minutes")
            return
        for program in available(kit):
            for variant in VARIANTS:
                yield Run(variant, [
                    sys.executable, kit.source / "bench/frame/timed.py",
                    "--processor", "processor time", program.name,
                    *program.command(variant)])

    def ratios(self, results):
        for name in "Lua", "SQLite", "memcached":
            value = results.ratio("processor time", "all", "no plugin", name)
            if value is not None:
                yield Ratio(f"{name}: all to no plugin", value)


FIGURE = Compile()
