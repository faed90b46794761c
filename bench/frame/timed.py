# Runs a command, its output thrown away, and reports how long it took; or the
# processor time of it and of what it started, and the most memory that one of
# them had.
#
#     timed.py [--processor] METRIC X COMMAND...
#
# SPDX-License-Identifier: MIT
import json
import resource
import subprocess
import sys
import time

arguments = sys.argv[1:]
processor = arguments[0] == "--processor"
metric, x, *command = arguments[processor:]


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


if processor:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    report(metric, used.ru_utime + used.ru_stime, "s")
    report("peak memory", used.ru_maxrss / 1024, "MiB")
else:
    report(metric, 1000 * took, "ms")
