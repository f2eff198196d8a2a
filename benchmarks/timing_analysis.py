"""Figure 12 of arXiv:1901.08616 remeasured, and every training mode on MobileNet.

    python -m benchmarks.timing_analysis        writes imgs/timing_analysis.csv and .png

The modes of a network take steps in turn in one process, so their ratios hold on a machine whose
speed drifts. The published seconds are read off the figure's bars (to within 0.003 s; the GPU is
not named) and compared as ratios to softmax.
"""

import argparse
import csv
import os
import statistics

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.step_time import by_mode
from config.losses import LOSSES, TRAIN_MODES
from utils.tf1 import TENSORFLOW_VERSION

_OF_THE_PAPER = ("vanilla", "center", "semi_hard", "hard", "adaptive")
PUBLISHED_SECONDS = {
    "resnet50": {"vanilla": 0.166, "center": 0.170, "semi_hard": 0.167, "hard": 0.187},
    "inc4": {"vanilla": 0.300, "center": 0.303, "semi_hard": 0.307, "hard": 0.337},
    "densenet161": {"vanilla": 0.460, "center": 0.456, "semi_hard": 0.459, "hard": 0.507},
}
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "imgs")


def modes_of(net):
    """Tuple of str, the modes to time: every one on MobileNet, elsewhere those of the paper."""
    return TRAIN_MODES if net == "mobile" else _OF_THE_PAPER


def rows_of(net, seconds):
    """One row per mode: medians, spread and ratios to softmax, measured and published.

    Args:
      net: str.
      seconds: dict from mode to list of float, steps taken in turn.

    Returns:
      list of dict.
    """
    published = PUBLISHED_SECONDS.get(net, {})
    rows = []
    for mode in seconds:
        ratios = [a / b for a, b in zip(seconds[mode], seconds["vanilla"])]
        known = mode in published
        rows.append(
            {
                "network": net,
                "mode": mode,
                "seconds": round(statistics.median(seconds[mode]), 4),
                "seconds_min": round(min(seconds[mode]), 4),
                "seconds_max": round(max(seconds[mode]), 4),
                "ratio": round(statistics.median(ratios), 4),
                "published_seconds": published.get(mode, ""),
                "published_ratio": round(published[mode] / published["vanilla"], 4)
                if known
                else "",
                "steps": len(ratios),
                "tensorflow": TENSORFLOW_VERSION,
            }
        )
    return rows


def draw(path, rows):
    """Bars of the measured ratios with the published ones as marks."""
    nets = list(dict.fromkeys(row["network"] for row in rows))
    widths = [max(3, 0.4 * len(modes_of(net))) for net in nets]
    figure = Figure(figsize=(sum(widths) + 1, 3.6), constrained_layout=True)
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(nets), sharey=True, gridspec_kw={"width_ratios": widths})
    for axes, net in zip(np.atleast_1d(panels), nets):
        own = [row for row in rows if row["network"] == net]
        places = np.arange(len(own))
        axes.bar(places, [row["ratio"] for row in own], 0.7, color="#7fa8d9", label="measured")
        marks = [row["published_ratio"] or np.nan for row in own]
        axes.scatter(places, marks, color="black", marker="_", s=300, label="published", zorder=3)
        axes.set_xticks(places)
        labels = [LOSSES[row["mode"]].title.replace("Two-head ", "") for row in own]
        axes.set_xticklabels(labels, rotation=30, ha="right")
        axes.set_title(f"{net}, softmax {own[0]['seconds']:.2f} s", fontsize=9)
        axes.set_ylim(0.8, 1.25)
        axes.axhline(1, color="grey", linewidth=0.7)
    figure.axes[0].set_ylabel("time of a step, softmax = 1")
    figure.axes[0].legend(fontsize=7, loc="upper left")
    figure.savefig(path, dpi=120)


def main():
    """Measures every network, then writes both files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nets", nargs="+", default=[*PUBLISHED_SECONDS, "mobile"])
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7, help="steps of each mode [default 7]")
    parser.add_argument("--out", default=os.path.join(FOLDER, "timing_analysis"))
    args = parser.parse_args()
    rows = []
    for net in args.nets:
        modes = modes_of(net)
        rows += rows_of(net, by_mode(net, modes, args.batch_size, None, args.rounds))
        for row in rows[-len(modes) :]:
            print(
                "{network:12} {mode:10} {seconds} s, {ratio} of softmax".format(**row), flush=True
            )
    with open(args.out + ".csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(args.out + ".png", rows)


if __name__ == "__main__":
    main()
