# Ways to make functions, and to call them, that the figures of calls compare:
# what each is built with.
#
# SPDX-License-Identifier: MIT
import dataclasses
import subprocess
import sys

from frame.figure import Run, Skipped


@dataclasses.dataclass
class Peer:
    series: str
    options: list = dataclasses.field(default_factory=list)
    link: list = dataclasses.field(default_factory=list)
    clang: bool = False
    plugin: bool = False
    prepare: str = "nothing"
    table: str = ""        # "replacements" or "wrappers", in the program
    far: bool = False      # the replacements, in a shared object far away
    shared: bool = False   # the functions are in a shared object
    preload: str = ""      # ... and these of shapes.py are preloaded
    pointers: bool = False  # called through variables

    def kind(self):
        return "".join(c if c.isalnum() else "-" for c in self.series)


class Builder:
    """Programs of calls.cc, one for each peer and order of the functions."""

    def __init__(self, kit):
        self.kit = kit
        self.here = kit.source / "bench/calls"
        self.include = [f"-I{kit.source}", f"-I{kit.source}/runtime/include"]
        self.main = None

    def text(self, *what):
        path = self.kit.out / ("shapes-" + "-".join(what) + ".c")
        path.write_text(self.kit.run(sys.executable, self.here / "shapes.py",
                                     *what))
        return path

    def compiled(self, name, command):
        path = self.kit.out / f"{name}.o"
        self.kit.run(*command, "-c", "-o", path)
        return path

    def main_object(self):
        if self.main is None:
            if "benchmark/benchmark.h" in self.missing_header():
                raise Skipped("Google Benchmark (libbenchmark-dev) is not "
                              "installed")
            self.main = self.compiled("calls", [
                *self.kit.cxx, "-std=c++20", "-O2", *self.include,
                self.here / "calls.cc"])
        return self.main

    def missing_header(self):
        done = subprocess.run([*self.kit.cxx, "-E", "-x", "c++", "-"],
                              input="#include <benchmark/benchmark.h>\n",
                              capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    def program(self, peer, seed):
        kit, kind = self.kit, peer.kind()
        cc, cxx = kit.clang() if peer.clang else (kit.cc, kit.cxx)
        options = ["-O2", *peer.options]
        if peer.plugin:
            options += [f"-fplugin={kit.plugin}", "-fplugin-arg-hotpatch-all"]
        source = self.text("functions", str(seed))
        parts = [self.main_object()]
        after = []
        if peer.shared:
            library = kit.out / f"lib{kind}-{seed}.so"
            # shape_end is the program's, which is how PLT calls are made.
            kit.run(*cc, *options, "-fPIC", "-shared", source, "-o", library)
            after += [library]
        else:
            parts.append(self.compiled(f"shapes-{kind}", [*cc, *options,
                                                          source]))
        parts.append(self.compiled(f"callers-{kind}", [
            *kit.cc, "-O2", *(["-DPOINTERS"] if peer.pointers else []),
            *(each for each in peer.options if each.startswith("-fcf-")),
            self.text("callers")]))
        if peer.table:
            parts.append(self.compiled(f"table-{kind}", [
                *kit.cc, "-O2", self.text(peer.table)]))
        parts.append(self.compiled(f"prepare-{kind}", [
            *cxx, "-std=c++20", "-O2", *self.include,
            self.here / f"prepare_{peer.prepare}.cc"]))
        path = kit.out / f"calls-{kind}-{seed}"
        # What a preloaded object or dlsym() looks for is exported.
        kit.run(*cxx, "-rdynamic", *parts, *after, "-o", path, *peer.link,
                *(kit.library() if peer.plugin else []),
                "-Wl,-z,lazy", "-lbenchmark", "-lpthread", "-ldl")
        return path

    def environment(self, peer):
        def shared(*what):
            path = self.kit.out / f"{what[0]}-{peer.kind()}.so"
            self.kit.run(*self.kit.cc, "-O2", "-fPIC", "-shared",
                         "-fno-semantic-interposition", self.text(*what),
                         "-o", path)
            return str(path)
        if peer.far:
            return {"BENCH_OTHERS": shared("replacements")}
        if peer.preload:
            return {"LD_PRELOAD": shared(*peer.preload.split())}
        return {}

    def runs(self, peers, layouts, seconds):
        """Every peer with one order of the functions, then with the next."""
        for seed in range(layouts):
            for peer in peers:
                if peer.series in self.kit.skipped:
                    continue
                try:
                    yield Run(peer.series, [
                        self.program(peer, seed), "measured",
                        f"--benchmark_min_time={seconds}",
                        "--benchmark_repetitions=9"],
                        self.environment(peer))
                except Skipped as reason:
                    self.kit.skip(peer.series, str(reason))
