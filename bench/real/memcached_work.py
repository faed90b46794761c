# The processor time that memcached takes for a number of requests, which one
# client sends in large portions: the server never waits for it long.
#
#     memcached_work.py SERVER PORTIONS
#
# SPDX-License-Identifier: MIT
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEYS = 500
server, portions = sys.argv[1], int(sys.argv[2])


def processor_time(pid):
    """Seconds of all its threads (proc(5), schedstat)."""
    return sum(int(thread.read_text().split()[0]) for thread in
               Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def connected(path):
    for _ in range(500):
        client = socket.socket(socket.AF_UNIX)
        try:
            client.connect(path)
            return client
        except OSError:
            client.close()
            time.sleep(0.01)
    sys.exit("memcached does not answer")


def exchange(client, request, ends, end):
    """Sends it and waits until so many lines end like that."""
    client.sendall(request)
    seen, rest = 0, b""
    while seen < ends:
        received = rest + client.recv(1 << 20)
        seen += received.count(end)
        rest = received[-(len(end) - 1):] if len(end) > 1 else b""


with tempfile.TemporaryDirectory() as place:
    path = f"{place}/socket"
    process = subprocess.Popen([server, "-s", path, "-t", "1", "-u",
                                pwd.getpwuid(os.getuid()).pw_name])
    client = connected(path)
    value = b"x" * 100
    sets = b"".join(b"set key%d 0 0 %d\r\n%s\r\n" % (i, len(value), value)
                    for i in range(KEYS))
    gets = b"".join(b"get key%d\r\n" % (i * 7 % KEYS) for i in range(KEYS))
    exchange(client, sets, KEYS, b"STORED\r\n")
    before = processor_time(process.pid)
    for i in range(portions):
        if i % 10 == 0:
            exchange(client, sets, KEYS, b"STORED\r\n")
        exchange(client, gets, KEYS, b"END\r\n")
    used = processor_time(process.pid) - before
    process.kill()
    process.wait()
print(f'{{"metric": "run time", "x": "memcached", "value": {used}, '
      '"unit": "s"}')
