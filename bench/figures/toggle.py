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
rate cannot be reached, the table of changes shows how far it went.  Each run
takes turns with the same work unchanged, where a transaction's worth of
functions is replaced for half of the time in one piece, so that what is lost is
what changing costs: time for barriers, and processors that the changes use.  At
rate 0 both are the same: how exact the figure is.  XRay's replaced functions
call a handler at their entry and exit."""
    repetitions = 5
    plots = ({"kind": "lines", "title": "Calls lost while functions change",
              "xlabel": "changes asked for per second", "even": True,
              "ylabel": "%", "metrics": ["calls lost"]},)

    def runs(self, kit):
        for name, path in kit.engines("toggle", COUNT, ("hotpatch", "xray")):
            for callers in 1, 2:
                for at_once in 1, COUNT:
                    series = (f"{name}, {callers} calling, "
                              f"{at_once} at once")
                    for rate in RATES:
                        yield Run(series, [path, str(callers), str(rate),
                                           str(at_once),
                                           str(kit.sized(20, 800))])

    def ratios(self, results):
        for series in results.series():
            noise = abs(results.value(series, "calls lost", 0) or 0) / 100
            for rate in RATES[1:]:
                lost = results.value(series, "calls lost", rate)
                if lost is not None:
                    yield loss(results, series, rate, lost / 100, noise)


def loss(results, series, rate, lost, noise):
    what = f"{series}: part of the calls lost at {rate:,} changes/s"
    reached = results.value(series, "changes", rate)
    if reached < REACHED * rate:
        return Ratio(what, lost, remark=f"only {reached:,.0f}/s")
    if rate == RATES[-1] and series.startswith("hotpatch"):
        return Ratio.below(what, lost, LIMIT, noise)
    return Ratio(what, lost)


FIGURE = Toggle()
