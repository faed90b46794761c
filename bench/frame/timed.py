# Runs a command, its output thrown away, and reports how long it took.
#
#     timed.py METRIC X COMMAND...
#
# SPDX-License-Identifier: MIT
import json
import subprocess
import sys
import time

metric, x, *command = sys.argv[1:]
start = time.monotonic()
subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
print(json.dumps({"metric": metric, "x": float(x), "unit": "ms",
                  "value": 1000 * (time.monotonic() - start)}))
