"""Draws the figure of a table."""

import textwrap

import numpy as np
from matplotlib import cm
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from config.losses import LOSSES


def axis_of(table, rows):
    """The horizontal axis of a table's figure.

    Args:
      table: reproduction.tables.TableSpec.
      rows: sequence of reproduction.tables.Row.

    Returns:
      `x` and `places` for `draw`.
    """
    lines = [(row, LOSSES[row.settings["train_mode"]].title) for row in rows]
    return table.x, {row.label: (line, row.settings.get(table.x)) for row, line in lines}


def draw(path, title, entries, x=None, places=None):
    """Plots the first metric by row, with deviations and published numbers.

    Args:
      path: str, the PNG to write.
      title: str.
      entries: list of reproduction.collect.Entry.
      x: str, what the horizontal axis shows; None for the data sets, with the rows as points.
      places: dict from row to its line (str) and its place on that axis; None for all places.
    """
    own = [entry for entry in entries if entry.metric == entries[0].metric]
    datasets = list(dict.fromkeys(entry.dataset for entry in own))
    width = 3.5 + 1.3 * (len(datasets) if x is None else 3)
    figure = Figure(figsize=(width, 4.2), constrained_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    if x is None:
        _draw_points(axes, own, datasets)
    else:
        _draw_lines(axes, own, places)
        axes.set_xlabel(x)
    axes.set_ylabel(f"{entries[0].metric}, percent")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(textwrap.fill(title, int(17 * width)), fontsize=7, loc="left")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=120)


def _draw_points(axes, entries, datasets):
    rows = list(dict.fromkeys(entry.row for entry in entries))
    step = 0.7 / len(rows)
    colours = cm.tab10 if len(rows) <= cm.tab10.N else cm.tab20
    for entry in entries:
        number = rows.index(entry.row)
        place = datasets.index(entry.dataset) + step * (number - (len(rows) - 1) / 2)
        label = entry.row if entry.dataset == datasets[0] else None
        _draw(axes, [entry], [place], colours(number % colours.N), label)
        if entry.published is not None:
            ends = [place - 0.4 * step, place + 0.4 * step]
            axes.plot(ends, [100 * entry.published] * 2, color="black", linewidth=1.5)
    axes.plot([], [], color="black", label="published")
    axes.set_xlim(-0.6, len(datasets) - 0.4)
    axes.set_xticks(np.arange(len(datasets)))
    axes.set_xticklabels(datasets)


def _draw_lines(axes, entries, places):
    ticks = list(dict.fromkeys(place for _, place in places.values() if place is not None))
    by_line, is_one = {}, len({entry.dataset for entry in entries}) == 1
    for entry in entries:
        by_line.setdefault((places[entry.row][0], entry.dataset), []).append(entry)
    for number, ((line, dataset), own) in enumerate(by_line.items()):
        label = line if is_one else f"{line}, {dataset}"
        if places[own[0].row][1] is None:
            own = own[:1] * len(ticks)
            x = np.arange(len(ticks))
        else:
            x = [ticks.index(places[entry.row][1]) for entry in own]
        _draw(axes, own, np.add(x, 0.03 * number), cm.tab10(number % cm.tab10.N), label, "-")
    axes.set_xticks(np.arange(len(ticks)))
    axes.set_xticklabels(ticks)


def _draw(axes, entries, places, colour, label, line=""):
    mean = [np.nan if entry.mean is None else 100 * entry.mean for entry in entries]
    spread = [np.nan if entry.std is None else 100 * entry.std for entry in entries]
    bars = None if np.all(np.isnan(spread)) else spread
    axes.errorbar(places, mean, bars, fmt="o" + line, color=colour, capsize=3, label=label)
