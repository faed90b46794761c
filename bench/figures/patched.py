# Figure 2: what a call costs of a function that is replaced.
# SPDX-License-Identifier: MIT
from calls.peers import Builder, Peer
from frame.figure import Figure, Ratio

PLAIN, CET = ["-fcf-protection=none"], ["-fcf-protection=branch"]
SHAPES = ("leaf", "pushes", "tail call")
MARGIN = 0.1  # nanoseconds


def hotpatch(state, **more):
    return Peer(f"hotpatch, {state}", PLAIN, plugin=True, **more)


def hotpatch_cet(state, **more):
    return Peer(f"hotpatch, endbr64, {state}", CET, plugin=True, **more)


PEERS = (
    hotpatch("not replaced"),
    hotpatch("near", prepare="hotpatch", table="replacements"),
    hotpatch("far", prepare="hotpatch", table="replacements", far=True),
    hotpatch("near, calls the original", prepare="hotpatch", table="wrappers"),
    hotpatch_cet("not replaced"),
    hotpatch_cet("near", prepare="hotpatch", table="replacements"),
    hotpatch_cet("far", prepare="hotpatch", table="replacements", far=True),
    hotpatch_cet("near, calls the original", prepare="hotpatch",
                 table="wrappers"),
    Peer("classic hook", PLAIN, prepare="classic", table="replacements"),
    Peer("function pointer", PLAIN, pointers=True),
    Peer("LD_PRELOAD", PLAIN, shared=True, preload="functions 0"),
    Peer("LD_PRELOAD, calls the original", PLAIN, shared=True,
         preload="interposers"),
    Peer("-pg -mfentry, empty hook", [*PLAIN, "-pg", "-mfentry"],
         prepare="fentry"),
    Peer("clang XRay, empty handler",
         ["-fxray-instrument", "-fxray-instruction-threshold=1"],
         ["-fxray-instrument"], clang=True, prepare="xray"),
)


class Patched(Figure):
    name = "patched"
    title = "A call of a function that is replaced"
    what = """\
As the figure before; here each function is replaced by one with the same body,
in the program (near) or in a shared object more than 2 GiB away (far), or by one
that calls the original and adds one to what that returns.  The classic hook
overwrites the function with a jump; where a preloaded object's function takes
the place of one, or calls it, the call goes through the procedure linkage table
before as well.  XRay calls its handler at the entry and the exit.  What near
costs is a jump that is taken, the classic hook's as well as ours; in functions
which end with a jump themselves the processor cannot hide it."""
    repetitions = 3
    plots = ({"kind": "bars", "title": "A call, replaced", "ylabel": "ns",
              "metrics": ["direct call"]},)

    def runs(self, kit):
        peers = PEERS if kit.sized(0, 1) else PEERS[:4] + PEERS[-1:]
        return Builder(kit).runs(peers, kit.sized(1, 4),
                                 kit.sized(0.0001, 0.002))

    def ratios(self, results):
        for kind in "hotpatch", "hotpatch, endbr64":
            for shape in SHAPES:
                before, near, far, through = (
                    results.value(f"{kind}, {state}", "direct call", shape)
                    for state in ("not replaced", "near", "far",
                                  "near, calls the original"))
                if None in (before, near, far, through):
                    continue
                yield Ratio.below(
                    f"{kind}: near against not replaced, {shape}, in 0.1 ns",
                    (near - before) / MARGIN, 1)
                classic = results.value("classic hook", "direct call", shape)
                if classic is not None and kind == "hotpatch":
                    yield Ratio(f"{kind}: near to the classic hook, {shape}",
                                near / classic)
                yield Ratio(f"{kind}: far to not replaced, {shape}",
                            far / before)
                yield Ratio(f"{kind}: calling the original to not replaced, "
                            f"{shape}", through / before)


FIGURE = Patched()
