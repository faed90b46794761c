# Figures 3 and 5: what the system takes of them.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run
from frame.kit import processors

from figures.toggle import COUNT, LIMIT, RATES

STEPS = {"nothing": "-", "open and close the page": "p",
         "ask how it is protected": "a", "serialise all cores": "b",
         f"store {COUNT} words": "s", "all of a change by hotpatch": "apsb",
         "all of a change by XRay": "ps"}


class Floor(Figure):
    name = "floor"
    title = "What the system takes for a change"
    what = f"""\
The steps of a change, made by a program that does nothing else: the system
calls, and stores to {COUNT} functions in one page, each in a cache line of its own.
What they take the thread that makes them, alone and while another thread calls
the functions; and how much time that one loses: to interrupts, by which the
kernel makes the other processor forget the page's protection and what it has
fetched, and to fetching the changed lines again.  No library that changes text
in this way can be faster, or disturb less."""
    repetitions = 5
    plots = ({"kind": "bars", "title": "What the system takes for a change",
              "ylabel": "ns", "metrics": ["takes", "takes the caller"]},)

    def runs(self, kit):
        if processors() < 2:
            kit.skip("everything", "there is only one processor")
            return
        path = kit.out / "floor"
        kit.run(*kit.cxx, "-std=c++20", "-O2", f"-I{kit.source}",
                kit.source / "bench/programs/floor.cc", "-o", path,
                "-lpthread")
        for series, steps in STEPS.items():
            yield Run(series, [path, steps, str(kit.sized(20, 2000)),
                               str(kit.sized(20, 1000))])

    def ratios(self, results):
        for series in results.series():
            lost = results.value(series, "takes the caller", "one calling")
            if lost is not None:
                yield Ratio(f"{series}: part of the calls lost at "
                            f"{RATES[-1]:,} changes/s, {COUNT} at once, to "
                            f"{LIMIT}", lost / 1e9 * RATES[-1] / COUNT / LIMIT)


FIGURE = Floor()
