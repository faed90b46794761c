# Builds measuring programs, each way of changing functions with the compiler
# and the options that it needs.
#
# SPDX-License-Identifier: MIT
import os
import pathlib
import shutil
import subprocess
import sys

from frame.figure import Skipped

GCC_PEER = ["-O2", "-fno-inline"]
FLAG_BODY = ("-DBODY(x,i)=extern int bench_flag; return __atomic_load_n("
             "&bench_flag, __ATOMIC_RELAXED) ? -2 : x + i")
SIZES = ("tiny", "usual", "full")


class Kit:
    def __init__(self, source, build, out, cc, cxx, plugin, size="usual"):
        self.source = pathlib.Path(source)
        self.build = pathlib.Path(build)
        self.out = pathlib.Path(out)
        self.cc, self.cxx = cc.split(), cxx.split()
        self.plugin = plugin
        self.size = size
        self.skipped = {}
        self.out.mkdir(parents=True, exist_ok=True)

    def skip(self, series, reason):
        self.skipped[series] = reason

    def without_places(self, text):
        """A compiler's message, as it is on any machine."""
        for place in self.out, self.build, self.source:
            text = text.replace(f"{place}/", "")
        return text

    def sized(self, tiny, usual, full=None):
        """Of three amounts of work the one that was asked for."""
        return {"tiny": tiny, "usual": usual,
                "full": usual if full is None else full}[self.size]

    def run(self, *command):
        done = subprocess.run([str(part) for part in command],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(f"{command[0]} failed: {done.stderr.strip()[-300:]}")
        return done.stdout

    def clang(self):
        """clang and clang++, of any version that has XRay's runtime."""
        for version in ("", *(f"-{n}" for n in range(20, 13, -1))):
            found = shutil.which("clang++" + version)
            if found and shutil.which("clang" + version):
                return ["clang" + version], ["clang++" + version]
        raise Skipped("clang is not installed")

    def functions(self, count):
        """A C file with that many functions (functions.py)."""
        path = self.out / f"functions-{count}.c"
        text = self.run(sys.executable, self.source / "bench/functions.py",
                        count)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def many_sites(self, count):
        """A shared object with that many sites (many_sites.cc)."""
        path, writer = self.out / f"many-{count}.so", \
            self.build / "bench/many_sites"
        if not path.exists() or \
                path.stat().st_mtime < writer.stat().st_mtime:
            self.run(writer, count, path)
        return path

    def library(self):
        """What a program needs to use libhotpatch as it was built."""
        place = self.build / "runtime/.libs"
        return [f"-L{place}", f"-Wl,-rpath,{place}", "-lhotpatch"]

    def object(self, name, command):
        """Compiled again when its sources, the compiler or the plugin are
        newer; a hundred thousand functions take a while."""
        path = self.out / f"{name}.o"
        parts = [pathlib.Path(shutil.which(command[0]) or command[0]),
                 pathlib.Path(self.plugin).resolve(),
                 *(part for part in command if isinstance(part, pathlib.Path))]
        if not path.exists() or any(
                part.exists() and part.stat().st_mtime > path.stat().st_mtime
                for part in parts):
            self.run(*command, "-c", "-o", path)
        return path

    def engine(self, engine, program, count):
        """programs/PROGRAM.cc with engines/ENGINE.cc and COUNT functions."""
        include = [f"-I{self.source}", f"-I{self.source}/runtime/include"]
        cc, cxx, peer, link = self.cc, self.cxx, [], []
        if engine == "xray":
            cc, cxx = self.clang()
            peer = ["-O2", "-fxray-instrument",
                    "-fxray-instruction-threshold=1"]
            link = ["-fxray-instrument"]
        elif engine == "hotpatch":
            peer = ["-O2", f"-fplugin={self.plugin}",
                    "-fplugin-arg-hotpatch-all"]
            link = self.library()
        elif engine == "flag":
            peer = [*GCC_PEER, FLAG_BODY]
        else:
            peer = GCC_PEER
        functions = self.object(f"functions-{engine}-{count}",
                                [*cc, *peer, "-fPIE", self.functions(count)])
        path = self.out / f"{program}-{engine}-{count}"
        self.run(*cxx, "-std=c++20", "-O2", *include,
                 self.source / f"bench/programs/{program}.cc",
                 self.source / f"bench/engines/{engine}.cc", functions,
                 "-o", path, *link, "-lpthread")
        return path

    def engines(self, program, count, names=("hotpatch", "xray", "classic")):
        """(name, path) for each that can be built."""
        for name in names:
            try:
                yield name, self.engine(name, program, count)
            except Skipped as reason:
                self.skip(name, str(reason))


def processors():
    return len(os.sched_getaffinity(0))
