# Figure 9: hp-list beside what lists symbols.
# SPDX-License-Identifier: MIT
import shutil
import sys

from frame.figure import Figure, Ratio, Run

COUNTS = (1000, 100_000, 1_000_000)
HP_LIST = ("", "--count", "--demangle", "--sort=name", "--long", "--json")
PEERS = ("readelf -sW", "nm", "nm -C")


class HpList(Figure):
    name = "hp_list"
    title = "hp-list on large files"
    what = """\
Time to list all sites of a shared object, beside readelf and nm, which list the
symbols of the same functions; all output thrown away."""
    repetitions = 9
    plots = ({"kind": "lines", "title": "Listing everything",
              "xlabel": "sites", "ylabel": "ms", "logx": True, "logy": True,
              "metrics": ["time"]},)

    def runs(self, kit):
        for count in COUNTS[:kit.sized(1, 3)]:
            image = kit.many_sites(count)
            timed = [sys.executable, kit.source / "bench/frame/timed.py",
                     "time", str(count)]
            for options in HP_LIST:
                yield Run(f"hp-list {options}".strip(),
                          [*timed, kit.build / "tools/hp-list",
                           *options.split(), image])
            for peer in PEERS:
                if shutil.which(peer.split()[0]):
                    yield Run(peer, [*timed, *peer.split(), image])
                else:
                    kit.skip(peer, "it is not installed")

    def ratios(self, results):
        for count in COUNTS:
            ours = results.value("hp-list", "time", count)
            theirs = results.value("readelf -sW", "time", count)
            if ours is not None and theirs:
                yield Ratio.below(f"hp-list, {count:,} sites, to readelf -sW",
                                  ours / theirs, 1)


FIGURE = HpList()
