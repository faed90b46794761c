# How long threads stand still for a quiescent change.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

LIMITS = {100: 1000, 1000: 10_000}  # threads: microseconds


class Stop(Figure):
    name = "stop"
    title = "Stopping all threads"
    what = """\
Time from the first signal until all threads have been released, with a search
of all stacks in between; the threads wait in read() a few kilobytes down their
stacks.  At ordinary priority other programs take part in it."""
    repetitions = 3
    plots = ({"kind": "lines", "title": "All threads stand still",
              "xlabel": "threads", "ylabel": "microseconds", "logx": True,
              "logy": True, "metrics": ["stop p50", "stop p99"]},)

    def runs(self, kit):
        place = kit.build / "bench/stop_time"
        if kit.sized(True, False):
            kit.skip("hotpatch", "it takes seconds")
            return
        yield Run("hotpatch", [place])
        yield Run("hotpatch, SCHED_FIFO", ["chrt", "-f", "10", place])

    def ratios(self, results):
        for series in results.series():
            for threads, limit in LIMITS.items():
                value = results.value(series, "stop p50", threads)
                if value is not None:
                    yield Ratio.below(f"{series}: p50 with {threads:,} "
                                      f"threads, to {limit:,} us",
                                      value / limit, 1)


FIGURE = Stop()
