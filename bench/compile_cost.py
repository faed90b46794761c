#!/usr/bin/env python3
"""Compares what two commands cost: processor time and peak memory.

    compile_cost.py PAIRS COMMAND COMMAND

They run by turns, so that what else the machine does meets both alike; the
ratio of each pair is taken, and the middle one counts.

SPDX-License-Identifier: MIT
"""

import os
import shlex
import statistics
import sys


def run(command):
    """Seconds of processor time and the peak of memory in MiB."""
    words = shlex.split(command)
    pid = os.posix_spawnp(words[0], words, os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"failed: {command}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(what, unit, pairs):
    before, after = (statistics.median(side) for side in zip(*pairs))
    ratios = sorted(second / first for first, second in pairs)
    middle = statistics.median(ratios)
    print(
        f"  {what:7} {before:8.2f} {unit} without, {after:8.2f} with: "
        f"{(middle - 1) * 100:+.1f} %"
        f"  (pairs {(ratios[0] - 1) * 100:+.1f} to "
        f"{(ratios[-1] - 1) * 100:+.1f} %)"
    )


def main():
    count, first, second = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    run(first)  # what it reads is in memory from here on
    results = []
    for turn in range(count):
        if turn % 2:
            after, before = run(second), run(first)
        else:
            before, after = run(first), run(second)
        results.append((before, after))
    compare("time", "s", [(b[0], a[0]) for b, a in results])
    compare("memory", "MiB", [(b[1], a[1]) for b, a in results])


main()
