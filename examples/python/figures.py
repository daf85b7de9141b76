"""Draws the figures of a report again, from the numbers in its report.json.

    pip install matplotlib
    python examples/python/figures.py runs/compare-demo/report.json figures

writes figures/figure-1.png and so on, under the ids that the figures have in report.html
and in report.json. A third argument names another format, such as pdf. Numbers that are
not finite are null in the JSON, and left out here as they are there.
"""

import json
import math
import os
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

LIMIT = 1e300  # magnitudes above it are not drawn


def numbers(values, scale):
    """The values that the axis draws; NaN, which interrupts a line, for the others."""
    def one(v):
        return v is not None and abs(v) <= LIMIT and (scale["scale"] == "linear" or v > 0)

    return [v if one(v) else math.nan for v in values]


def label(scale):
    text, unit = scale.get("label", ""), scale.get("unit", "")
    return f"{text} ({unit})" if text and unit else text or unit


def axis(ax, which, scale, named=True):
    getattr(ax, f"set_{which}scale")(scale["scale"])
    if "min" in scale:
        getattr(ax, f"set_{which}lim")(scale["min"], scale["max"])
    if named:
        getattr(ax, f"set_{which}label")(label(scale))


def lines(figure, number):
    """One panel or several over the same axes: lines, with bands y ± err."""
    panels = figure["panels"]
    columns = min(figure.get("columns", 2), len(panels))
    rows = math.ceil(len(panels) / columns)
    shared = not figure.get("own_ranges", False)
    fig, grid = plt.subplots(rows, columns, figsize=(5.5 * columns if rows > 1 or columns > 1 else 6.5, 4.2 if rows == 1 else 2.6 * rows),
                             num=number, squeeze=False, sharex=shared, sharey=shared)
    colors = {}
    for ax, panel in zip(grid.flat, panels):
        ax.set_title(panel.get("title", ""), fontsize=9)
        axis(ax, "x", figure["x"], named=len(panels) == 1)
        axis(ax, "y", figure["y"], named=len(panels) == 1)
        for series in panel["series"]:
            name = series.get("name", "")
            color = colors.setdefault(name, f"C{len(colors) % 10}")
            x, y = numbers(series["x"], figure["x"]), numbers(series["y"], figure["y"])
            ax.plot(x, y, marker="o", markersize=3, color=color, label=name or "_nolegend_")
            if "err" in series:
                err = [math.nan if e is None else e for e in series["err"]]
                ax.fill_between(x, [v - e for v, e in zip(y, err)], [v + e for v, e in zip(y, err)], color=color, alpha=0.18)
    for ax in grid.flat[len(panels):]:
        ax.set_visible(False)
    if len(panels) > 1:
        fig.supxlabel(label(figure["x"]))
        fig.supylabel(label(figure["y"]))
    if any(colors):
        beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if len(colors) > 6 else {}
        grid.flat[0].legend(fontsize=7, **beside)
    return fig


def scatter(figure, number):
    """Labelled points with error bars, and the line that joins those that none beats."""
    fig, ax = plt.subplots(figsize=(6.5, 4.5), num=number)
    axis(ax, "x", figure["x"])
    axis(ax, "y", figure["y"])
    groups, named = {}, set()
    for i, p in enumerate(figure["points"]):
        (x,), (y,) = numbers([p["x"]], figure["x"]), numbers([p["y"]], figure["y"])
        if math.isnan(x) or math.isnan(y):
            continue
        group = p.get("group", "")
        color = groups.setdefault(group or i, f"C{len(groups) % 10}")
        name = group if group and group not in named else "_nolegend_"
        named.add(group)
        ax.errorbar(x, y, xerr=p.get("x_err"), yerr=p.get("y_err"), fmt="o", color=color, label=name)
        if "label" in p:
            text = ax.annotate(p["label"], (x, y), xytext=(5, 4), textcoords="offset points", fontsize=7)
            text.set_in_layout(False)  # a long one makes no room for itself
    if figure.get("frontier"):
        ax.plot([p["x"] for p in figure["frontier"]], [p["y"] for p in figure["frontier"]], "--", color="gray", linewidth=1)
    if named - {""}:
        ax.legend(fontsize=7)
    return fig


def bars(figure, number):
    """Groups of bars that lie, the first at the top."""
    groups, series = figure["groups"], figure["bars"]
    fig, ax = plt.subplots(figsize=(6.5, 1.2 + 0.22 * len(groups) * (len(series) + 1)), num=number)
    axis(ax, "x", figure["value"])
    thick = 0.8 / len(series)
    for k, s in enumerate(series):
        values = numbers(s["values"], figure["value"])
        at = [i + (k - (len(series) - 1) / 2) * thick for i in range(len(groups))]
        err = None
        if "err" in s:
            err = [0 if e is None else e for e in s["err"]]
        ax.barh(at, [0 if math.isnan(v) else v for v in values], thick, xerr=err, label=s.get("name") or "_nolegend_")
    ax.set_yticks(range(len(groups)), groups, fontsize=8)
    ax.invert_yaxis()
    if len(series) > 1:
        ax.legend(fontsize=7)
    return fig


KINDS = {"lines": lines, "multiples": lines, "scatter": scatter, "bars": bars}


def draw(report, folder, form="png"):
    """Draws every figure of a report into a folder, and returns the files."""
    os.makedirs(folder, exist_ok=True)
    files = []
    for section in report["sections"]:
        for block in section["blocks"]:
            if not isinstance(block, dict) or "figure" not in block:
                continue
            figure = block["figure"]
            fig = KINDS[figure["kind"]](figure, block["id"])
            fig.suptitle(figure["title"], fontsize=11)
            fig.tight_layout()
            files.append(os.path.join(folder, f"{block['id']}.{form}"))
            fig.savefig(files[-1], dpi=130)
            plt.close(fig)
    return files


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        sys.exit("usage: figures.py report.json FOLDER [png|pdf|svg]")
    with open(sys.argv[1], encoding="utf-8") as f:
        for name in draw(json.load(f), *sys.argv[2:]):
            print(name)
