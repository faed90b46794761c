# User time of PostgreSQL for three queries, each in a process of its own that
# answers no one else (postgres --single), on a database that is made before.
#
#     postgresql_work.py DIRECTORY
#
# DIRECTORY is where it was installed.  PostgreSQL does not run as root: then
# another user runs it.
#
# SPDX-License-Identifier: MIT
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

QUERIES = {
    "aggregate": "select sum(n % 7), count(*) from generate_series(1, 900000) n;",
    "join": "select count(*) from numbers a join numbers b on a.id = b.other;",
    "text": "select count(distinct md5(id::text)) from numbers;",
}
TABLE = ("create table numbers as select n as id, (n * 7) % 200000 as other "
         "from generate_series(1, 200000) n;")
UNPRIVILEGED = 65534

place = Path(sys.argv[1])
user = {} if os.geteuid() else {"user": UNPRIVILEGED, "group": UNPRIVILEGED,
                                "extra_groups": []}


def run(program, *arguments, said=""):
    """The user time that it takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([place / "bin" / program, *arguments], input=said,
                          capture_output=True, text=True, **user)
    if done.returncode != 0 or "ERROR:" in done.stderr:
        sys.exit(f"{program}: {done.stderr[-500:]}")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def single(query):
    return run("postgres", "--single", "-D", data, "-c", "fsync=off",
               "-c", "work_mem=64MB", "-c", "jit=off", "-c",
               "max_parallel_workers_per_gather=0", "postgres",
               said=query + "\n")


with tempfile.TemporaryDirectory() as scratch:
    os.chmod(scratch, 0o777)
    data = f"{scratch}/data"
    run("initdb", "-D", data, "-A", "trust", "--no-sync")
    single(TABLE)
    start = min(single("select 1;") for _ in range(3))
    for name, query in QUERIES.items():
        used = single(query) - start
        print(f'{{"metric": "run time", "x": "PostgreSQL {name}", '
              f'"value": {used}, "unit": "s"}}')
