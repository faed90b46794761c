# Figure 6: until another core runs the new code.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run
from frame.kit import processors


class Reach(Figure):
    name = "reach"
    title = "Until another core runs the new code"
    what = """\
Time from the start of a change, and from its end, until another thread, which
does nothing but call the function, has entered the replacement.  Negative: it
was there before the change returned.  A thread that the system does not let run
meanwhile comes late: p99 tells of the machine.  A function that asks a variable
is what the processor can do at best; XRay has no barrier behind its store."""
    repetitions = 5
    plots = ({"kind": "bars", "title": "Until another core runs the new code",
              "ylabel": "ns", "metrics": ["from its start"]},)

    def runs(self, kit):
        if processors() < 2:
            kit.skip("everything", "there is only one processor")
            return
        rounds = str(kit.sized(10, 2000))
        for name, path in kit.engines("reach", 64,
                                      ("hotpatch", "xray", "flag")):
            yield Run(name, [path, rounds])
            if name == "hotpatch":
                yield Run("hotpatch, strict", [path, rounds],
                          {"BENCH_LEVEL": "strict"})

    def ratios(self, results):
        value = results.ratio("from its start", "hotpatch", "xray", "p50")
        if value is not None:
            yield Ratio("from the start, p50, to XRay", value)


FIGURE = Reach()
