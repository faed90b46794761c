# Looks at what the benchmarks have written.
#
#     well_formed.py OUT PRINTED                  JSON and tables agree
#     well_formed.py OUT PRINTED SERIES FIGURE... SERIES is in each figure
#     well_formed.py --damaged OUT PRINTED        the first, with a row taken out
#     well_formed.py --failing BENCH              a failing program is no result
#
# SPDX-License-Identifier: MIT
import json
import pathlib
import sys


def tables(text):
    """The rows of all tables, as lists of cells."""
    return [[cell.strip() for cell in line.strip("| ").split("|")]
            for line in text.splitlines() if line.startswith("|")]


def check_figure(name, figure, rows, plain):
    assert figure["title"] in plain, name
    assert figure["results"] or figure["skipped"], name
    for each in figure["results"]:
        values = each["values"]
        assert values and min(values) <= each["median"] <= max(values), each
        assert each["unit"], each
        assert any(row[0] == each["series"] for row in rows), each
        assert any(row[0] == f'{each["metric"]} ({each["unit"]})'
                   for row in rows), each
    for each in figure["ratios"]:
        assert any(row[0] == each["what"] for row in rows), each
        assert each["met"] in (None, True, False), each


def check(out, printed, damage=False):
    data = json.loads((out / "results.json").read_text())
    plain = printed.read_text()
    page = (out / "RESULTS.md").read_text()
    rows = tables(plain)
    if damage:
        rows = [row for row in rows if row[0] != "hotpatch"]
    assert data["machine"]["processor"] and data["machine"]["compiler"]
    assert data["machine"]["processor"] in page
    for name, figure in data["figures"].items():
        check_figure(name, figure, rows, plain)
    for line in plain.splitlines():
        assert line in page, line
    return data


def check_failing(bench):
    sys.path.insert(0, bench)
    from frame.figure import Run
    from frame.results import Results
    results = Results()
    good = 'print(\'{"metric": "m", "x": 1, "value": 2, "unit": "u"}\')'
    results.take([Run("good", [sys.executable, "-c", good]),
                  Run("bad", [sys.executable, "-c",
                              "import sys; sys.exit('no luck')"])], 3)
    assert results.samples == {("good", "m", 1): [2, 2, 2]}, results.samples
    assert "no luck" in results.failures["bad"], results.failures


if sys.argv[1] == "--failing":
    check_failing(sys.argv[2])
elif sys.argv[1] == "--damaged":
    check(*map(pathlib.Path, sys.argv[2:4]), damage=True)
else:
    found = check(*map(pathlib.Path, sys.argv[1:3]))
    for figure in sys.argv[4:]:
        series = [each["series"] for each
                  in found["figures"][figure]["results"]]
        wanted = sys.argv[3]
        # The program itself has other names where it is measured alone.
        alone = {"first": "program", "hp_list": "hp-list"}
        assert any(each.startswith(alone.get(figure, wanted))
                   for each in series), (figure, series)
