# Figure 7, in part: the first change in a process, and memory.
# SPDX-License-Identifier: MIT
from frame.figure import Figure, Ratio, Run

LIMITS = {10: None, 10_000: 1, 100_000: 10}  # sites: milliseconds
LOADED = (10_000, 100_000, 1_000_000)


class First(Figure):
    name = "first"
    title = "The first change in a process"
    what = """\
Time of the first hp_apply of a process, in which the library opens the file,
checks every record and makes the index of names; and of the change behind it.
In a program that a compiler made, and in a shared object which was written by
many_sites and whose functions are 32 bytes each.  Memory is what no other process
shares: for each site what the first change took, for each of up to 10,000
replaced functions what the transaction took; pages of text that were written to
are a part of that, here 32 bytes for each function where all neighbours are
replaced, and 4096 where none is."""
    repetitions = 5
    plots = ({"kind": "lines", "title": "The first change in a process",
              "xlabel": "sites", "ylabel": "ms", "logx": True, "logy": True,
              "metrics": ["first apply"]},)

    def runs(self, kit):
        for count in list(LIMITS)[:kit.sized(1, 3)]:
            for name, path in kit.engines("first", count, ("hotpatch",)):
                yield Run("program", [path])
        loader = kit.out / "first_of_object"
        kit.run(*kit.cxx, "-std=c++20", "-O2", f"-I{kit.source}",
                f"-I{kit.source}/runtime/include",
                kit.source / "bench/programs/first_of_object.cc", "-o", loader,
                *kit.library())
        for count in LOADED[:kit.sized(1, 3)]:
            yield Run("shared object", [loader, kit.many_sites(count),
                                        str(count)])

    def ratios(self, results):
        for series in results.series():
            for count, limit in LIMITS.items():
                value = results.value(series, "first apply", count)
                if limit and value is not None:
                    yield Ratio.below(f"{series}, {count:,} sites, to "
                                      f"{limit} ms", value / limit, 1)


FIGURE = First()
