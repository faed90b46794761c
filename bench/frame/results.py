# Samples of one figure: runs of all peers in turn, and medians of them.
#
# SPDX-License-Identifier: MIT
import json
import os
import statistics
import subprocess
import sys


LIMIT = 120  # seconds; nothing here takes nearly as long


class Results:
    def __init__(self):
        self.samples = {}  # (series, metric, x) -> values
        self.units = {}    # metric -> unit
        self.failures = {}   # series -> why the first of its runs failed
        self.failed = set()  # runs by number, which are not tried again

    def add(self, series, line):
        value = json.loads(line)
        key = series, value["metric"], value["x"]
        self.samples.setdefault(key, []).append(value["value"])
        self.units[value["metric"]] = value["unit"]

    def take(self, runs, repetitions):
        """Every run once, then every run again: what disturbs the machine
        for a while disturbs all of them."""
        runs = list(runs)
        for turn in range(repetitions):
            for number, run in enumerate(runs):
                if number in self.failed:
                    continue
                if sys.stderr.isatty():
                    print(f"\r  {turn + 1}/{repetitions} {run.series:40.40}",
                          end="\r", file=sys.stderr)
                if not self.take_one(run):
                    self.failed.add(number)

    def take_one(self, run):
        """False: it failed."""
        try:
            done = subprocess.run(run.command, capture_output=True, text=True,
                                  timeout=LIMIT,
                                  env={**os.environ, **run.environment})
        except subprocess.TimeoutExpired:
            self.failures.setdefault(run.series, f"did not end in {LIMIT} s")
            return False
        if done.returncode != 0:
            self.failures.setdefault(
                run.series,
                f"ended with {done.returncode}: {done.stderr.strip()[-200:]}")
            return False
        for line in done.stdout.splitlines():
            self.add(run.series, line)
        return True

    def value(self, series, metric, x=None):
        """The median; None if there is no such sample."""
        for key, values in self.samples.items():
            if key[:2] == (series, metric) and x in (None, key[2]):
                return statistics.median(values)
        return None

    def spread(self, series, metric, x):
        """How far a sample usually is from the median, as a part of it."""
        values = self.samples[series, metric, x]
        middle = statistics.median(values)
        away = statistics.median(abs(each - middle) for each in values)
        return away / abs(middle) if middle else 0

    def places(self, metric):
        """What is varied: numbers in order, words as they came."""
        found = list(dict.fromkeys(key[2] for key in self.samples
                                   if key[1] == metric))
        words = any(isinstance(each, str) for each in found)
        return found if words else sorted(found)

    def ratio(self, metric, ours, theirs, x=None):
        a, b = self.value(ours, metric, x), self.value(theirs, metric, x)
        return a / b if a is not None and b else None

    def series(self):
        return list(dict.fromkeys(key[0] for key in self.samples))

    def metrics(self):
        return list(dict.fromkeys(key[1] for key in self.samples))

    def points(self, series, metric):
        """(x, median) for each x that there is."""
        return [(x, statistics.median(self.samples[series, metric, x]))
                for x in self.places(metric)
                if (series, metric, x) in self.samples]

    def as_json(self):
        return [{"series": series, "metric": metric, "x": x,
                 "unit": self.units[metric],
                 "median": statistics.median(values),
                 "spread": self.spread(series, metric, x), "values": values}
                for (series, metric, x), values in self.samples.items()]
