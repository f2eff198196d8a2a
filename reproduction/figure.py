"""Draws the figure of a table."""

import textwrap

import numpy as np
from matplotlib import cm
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(path, title, entries):
    """Plots the first metric by data set and row, with deviations and published numbers.

    Args:
      path: str, the PNG to write.
      title: str.
      entries: list of reproduction.collect.Entry.
    """
    own = [entry for entry in entries if entry.metric == entries[0].metric]
    rows = list(dict.fromkeys(entry.row for entry in own))
    datasets = list(dict.fromkeys(entry.dataset for entry in own))
    width = 3.5 + 1.3 * len(datasets)
    figure = Figure(figsize=(width, 4.2), constrained_layout=True)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    step = 0.7 / len(rows)
    colours = cm.tab10 if len(rows) <= cm.tab10.N else cm.tab20
    for entry in own:
        number = rows.index(entry.row)
        place = datasets.index(entry.dataset) + step * (number - (len(rows) - 1) / 2)
        label = entry.row if entry.dataset == datasets[0] else None
        _draw(axes, entry, place, 0.4 * step, colours(number % colours.N), label)
    axes.plot([], [], color="black", label="published")
    axes.set_xlim(-0.6, len(datasets) - 0.4)
    axes.set_xticks(np.arange(len(datasets)))
    axes.set_xticklabels(datasets)
    axes.set_ylabel(f"{entries[0].metric}, percent")
    axes.grid(axis="y", alpha=0.3)
    axes.set_title(textwrap.fill(title, int(17 * width)), fontsize=7, loc="left")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=120)


def _draw(axes, entry, place, half_width, colour, label):
    mean = np.nan if entry.mean is None else 100 * entry.mean
    spread = None if entry.std is None else 100 * entry.std
    axes.errorbar([place], [mean], yerr=spread, fmt="o", color=colour, capsize=3, label=label)
    if entry.published is not None:
        ends = [place - half_width, place + half_width]
        axes.plot(ends, [100 * entry.published] * 2, color="black", linewidth=1.5)
