# How long a process takes from its start to its end: the median of several.
#
#     spawn.py X ROUNDS COMMAND...
#
# SPDX-License-Identifier: MIT
import json
import os
import statistics
import sys
import time

x, rounds, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
times = []
quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
for _ in range(rounds):
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ,
                          file_actions=quiet)
    if os.waitpid(pid, 0)[1] != 0:
        sys.exit(f"{command[0]} failed")
    times.append(time.monotonic() - start)
print(json.dumps({"metric": "start to end", "x": x, "unit": "ms",
                  "value": 1000 * statistics.median(times)}))
