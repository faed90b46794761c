# Figure 3: one change at a time.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

BUSY = (0, 1, 8)
COUNTS = (64, 10_000)


class Apply(Figure):
    name = "apply"
    title = "One apply and one revert"
    what = """\
Time of one call that replaces one function and of one that takes it back, with
so many threads that call the function meanwhile.  In a program of 64 functions
and of 10,000: XRay looks the function up among all of them in turn.  hotpatch
validates the word before, reads it back behind, and serialises all cores;
XRay and the classic hook do none of that, and the classic hook is not safe
while the function is called."""
    plots = ({"kind": "lines", "title": "One apply, p50", "logy": True,
              "even": True,
              "xlabel": "busy threads", "ylabel": "ns",
              "metrics": ["apply p50"]},)

    def runs(self, kit):
        for count in COUNTS[:kit.sized(1, 2)]:
            for name, path in kit.engines("single", count):
                for busy in BUSY:
                    # The classic hook crashes programs whose threads call.
                    if name == "classic" and busy:
                        continue
                    rounds = str(kit.sized(20, 10_000 if busy == 0 else 1000))
                    yield Run(f"{name}, {count:,} functions",
                              [path, str(busy), rounds])
                    if name != "hotpatch" or count != COUNTS[0]:
                        continue
                    for level in "strict", "quiescent":
                        yield Run(f"hotpatch, {level}",
                                  [path, str(busy), str(int(rounds) // 10)],
                                  {"BENCH_LEVEL": level})

    def ratios(self, results):
        for count in COUNTS:
            for busy in BUSY:
                for way in "apply", "revert":
                    value = results.ratio(
                        f"{way} p50", f"hotpatch, {count:,} functions",
                        f"xray, {count:,} functions", busy)
                    what = (f"{way}, {count:,} functions, {busy} busy, "
                            "to XRay")
                    if value is not None and busy == 0:
                        yield Ratio.below(what, value, 1)
                    elif value is not None:
                        yield Ratio(what, value)


FIGURE = Apply()
