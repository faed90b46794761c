# SVG plots by gnuplot, straight from the results.
#
# SPDX-License-Identifier: MIT
import shutil
import subprocess

HEAD = """set terminal svg size 760,480 dynamic font "sans,12" \\
  background "white"
set output "{path}"
set title "{title}" noenhanced
set ylabel "{ylabel}" noenhanced
set key below noenhanced
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
"""


def block(name, points):
    lines = "\n".join(f"{x} {y}" for x, y in points)
    return f"${name} << EOD\n{lines}\nEOD\n"


def lines(results, plot, path):
    """Series over x; each x as far from the next as all others if the plot
    is "even"."""
    script = HEAD.format(path=path, title=plot["title"],
                         ylabel=plot["ylabel"])
    script += f'set xlabel "{plot["xlabel"]}" noenhanced\n'
    if plot.get("logx"):
        script += "set logscale x\n"
    if plot.get("logy"):
        script += "set logscale y\n"
    places = sorted({x for metric in plot["metrics"]
                     for x in results.places(metric)})
    if plot.get("even"):
        script += "set xtics (" + ", ".join(
            f'"{x:,.15g}" {i}' for i, x in enumerate(places)) + ")\n"
    curves = []
    for metric in plot["metrics"]:
        for series in results.series():
            points = results.points(series, metric)
            if not points:
                continue
            if plot.get("even"):
                points = [(places.index(x), y) for x, y in points]
            name = f"data{len(curves)}"
            script += block(name, points)
            label = series if len(plot["metrics"]) == 1 else \
                f"{series}, {metric}"
            curves.append(f'${name} with linespoints pt 7 ps 0.6 lw 2 '
                          f'title "{label}"')
    return script + "plot " + ", ".join(curves) + "\n" if curves else ""


def bars(results, plot, path):
    """One group for each series, one bar for each metric and x."""
    script = HEAD.format(path=path, title=plot["title"],
                         ylabel=plot["ylabel"])
    script += ("set style data histogram\nset style fill solid 0.8\n"
               "set xtics rotate by -30 noenhanced\nset yrange [0:*]\n")
    rows = []
    columns = [(metric, x) for metric in plot["metrics"]
               for x in results.places(metric)]
    for series in results.series():
        values = [results.value(series, *column) for column in columns]
        if any(value is not None for value in values):
            rows.append(f'"{series}" ' + " ".join(
                "NaN" if value is None else str(value) for value in values))
    if not rows:
        return ""
    script += "$data << EOD\n" + "\n".join(rows) + "\nEOD\n"
    labels = [x if len(plot["metrics"]) == 1 else f"{metric}, {x}"
              for metric, x in columns]
    curves = [f'$data using {i + 2}:xtic(1) title "{label}"'
              for i, label in enumerate(labels)]
    return script + "plot " + ", ".join(curves) + "\n"


def available():
    return shutil.which("gnuplot") is not None


def draw(figure, results, folder):
    """The names of the files that were written."""
    if not available():
        return []
    written = []
    for i, plot in enumerate(figure.plots):
        name = f"{figure.name}{'-' + str(i + 1) if i else ''}.svg"
        kind = bars if plot.get("kind") == "bars" else lines
        script = kind(results, plot, folder / name)
        if script and subprocess.run(["gnuplot"], input=script,
                                     text=True).returncode == 0:
            written.append(name)
    return written
