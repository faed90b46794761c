# Figure 1: what a call costs of a function that is not replaced.
# SPDX-License-Identifier: MIT
import math

from calls.peers import Builder, Peer
from frame.figure import Figure, Ratio

CET = "-fcf-protection=branch"
SHAPES = ("leaf", "pushes", "tail call")
WAYS = ("direct call", "indirect call")
LIMIT = 1.01
AGAIN = "GCC, again"

PEERS = (
    Peer("GCC", ["-fcf-protection=none"]),
    Peer("hotpatch", ["-fcf-protection=none"], plugin=True),
    Peer("GCC, endbr64", [CET]),
    Peer("hotpatch, endbr64", [CET], plugin=True),
    Peer("ms_hook_prologue", ["-fcf-protection=none",
                              "-DSHAPE=__attribute__((ms_hook_prologue))"]),
    Peer("-fpatchable-function-entry=8",
         ["-fcf-protection=none", "-fpatchable-function-entry=8"]),
    Peer("-fpatchable-function-entry=7,5",
         ["-fcf-protection=none", "-fpatchable-function-entry=7,5"]),
    Peer("-pg -mfentry -mnop-mcount",
         ["-fcf-protection=none", "-fno-pie", "-pg", "-mfentry",
          "-mnop-mcount"], ["-no-pie"]),
    Peer("-pg -mfentry, empty hook",
         ["-fcf-protection=none", "-pg", "-mfentry"], prepare="fentry"),
    Peer("clang", clang=True),
    Peer("clang XRay", ["-fxray-instrument",
                        "-fxray-instruction-threshold=1"],
         ["-fxray-instrument"], clang=True),
    # The first one once more: how exact the figure is.
    Peer(AGAIN, ["-fcf-protection=none"]),
    Peer("function pointer", ["-fcf-protection=none"], pointers=True),
    Peer("dlsym", ["-fcf-protection=none"], shared=True, pointers=True,
         prepare="pointers"),
    Peer("shared object, PLT", ["-fcf-protection=none"], shared=True),
)
INSTRUMENTED = [peer.series for peer in PEERS[4:9]] + ["clang XRay"]
# Everybody beside the code that the same compiler makes without it.
BASES = {"hotpatch, endbr64": "GCC, endbr64", "clang XRay": "clang"}


class Calls(Figure):
    name = "calls"
    title = "A call of a function that is not replaced"
    what = """\
Nanoseconds for each of 64 functions of one shape that are called one after
another, the result of one being the argument of the next; a leaf, a function
that saves five registers, and one that ends with a jump to another function;
called directly, and through a table of addresses.  Each program is linked with
its functions in several orders, as what lies where changes times by a few per
cent.  Of several measurements in a run the fastest counts, and the median of
the runs.  A ratio is against the same compiler without instrumentation, for all
shapes the geometric mean; that of "GCC, again", which is the same code, tells
how exact the others are: the shape in which it is farthest from 1 is the noise."""
    repetitions = 3
    plots = ({"kind": "bars", "title": "A call, not replaced",
              "ylabel": "ns", "metrics": ["direct call"]},
             {"kind": "bars", "title": "A call through a table, not replaced",
              "ylabel": "ns", "metrics": ["indirect call"]})

    def runs(self, kit):
        peers = PEERS if kit.sized(0, 1) else (*PEERS[:2], *PEERS[9:11])
        return Builder(kit).runs(peers, kit.sized(1, 4),
                                 kit.sized(0.0001, 0.002))

    def ratios(self, results):
        for way in WAYS:
            means = {}
            noise = noise_of(results, way)
            for series in results.series():
                base = BASES.get(series, "GCC")
                if series == base or series in BASES.values():
                    continue
                parts = [results.ratio(way, series, base, shape)
                         for shape in SHAPES]
                if None in parts:
                    continue
                means[series] = math.prod(parts) ** (1 / len(parts))
                what = f"{series}: {way}, to {base}"
                if not series.startswith("hotpatch"):
                    yield Ratio(what, means[series])
                    continue
                yield Ratio.below(what, means[series], LIMIT, noise)
                for shape, value in zip(SHAPES, parts):
                    yield Ratio.below(f"{what}, {shape}", value, LIMIT, noise)
            for series, mean in means.items():
                if series in INSTRUMENTED and "hotpatch" in means:
                    yield Ratio.below(f"hotpatch's ratio to that of {series}, "
                                      f"{way}", means["hotpatch"] / mean, 1,
                                      noise)


def noise_of(results, way):
    ratios = [results.ratio(way, AGAIN, "GCC", shape) for shape in SHAPES]
    return max(abs(each - 1) for each in ratios) if None not in ratios else 0


FIGURE = Calls()
