# Prints the results of CPython's tests that are in a file of --junit-xml, one a
# line: "passed", "failed" or "skipped", and the test.
#
#     cpython_tests.py FILE
#
# SPDX-License-Identifier: MIT
import sys
import xml.etree.ElementTree as tree

for case in tree.parse(sys.argv[1]).iter("testcase"):
    found = {child.tag for child in case}
    result = "passed"
    if found & {"failure", "error"}:
        result = "failed"
    elif "skipped" in found or case.get("status") == "notrun":
        result = "skipped"
    print(result, case.get("name"))
