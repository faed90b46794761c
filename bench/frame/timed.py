# Runs a command, its output thrown away, and reports how long it took; or the
# processor time, or the user time, of it and of what it started, and the most
# memory that one of them had.
#
#     timed.py [--processor | --user] METRIC X COMMAND...
#
# SPDX-License-Identifier: MIT
import json
import resource
import subprocess
import sys
import time

arguments = sys.argv[1:]
kind = arguments.pop(0) if arguments[0].startswith("--") else ""
metric, x, *command = arguments


start = time.monotonic()
subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
took = time.monotonic() - start
try:
    x = float(x)
except ValueError:
    pass  # a word


def report(metric, value, unit):
    print(json.dumps({"metric": metric, "x": x, "value": value,
                      "unit": unit}))


if kind:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report(metric, used.ru_utime + (kind == "--processor") * used.ru_stime, "s")
    report("peak memory", used.ru_maxrss / 1024, "MiB")
else:
    report(metric, 1000 * took, "ms")
