# Real programs as Debian has them, and one of small classes, built without the
# plugin and with it in several ways.
#
# SPDX-License-Identifier: MIT
import os
import pathlib
import shlex
import shutil
import subprocess

from frame.figure import Skipped
from frame.kit import processors

VARIANTS = ("no plugin", "one part", "all")
# What makes all functions patchable; "libpulp" is what SUSE's libpulp wants a
# shared object to be compiled with: bytes before and in each function, and
# inlining as usual.
PATCHABLE = ("all", "inline", "libpulp")


class Program:
    name = ""
    part = ""     # the pattern that chooses the functions of one part
    source = ""   # for sources.sh

    def __init__(self, kit):
        self.kit = kit
        self.place = kit.out / "real" / self.source

    def fetch(self):
        script = self.kit.source / "bench/real/sources.sh"
        done = subprocess.run(["sh", script, self.source, self.place],
                              env={**os.environ,
                                   "CC": shlex.join(self.kit.cc)},
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Skipped(done.stderr.strip()[-300:] or "its source failed")

    def options(self, variant):
        plugin = f"-fplugin={self.kit.plugin}"
        return {"no plugin": [],
                "one part": [plugin,
                             f"-fplugin-arg-hotpatch-match={self.part}"],
                "all": [plugin, "-fplugin-arg-hotpatch-all"],
                "inline": [plugin, "-fplugin-arg-hotpatch-all",
                           "-fplugin-arg-hotpatch-inline"],
                "libpulp": ["-fpatchable-function-entry=16,14"]}[variant]

    def result(self, variant, level="-O2"):
        return self.place / (f"{self.source}-{variant.replace(' ', '-')}"
                             f"{level}")

    def command(self, variant, level="-O2"):
        """Compiles it anew, from nothing."""
        raise NotImplementedError

    def program(self, variant, level="-O2"):
        """What is executed."""
        return self.result(variant, level)

    def built(self, variant):
        """Built once for several figures, and again if the plugin changes."""
        path = self.result(variant)
        plugin = pathlib.Path(self.kit.plugin).resolve()
        if not path.exists() or \
                path.stat().st_mtime < plugin.stat().st_mtime:
            self.kit.run(*self.command(variant))
        return path


class Lua(Program):
    name = "Lua"
    source = "lua"
    part = "lvm.c"

    def command(self, variant, level="-O2"):
        files = [path for path in (self.place / "source/src").glob("*.c")
                 if path.name != "luac.c"]
        return [*self.kit.cc, level, "-w", "-DLUA_USE_LINUX",
                *self.options(variant), *sorted(files), "-o",
                self.result(variant, level), "-Wl,-E", "-lm", "-ldl"]


class Sqlite(Program):
    name = "SQLite"
    source = "sqlite"
    part = "sqlite3Btree*"  # it is compiled as one file

    def command(self, variant, level="-O2"):
        return [*self.kit.cc, level, "-w", *self.options(variant),
                f"-I{self.place}/one", self.place / "one/sqlite3.c",
                self.place / "source/test/speedtest1.c", "-o",
                self.result(variant, level), "-lpthread", "-ldl", "-lm"]


class Memcached(Program):
    name = "memcached"
    source = "memcached"
    part = "items.c"

    def command(self, variant, level="-O2"):
        tree = self.place / f"tree-{variant.replace(' ', '-')}"
        if not tree.exists():
            shutil.copytree(self.place / "source", tree, symlinks=True)
        options = shlex.join([level, "-w", "-pthread",
                              *self.options(variant)])
        return ["sh", "-c", f"cd {shlex.quote(str(tree))} && "
                f"rm -f *.o memcached && "
                f"make -s memcached CFLAGS={shlex.quote(options)} && "
                f"cp memcached {shlex.quote(str(self.result(variant, level)))}"]


class LevelDb(Program):
    name = "LevelDB"
    source = "leveldb"

    def command(self, variant, level="-O2"):
        tree = self.place / "source"
        files = [path for part in ("db", "table", "util", "helpers/memenv")
                 for path in (tree / part).glob("*.cc")
                 if not path.stem.endswith(("_test", "windows",
                                            "leveldbutil"))]
        return [*self.kit.cxx, level, "-w", "-std=c++17", "-pthread",
                "-DLEVELDB_PLATFORM_POSIX=1", "-DHAVE_FDATASYNC=1",
                *self.options(variant), f"-I{tree}", f"-I{tree}/include",
                *sorted(files), tree / "benchmarks/db_bench.cc", "-o",
                self.result(variant, level)]


class Classes(Program):
    name = "classes"
    source = "classes"

    def fetch(self):
        self.place.mkdir(parents=True, exist_ok=True)

    def command(self, variant, level="-O2"):
        return [*self.kit.cxx, level, *self.options(variant),
                self.kit.source / "bench/real/classes.cc", "-o",
                self.result(variant, level)]


class Configured(Program):
    """One that is configured for each variant in a tree of its own."""
    configure = ""
    make = ""
    needed = ()  # options that its own build has, too

    def command(self, variant, level="-O2"):
        tree = self.place / f"tree-{variant.replace(' ', '-')}{level}"
        options = shlex.join([level, "-w", *self.needed,
                              *self.options(variant)])
        cc = shlex.quote(shlex.join(self.kit.cc))
        return ["sh", "-c",
                f"rm -rf {shlex.quote(str(tree))} && "
                f"mkdir -p {shlex.quote(str(tree))} && "
                f"cd {shlex.quote(str(tree))} && "
                f"../source/configure -q {self.configure} CC={cc} "
                f">configure.log 2>&1 && "
                f"make -s -j{processors()} {self.make} "
                f"{self.flags}={shlex.quote(options)} >make.log 2>&1 && "
                f"touch {shlex.quote(str(self.result(variant, level)))}"]


class Python(Configured):
    name = "CPython"
    source = "python"
    configure = "--with-ensurepip=no"
    make = "python"
    flags = "OPT"
    needed = ("-DNDEBUG", "-fwrapv")

    def program(self, variant, level="-O2"):
        return self.place / f"tree-{variant.replace(' ', '-')}{level}/python"


class PostgreSql(Configured):
    name = "PostgreSQL"
    source = "postgresql"
    configure = ('--prefix="$PWD/installed" --without-readline --without-zlib '
                 '--disable-rpath')
    make = "install"
    flags = "COPT"  # after the options that it needs itself

    def program(self, variant, level="-O2"):
        return self.place / f"tree-{variant.replace(' ', '-')}{level}/installed"


def available(kit, kinds=(Lua, Sqlite, Memcached), variants=VARIANTS):
    """Those that can be had; the others are skipped with the reason."""
    for kind in kinds:
        program = kind(kit)
        try:
            program.fetch()
            program.built(variants[0])
        except Skipped as reason:
            kit.skip(program.name, str(reason))
            continue
        program.variants = [variants[0]]
        for variant in variants[1:]:
            try:
                program.built(variant)
                program.variants.append(variant)
            except Skipped as reason:
                kit.skip(f"{program.name}, {variant}", str(reason))
        yield program
