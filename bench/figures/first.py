# Figure 7, in part: the first change in a process.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

LIMITS = {10: None, 10_000: 1, 100_000: 10}  # sites: milliseconds


class First(Figure):
    name = "first"
    title = "The first change in a process"
    what = """\
Time of the first hp_apply of a process, in which the library opens the
program's file, checks every record and makes the index of names; and of the
change behind it."""
    plots = ({"kind": "lines", "title": "The first change in a process",
              "xlabel": "sites", "ylabel": "ms", "logx": True, "logy": True,
              "metrics": ["first apply"]},)

    def runs(self, kit):
        for count in LIMITS:
            for name, path in kit.engines("first", count, ("hotpatch",)):
                yield Run(name, [path])

    def ratios(self, results):
        for count, limit in LIMITS.items():
            value = results.value("hotpatch", "first apply", count)
            if limit and value is not None:
                yield Ratio.below(f"{count:,} sites, to {limit} ms",
                                  value / limit, 1)


FIGURE = First()
