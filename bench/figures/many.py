# Figure 4: many sites in one go.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

COUNTS = (100, 10_000, 100_000)
METRICS = ("apply, first time", "revert", "apply, again", "revert, again")


class Many(Figure):
    name = "many"
    title = "Many sites in one go"
    what = """\
Time for each function when all functions of a program are replaced in one
transaction, and when all are taken back: the first time, when the kernel copies
the pages of text and hotpatch reads the program's records, and again.  hotpatch
is given each function by its name; XRay's __xray_patch changes two sleds of
each function in the order of its table, without names, checks or a barrier."""
    repetitions = 5
    plots = ({"kind": "lines", "title": "All functions in one go, again",
              "xlabel": "functions", "ylabel": "ns for each", "logx": True,
              "logy": True, "metrics": ["apply, again"]},)

    def runs(self, kit):
        for count in COUNTS[:kit.sized(1, 3)]:
            for name, path in kit.engines("many", count):
                yield Run(name, [path])

    def ratios(self, results):
        for count in COUNTS:
            for metric in METRICS:
                value = results.ratio(metric, "hotpatch", "xray", count)
                if value is not None:
                    yield Ratio.below(f"{metric}, {count:,} sites, to XRay",
                                      value, 1)


FIGURE = Many()
