# Lua, SQLite and memcached as Debian has them, built without the plugin, with
# the functions of one file chosen, and with all.
#
# SPDX-License-Identifier: MIT
import os
import pathlib
import shlex
import shutil
import subprocess

from frame.figure import Skipped

VARIANTS = ("no plugin", "one part", "all")


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
                "all": [plugin, "-fplugin-arg-hotpatch-all"]}[variant]

    def result(self, variant, level="-O2"):
        return self.place / (f"{self.source}-{variant.replace(' ', '-')}"
                             f"{level}")

    def command(self, variant, level="-O2"):
        """Compiles it anew, from nothing."""
        raise NotImplementedError

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


def available(kit):
    """Those that can be had; the others are skipped with the reason."""
    for kind in Lua, Sqlite, Memcached:
        program = kind(kit)
        try:
            program.fetch()
            for variant in VARIANTS:
                program.built(variant)
        except Skipped as reason:
            kit.skip(program.name, str(reason))
        else:
            yield program
