# One of six pieces of work for an interpreter of Python.
#
#     python_work.py WORK ROUNDS
#
# SPDX-License-Identifier: MIT
import sys


def calls(rounds):
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
    for _ in range(rounds):
        fibonacci(22)


def objects(rounds):
    class Point:
        def __init__(self, x, y):
            self.x, self.y = x, y

        def moved(self, by):
            return Point(self.x + by, self.y - by)
    for _ in range(rounds):
        point = Point(1, 2)
        for i in range(20_000):
            point = point.moved(i)


def numbers(rounds):
    for _ in range(rounds):
        total, scaled = 0, 0.5
        for i in range(100_000):
            total += i * i % 7
            scaled = scaled * 0.999 + i
        assert total > scaled * 0


def texts(rounds):
    for _ in range(rounds):
        parts = [f"{i}:{i * 3}" for i in range(20_000)]
        text = ",".join(parts)
        assert len(text.upper().replace(":", "=").split(",")) == 20_000


def tables(rounds):
    for _ in range(rounds):
        counts = {}
        for i in range(60_000):
            key = i * 7919 % 5003
            counts[key] = counts.get(key, 0) + 1
        assert len({k for k, v in counts.items() if v > 3}) == 5003


def sorting(rounds):
    for _ in range(rounds):
        values = [i * 7919 % 100_003 for i in range(40_000)]
        values.sort(key=lambda value: (value % 10, value))
        assert [v for v in values if v % 10 == 0] == sorted(
            v for v in values if v % 10 == 0)


WORK = {work.__name__: work
        for work in (calls, objects, numbers, texts, tables, sorting)}
if __name__ == "__main__":
    WORK[sys.argv[1]](int(sys.argv[2]))
