"""The plots of a run, drawn without a display."""

import contextlib
import os
import warnings

import numpy as np
from PIL import Image, ImageOps
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from utils.pictures import open_image

RIGHT, WRONG = "#2a7f3f", "#c0392b"
_MOST_NAMES, _LONGEST_NAME = 40, 30
_MOST_POINTS = 2000
_PICKS, _COLUMNS, _PIXELS = 3, 6, 300
_CELL, _PICTURE = (1.5, 1.75), (1.3, 1.4)  # of the neighbours' picture: width, height in inches


@contextlib.contextmanager
def _without_backend():
    """Hides MPLBACKEND: an unknown one would break the import, and none is needed."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        yield
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


def new_figure(width, height, **options):
    """An empty matplotlib Figure; width and height in inches, options passed on."""
    with _without_backend():
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def save(figure, path, dpi):
    """Writes a PNG atomically; missing glyphs become boxes, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .*missing")
        figure.savefig(path + ".part", dpi=dpi, format="png")
    os.replace(path + ".part", path)


def texts(names):
    """Names that are safe for matplotlib: shortened, with $ escaped and valid characters."""
    whole = (str(name).encode("utf-8", "replace").decode("utf-8") for name in names)
    short = (n if len(n) <= _LONGEST_NAME else n[: _LONGEST_NAME - 1] + "…" for n in whole)
    return [name.replace("$", r"\$") for name in short]


def learning_curves(path, rows):
    """Plots losses and accuracies over the steps.

    Args:
      path: str, the PNG to write.
      rows: list of dict of str, the rows of metrics.csv.
    """
    figure = new_figure(9, 3.6, constrained_layout=True)
    losses, accuracies = figure.subplots(1, 2)
    for name in ("cross_entropy", "ranking_loss"):
        _line(losses, rows, "train", name, name.replace("_", " "))
    _line(accuracies, rows, "train", "accuracy", "train batch, accuracy")
    for split in sorted({row["split"] for row in rows} - {"train"}):
        _line(accuracies, rows, split, "accuracy", f"{split}, accuracy")
        _line(accuracies, rows, split, "recall@1", f"{split}, Recall@1")
    losses.set_ylabel("loss")
    accuracies.set_ylim(0, 1.02)
    for axes in (losses, accuracies):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    save(figure, path, dpi=120)


def _line(axes, rows, split, column, label):
    points = [
        (int(r["step"]), float(r[column])) for r in rows if r["split"] == split and r.get(column)
    ]
    if points:
        axes.plot(
            *zip(*points), label=label, marker="o" if split != "train" else None, markersize=3
        )


