# Asks a server for pages with several connections until the file `stop` is
# there, and prints how often, and what went wrong.
#
#     http_load.py PORT
#
# SPDX-License-Identifier: MIT
import http.client
import os
import sys
import threading

port = int(sys.argv[1])
asked = []
wrong = []


def ask():
    count = 0
    while not os.path.exists("stop"):
        connection = http.client.HTTPConnection("localhost", port, timeout=60)
        try:
            connection.request("GET", "/hi")
            answer = connection.getresponse()
            if (answer.status, answer.read()) != (200, b"Hello World!\n"):
                wrong.append(str(answer.status))
        except Exception as failure:  # whatever it is, a request failed
            wrong.append(repr(failure))
        finally:
            connection.close()
        count += 1
    asked.append(count)


threads = [threading.Thread(target=ask) for _ in range(4)]
for each in threads:
    each.start()
for each in threads:
    each.join()
print("requests:", sum(asked))
print("failed:", len(wrong), *wrong[:5])
