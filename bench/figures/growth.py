# Figure 8, in part: how much larger programs become.
# SPDX-License-Identifier: MIT
import sys

from frame.figure import Figure, Ratio, Run
from real.programs import VARIANTS, available


class Growth(Figure):
    name = "growth"
    title = "How much programs grow"
    what = """\
Bytes of Lua, SQLite (with its speedtest1) and memcached, compiled with -O2:
without the plugin, with the functions of one part of the program chosen (Lua's
lvm.c, SQLite's sqlite3Btree*, memcached's items.c), and with all.  Code; records
and strings of sites; all else that is read-only, most of it unwinding tables;
data; descriptions of types, with which patch objects are compared, and which are
not loaded; the file with its symbol table.  With all functions, code also grows
as none is inlined, and shrinks as none is there twice."""
    repetitions = 1
    plots = ({"kind": "bars", "title": "How much programs grow",
              "ylabel": "bytes", "metrics": ["size"]},)

    def runs(self, kit):
        if kit.sized(True, False):
            kit.skip("everything", "it takes minutes")
            return
        for program in available(kit):
            for variant in VARIANTS:
                yield Run(f"{program.name}, {variant}",
                          [sys.executable, kit.source / "bench/real/size.py",
                           program.built(variant)])

    def ratios(self, results):
        for name in "Lua", "SQLite", "memcached":
            for variant in VARIANTS[1:]:
                for what in "code", "data", "file":
                    value = results.ratio("size", f"{name}, {variant}",
                                          f"{name}, no plugin", what)
                    if value is not None:
                        yield Ratio(f"{name}, {variant}: {what}", value)


FIGURE = Growth()
