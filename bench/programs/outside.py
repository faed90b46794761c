# Applies a patch object to processes with many threads, and to many processes;
# reports the time from the start of hp-apply to its end, how long each process
# stood still, and for how long the thread that loaded the patch was away.
#
#     outside.py HP_APPLY PROGRAM PATCH
#
# SPDX-License-Identifier: MIT
import json
import re
import subprocess
import sys
import time

hp_apply, program, patch = sys.argv[1:]

THREADS = (1, 100, 1000)
PROCESSES = 1000


def report(metric, x, value):
    print(json.dumps({"metric": metric, "x": x, "value": value, "unit": "ms"}))


def start(threads):
    return subprocess.Popen([program, str(threads)])


def wait_for_threads(process, threads):
    path = f"/proc/{process.pid}/status"
    while f"Threads:\t{threads}\n" not in open(path).read():
        time.sleep(0.01)


def apply(*which):
    begin = time.monotonic()
    done = subprocess.run([hp_apply, *which, patch], check=True,
                          capture_output=True, text=True)
    took = 1000 * (time.monotonic() - begin)
    stood = [float(each) for each in
             re.findall(r"stood still for ([0-9.]+) ms", done.stdout)]
    away = [float(each) for each in
            re.findall(r"was away for ([0-9.]+) ms", done.stdout)]
    return took, sorted(stood), sorted(away)


for threads in THREADS:
    process = start(threads)
    wait_for_threads(process, threads)
    took, stood, away = apply(str(process.pid))
    process.kill()
    process.wait()
    report("start to done, by threads", threads, took)
    report("stood still, by threads", threads, stood[0])
    report("borrowed thread away, by threads", threads, away[0])

processes = [start(1) for _ in range(PROCESSES)]
time.sleep(1)
took, stood, away = apply(f"--all-processes-of={program}")
for process in processes:
    process.kill()
    process.wait()
assert len(stood) == PROCESSES
report("per process, of many", PROCESSES, took / PROCESSES)
report("stood still, of many, median", PROCESSES, stood[PROCESSES // 2])
report("borrowed thread away, of many, median", PROCESSES,
       away[PROCESSES // 2])
