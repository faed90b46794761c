# Sends the first half of a request, makes the file `half`, waits for the file
# `reloaded`, sends the rest and prints the first line of the answer.
#
#     haproxy_across.py PORT
#
# SPDX-License-Identifier: MIT
import os
import socket
import sys
import time

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60)
answers = connection.makefile("rb")
# A whole one first: then it is known that the connection was accepted.
connection.sendall(b"GET /hi HTTP/1.1\r\nHost: localhost\r\n\r\n")
while answers.readline() != b"Hello World!\n":
    pass
connection.sendall(b"GET /hi HTTP/1.1\r\nHost: localhost\r\n")
open("half", "w").close()
while not os.path.exists("reloaded"):
    time.sleep(0.05)
connection.sendall(b"Content-Length:\r\n\r\n")
print(answers.readline().decode(), end="")
