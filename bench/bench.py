# Measures hotpatch beside its peers: prints tables, writes JSON, plots and
# RESULTS.md.  README says what each figure means.
#
#     make -C bench bench                  all figures
#     make -C bench bench FIGURES='apply'  some
#     make -C bench results                all, into the source tree
#
# SPDX-License-Identifier: MIT
import argparse
import importlib
import json
import os
import pathlib
import sys

from frame import machine, plot, table
from frame.figure import Skipped
from frame.kit import SIZES, Kit
from frame.results import Results

ORDER = ["calls", "patched", "apply", "many", "toggle", "floor", "reach",
         "stop", "first", "start", "growth", "run_time", "compile", "hp_list",
         "outside"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--programs", help="where they are built; "
                        "bench/programs of the build directory")
    parser.add_argument("--size", choices=SIZES, default="usual",
                        help="how much is measured")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("figures", nargs="*", metavar="FIGURE",
                        help="of " + ", ".join(ORDER))
    return parser.parse_args()


def measure(figure, kit, repetitions, out):
    """The figure's part of the JSON file and of RESULTS.md."""
    results = Results()
    kit.skipped = {}
    try:
        results.take(figure.runs(kit), repetitions or
                     kit.sized(1, figure.repetitions, 3 * figure.repetitions))
    except Skipped as reason:
        kit.skip("the figure", str(reason))
    skipped = {series: kit.without_places(reason) for series, reason
               in {**kit.skipped, **results.failures}.items()}
    ratios = [each for each in figure.ratios(results)
              if each.value is not None]
    text = [f"## {figure.title}", "", figure.what, ""]
    for part in table.figure_tables(results):
        text += [part, ""]
    if ratios:
        text += [table.ratio_table(ratios), ""]
    for series, reason in skipped.items():
        text += [f"Without {series}: {reason}", ""]
    if figure.plots and not plot.available():
        text += ["Without plots: gnuplot is not installed", ""]
    for name in plot.draw(figure, results, out):
        text += [f"![{figure.title}]({name})", ""]
    return {"title": figure.title, "results": results.as_json(),
            "ratios": [vars(each) for each in ratios],
            "skipped": skipped}, "\n".join(text)


def peers(kit):
    """What tells the versions of other tools."""
    commands = [["uftrace", "--version"], ["readelf", "--version"]]
    try:
        return [[*kit.clang()[0], "--version"], *commands]
    except Skipped:
        return commands


def main():
    chosen = arguments()
    out = pathlib.Path(chosen.out)
    out.mkdir(parents=True, exist_ok=True)
    kit = Kit(os.environ["HP_SRCDIR"], os.environ["HP_BUILDDIR"],
              chosen.programs or
              pathlib.Path(os.environ["HP_BUILDDIR"]) / "bench/programs",
              os.environ.get("CC", "gcc"), os.environ.get("CXX", "g++"),
              os.environ["HP_PLUGIN"], chosen.size)
    about = machine.describe(os.environ.get("CC", "gcc"), peers(kit))
    page = ["# Results", "",
            "Made by `make -C bench bench`; README says what the figures "
            "mean.  Medians,", "and how far a sample usually is from them; "
            "all peers of a figure in the", "same run, in turn.", ""]
    page += [f"* {key}: {value}" for key, value in about.items()] + [""]
    data = {"machine": about, "figures": {}}
    for name in chosen.figures or ORDER:
        figure = importlib.import_module(f"figures.{name}").FIGURE
        print(f"{figure.title} ...", file=sys.stderr)
        data["figures"][name], text = measure(figure, kit,
                                              chosen.repetitions, out)
        print(text)
        page.append(text)
        # What has been measured is there if somebody ends it.
        (out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
        (out / "RESULTS.md").write_text("\n".join(page))


if __name__ == "__main__":
    main()
