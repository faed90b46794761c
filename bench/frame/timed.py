# Runs a command, its output thrown away, and reports how long it took, or the
# processor time of it and of what it started.
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


def processor_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


start = time.monotonic()
subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
took = time.monotonic() - start
try:
    x = float(x)
except ValueError:
    pass  # a word
print(json.dumps({"metric": metric, "x": x,
                  "unit": "s" if processor else "ms",
                  "value": processor_time() if processor else 1000 * took}))