def confusion_matrix(path, counts, class_names):
    """Plots the shares of each true class by predicted class.

    Args:
      path: str, the PNG to write.
      counts: int [C, C], (true, predicted).
      class_names: sequence of C str; shown if there are few.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(0.28 * len(counts), 4, 9)) + 1
    figure = new_figure(size + 1, size, constrained_layout=True)
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    if len(counts) <= _MOST_NAMES:
        class_names = texts(class_names)
        places = np.arange(len(counts))
        axes.set_xticks(places)
        axes.set_xticklabels(class_names, rotation=90)
        axes.set_yticks(places)
        axes.set_yticklabels(class_names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(drawn, ax=axes, label="share of the true class", shrink=0.8)
    save(figure, path, dpi=120)


def embedding_map(path, vectors, labels, class_names, seed):
    """Plots vectors by t-SNE, coloured by class; a random sample of a large set.

    Args:
      path: str, the PNG to write.
      vectors: float32 [N, D].
      labels: int [N].
      class_names: sequence of C str; a legend if there are few.
      seed: int.
    """
    rows = np.random.RandomState(seed).permutation(len(vectors))[:_MOST_POINTS]
    perplexity = min(30.0, (len(rows) - 1) / 3)
    if perplexity < 1:
        return
    tsne = TSNE(perplexity=perplexity, init="random", learning_rate=200.0, random_state=seed)
    # Its threads busy-wait for one another: on a loaded machine one thread is many times faster.
    with threadpool_limits(1, user_api="openmp"):
        plane = tsne.fit_transform(vectors[rows])
    class_names = texts(class_names)
    figure = new_figure(6.5, 5, constrained_layout=True)
    axes = figure.subplots()
    for label in np.unique(labels[rows]):
        chosen = labels[rows] == label
        axes.scatter(*plane[chosen].T, s=8, color=_colour(label), label=class_names[label])
    if len(class_names) <= _MOST_NAMES:
        axes.legend(
            fontsize=6, ncol=1 + len(class_names) // 21, loc="upper left", bbox_to_anchor=(1, 1)
        )
    axes.set_title(f"t-SNE of {len(rows)} of {len(vectors)} embeddings", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    save(figure, path, dpi=120)


def _colour(label):
    with _without_backend():
        from matplotlib import cm
    return cm.tab20((int(label) % 20 + 0.5) / 20)


def neighbours(path, image_paths, labels, nearest, class_names, seed, max_megapixels):
    """Queries with their nearest images: three of the worst, three random ones, three of the best.

    A query is better if more of its nearest images have its class; ties are broken at random.

    Args:
      path: str, the PNG to write.
      image_paths: list of N str.
      labels: int [N].
      nearest: int64 [N, k], nearest first.
      class_names: sequence of C str.
      seed: int.
      max_megapixels: int, larger images are not decoded.
    """
    shown, class_names = nearest[:, : _COLUMNS - 1], texts(class_names)
    score = (labels[shown] == labels[:, np.newaxis]).mean(axis=1)
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    order = shuffled[np.argsort(score[shuffled], kind="stable")]  # ties in random order
    picks = {"worst": order[:_PICKS], "random": shuffled[:_PICKS], "best": order[-_PICKS:]}
    rows = [(kind, query) for kind, queries in picks.items() for query in queries]
    # One set of axes for all pictures, as a set for each takes seconds.
    figure = new_figure(_COLUMNS * _CELL[0], len(rows) * _CELL[1])
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_axis_off()
    for row, (kind, query) in enumerate(rows):
        title = f"{kind}: {class_names[labels[query]]}"
        _picture(axes, row, 0, image_paths[query], max_megapixels, title, "black")
        for column, image in enumerate(shown[query], start=1):
            colour = RIGHT if labels[image] == labels[query] else WRONG
            title = class_names[labels[image]]
            _picture(axes, row, column, image_paths[image], max_megapixels, title, colour)
    axes.set_xlim(0, _COLUMNS * _CELL[0])
    axes.set_ylim(len(rows) * _CELL[1], 0)
    save(figure, path, dpi=100)


def read_picture(path, max_megapixels, pixels=_PIXELS):
    """An upright image of at most `pixels` per side, PIL.Image.Image in RGB."""
    with open_image(path, max_megapixels) as image:
        image.draft(None, (pixels, pixels))  # decodes a large JPEG at a fraction of its size
        # As in training, only JPEGs have an orientation; MPO is a JPEG with more images appended.
        is_jpeg = image.format in ("JPEG", "MPO")
        picture = (ImageOps.exif_transpose(image) if is_jpeg else image).convert("RGB")
    picture.thumbnail((pixels, pixels))
    return picture


def _picture(axes, row, column, path, max_megapixels, title, colour):
    """Draws a framed picture in a cell of a grid, with a title above; axes are in inches."""
    try:
        picture = read_picture(path, max_megapixels)
    except Exception:  # Pillow fails in many ways, even on images that TensorFlow decodes
        picture, title = Image.new("RGB", (4, 3), "#bbbbbb"), "can't be shown"
    half = np.multiply(picture.size, min(np.divide(_PICTURE, picture.size)) / 2)
    x, y = np.multiply((column + 0.5, row + 0.5), _CELL) + (0, 0.08)
    (left, top), (right, bottom) = (x, y) - half, (x, y) + half
    axes.imshow(np.asarray(picture), extent=(left, right, bottom, top), aspect="auto")
    axes.plot(
        [left, right, right, left, left], [top, top, bottom, bottom, top], color=colour, linewidth=2
    )
    title = title if len(title) <= 22 else title[:21] + "…"
    axes.text(x, top - 0.06, title, fontsize=7, color=colour, ha="center", va="bottom")
