"""The plots of a report."""

import numpy as np

from evaluation import plots
from evaluation.report import images, tables

BLUE, ORANGE, GREEN = "#1f5fa8", "#c2540a", "#1b6e34"


def reliability(before, after, temperature):
    """Accuracy against confidence.

    Args:
      before: (confidences float [N], correct bool [N]).
      after: the same at `temperature`, or None.
      temperature: float or None.

    Returns:
      str, a data: URI.
    """
    figure = plots.new_figure(5, 4.2, constrained_layout=True)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#777777", linestyle=":", label="perfectly calibrated")
    axes.plot(*tables.reliability(*before), "o-", color=BLUE, label="softmax")
    if after is not None:
        label = f"at temperature {temperature:.2f}"
        axes.plot(*tables.reliability(*after), "s--", color=ORANGE, label=label)
    _label(axes, "mean confidence of the bin", "accuracy of the bin")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.legend(frameon=False)
    return images.figure(figure)


def risk_coverage(curves):
    """Error rate against the share of images answered.

    Args:
      curves: dict from name to dict with `coverage` and `risk`, lists of float.

    Returns:
      str, a data: URI.
    """
    figure = plots.new_figure(5, 3.6, constrained_layout=True)
    axes = figure.subplots()
    styles = zip(curves.items(), (BLUE, ORANGE, GREEN), ("o-", "s--", "^:"))
    for (name, curve), colour, style in styles:
        axes.plot(curve["coverage"], curve["risk"], style, color=colour, markersize=4, label=name)
    _label(axes, "fraction of images answered", "error rate")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return images.figure(figure)


def class_accuracy(train_sizes, softmax, votes):
    """Accuracy of each class against the number of its training images.

    Args:
      train_sizes: int [C].
      softmax: float [C], nan for a class without an image.
      votes: float [C].

    Returns:
      str, a data: URI.
    """
    figure = plots.new_figure(6, 3.8, constrained_layout=True)
    axes = figure.subplots()
    kinds = (("softmax", softmax, "o", BLUE), ("nearest training images", votes, "x", ORANGE))
    for label, accuracies, marker, colour in kinds:
        axes.scatter(train_sizes, accuracies, marker=marker, color=colour, alpha=0.8, label=label)
    _label(axes, "training images of the class", "accuracy of the class")
    lowest = np.nanmin([softmax, votes])
    axes.set_ylim(max(np.floor(10 * lowest - 1) / 10, 0) - 0.02, 1.02)
    axes.legend(frameon=False, loc="lower right")
    return images.figure(figure)


def confusion(counts):
    """The confusion matrix of many classes, as fractions of the true class.

    Args:
      counts: int [C, C], (true, predicted).

    Returns:
      str, a data: URI.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = plots.new_figure(9, 8, constrained_layout=True)
    axes = figure.subplots()
    # The square root maps a tenth to a third of the scale, so that rare errors are visible.
    drawn = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    bar = figure.colorbar(drawn, ax=axes, label="share of the true class", shrink=0.8)
    ticks = np.array([0, 0.01, 0.05, 0.1, 0.25, 0.5, 1])
    bar.set_ticks(np.sqrt(ticks))
    bar.set_ticklabels([f"{tick:.0%}" for tick in ticks])
    axes.set_xlabel("predicted class, in the order of the list")
    axes.set_ylabel("true class, in the order of the list")
    return images.figure(figure)


def distances(samples):
    """Distances between images of the same class and of different classes, in each space.

    Args:
      samples: dict from space to inputs.Sample.

    Returns:
      str, a data: URI.
    """
    figure = plots.new_figure(3.6 * len(samples) + 0.8, 3, constrained_layout=True)
    row = figure.subplots(1, len(samples), squeeze=False)[0]
    bins = np.linspace(0, 2, 61)
    for axes, (space, sample) in zip(row, samples.items()):
        same, other = tables.pair_distances(*sample)
        for values, colour, label in ((same, BLUE, "same class"), (other, ORANGE, "other class")):
            weights = np.full(len(values), 1 / max(len(values), 1))
            axes.hist(
                values, bins, weights=weights, histtype="step", linewidth=1.6, color=colour,
                linestyle="-" if values is same else "--", label=label,
            )  # fmt: skip
        axes.set_title(space, fontsize=10)
        _label(axes, "distance", "share of the pairs")
        axes.legend(frameon=False, fontsize=8)
    return images.figure(figure)


def _label(axes, horizontal, vertical):
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.grid(alpha=0.3)
