# Results as text: tables for the terminal, which are Markdown as well.
#
# SPDX-License-Identifier: MIT


def number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def table(head, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows])
              for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-")
                          for i, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def figure_tables(results):
    """One table for each metric: series down, x across; medians, and how far
    from them a sample usually is."""
    for metric in results.metrics():
        places = results.places(metric)
        rows = []
        for series in results.series():
            points = dict(results.points(series, metric))
            if points:
                rows.append([series, *(cell(results, series, metric, x,
                                            points.get(x)) for x in places)])
        unit = results.units[metric]
        head = [x if isinstance(x, str) else f"{x:,.15g}" for x in places]
        yield table([f"{metric} ({unit})", *head], rows)


def cell(results, series, metric, x, value):
    if value is None:
        return ""
    if len(results.samples[series, metric, x]) == 1 or value == 0:
        return number(value)
    spread = results.spread(series, metric, x)
    if results.units[metric] == "%" or spread > 1:
        return f"{number(value)} ±{number(spread * abs(value))}"
    return f"{number(value)} ±{100 * spread:.0f}%"


def ratio_table(ratios):
    rows = [[each.what, number(each.value), each.target,
             {None: "", True: "yes", False: "no"}[each.met] + each.remark]
            for each in ratios]
    return table(["ratio", "value", "target", "met"], rows)
