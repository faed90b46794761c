# Figure 5: changes against calls.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

RATES = (0, 1000, 100_000, 1_000_000)
LIMIT = 0.116  # WordPatch's published loss at a million changes a second
REACHED = 0.9  # of the rate that was asked for
COUNT = 64


class Toggle(Figure):
    name = "toggle"
    title = "Changes against calls"
    what = f"""\
Calls per second of one and of two threads, which call {COUNT} functions in turn,
while another thread changes these so many times a second: one function at a
time, or all {COUNT} in one transaction, which counts as {COUNT} changes.  Where a
rate cannot be reached, the table of changes shows how far it went.  At rate 0 a
transaction's worth of functions is replaced for the second half of the time, so
that a loss against it is what changing costs, and not what the other functions
do; what is lost is time for barriers, and processors that the changes use.
XRay's replaced functions call a handler at their entry and exit."""
    repetitions = 5
    plots = ({"kind": "lines", "title": "Calls while functions change",
              "xlabel": "changes asked for per second", "even": True,
              "ylabel": "calls per second", "metrics": ["calls per second"]},)

    def runs(self, kit):
        for name, path in kit.engines("toggle", COUNT, ("hotpatch", "xray")):
            for callers in 1, 2:
                for at_once in 1, COUNT:
                    series = (f"{name}, {callers} calling, "
                              f"{at_once} at once")
                    for rate in RATES:
                        yield Run(series, [path, str(callers), str(rate),
                                           str(at_once),
                                           str(kit.sized(20, 200))])

    def ratios(self, results):
        for series in results.series():
            idle = results.value(series, "calls per second", 0)
            for rate in RATES[1:]:
                calls = results.value(series, "calls per second", rate)
                if not idle or calls is None:
                    continue
                yield loss(results, series, rate, 1 - calls / idle)


def loss(results, series, rate, lost):
    what = f"{series}: loss of calls at {rate:,} changes/s"
    reached = results.value(series, "changes per second", rate)
    if reached < REACHED * rate:
        return Ratio(what, lost, remark=f"only {reached:,.0f}/s")
    if rate == RATES[-1] and series.startswith("hotpatch"):
        return Ratio.below(what, lost, LIMIT)
    return Ratio(what, lost)


FIGURE = Toggle()
