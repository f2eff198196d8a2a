"""The tables of reproduce.py: what to train, and the published numbers.

Each recipe starts with paper, command, expected result and time. Percentages are from the first
release's README unless a comment names another source.
"""

from typing import Dict, NamedTuple, Optional, Tuple

from config.datasets import FOLDS
from config.losses import LOSSES, RELEASE_MODES

PAPER_DATASETS = ("cars", "flowers", "dogs", "aircrafts", "birds")


class Row(NamedTuple):
    """One line of a table.

    Attributes:
      label: str, its name in the table.
      settings: dict from setting to value, what sets its runs apart.
      published: dict from data set to top-1 accuracy in percent.
    """

    label: str
    settings: Dict[str, object]
    published: Dict[str, float] = {}


class TableSpec(NamedTuple):
    """A recipe.

    Attributes:
      title: str.
      about: str, paper, command, expected result and time.
      settings: dict from setting to value, shared by all its runs.
      rows: tuple of Row; gains are measured against the one with --train_mode vanilla and the same
        other settings, or else the first with that mode.
      metrics: tuple of str, the scores of the main table.
      datasets: tuple of str, its columns unless others are chosen.
      protocol: str, a key of `reproduction.protocols.PROTOCOLS`, if it has one of its own.
      x: str, the setting on the horizontal axis of its figure; None for the data sets.
      folds: int, runs for each row, data set and seed, whose scores are averaged: one on each fold
        of the training classes; 0 for a single run on the usual lists.
    """

    title: str
    about: str
    settings: Dict[str, object]
    rows: Tuple[Row, ...]
    metrics: Tuple[str, ...] = ("accuracy",)
    datasets: Tuple[str, ...] = PAPER_DATASETS
    protocol: Optional[str] = None
    x: Optional[str] = None
    folds: int = 0


_FOUR_MODES = ("vanilla", "center", "semi_hard", "hard")
# ResNet-50, the README of the first release.
_RELEASED = {
    "vanilla": dict(cars=85.85, flowers=85.68, dogs=69.76, aircrafts=83.22, birds=64.23),
    "center": dict(cars=88.23, flowers=85.00, dogs=70.45, aircrafts=84.48, birds=65.50),
    "semi_hard": dict(cars=88.22, flowers=85.52, dogs=70.69, aircrafts=85.08, birds=65.20),
    "hard": dict(cars=89.44, flowers=86.61, dogs=72.70, aircrafts=87.33, birds=66.19),
}
# DenseNet-161, the authors' sibling repository, which calls it preliminary.
_PRELIMINARY = {
    "vanilla": dict(cars=91.13, flowers=93.39, dogs=81.60, aircrafts=88.65, birds=78.80)
}

_IN_EACH_SPACE = ("accuracy", "recall@1", "map@r", "pooled/recall@1", "pooled/map@r")


def rows_by_mode(modes, published=None):
    """One row per training mode.

    Args:
      modes: iterable of str.
      published: dict from mode to its published numbers, see `Row`.

    Returns:
      tuple of Row.
    """
    published = published or {}
    return tuple(
        Row(LOSSES[mode].title, {"train_mode": mode}, published.get(mode, {})) for mode in modes
    )


def _rows_by_value(name, values, text="{}", modes=("vanilla", "hard")):
    """A row for each mode, by default softmax and batch-hard, under each value of a setting."""
    return tuple(
        Row(f"{LOSSES[mode].title}, {text.format(value)}", {"train_mode": mode, name: value})
        for mode in modes
        for value in values
    )


def _ablation(table, name, values, modes=("hard",)):
    """Modes under each value of a setting, and softmax, once if it is none of them."""
    softmax = () if "vanilla" in modes else rows_by_mode(["vanilla"])
    return TableSpec(
        title=f"Softmax and two-head hard by {name}",
        about=f"python reproduce.py --table {table}. No published numbers.",
        settings={"net": "resnet50"},
        rows=softmax + _rows_by_value(name, values, f"{name} {{}}", modes),
        metrics=_IN_EACH_SPACE,
        x=name,
    )


_SOFTMAX_POOLED = Row("Softmax (pooled)", {"train_mode": "vanilla"})
_ACCURACY_TITLE = "Softmax and the two-head modes, top-1 accuracy"

TABLES = {
    "resnet50": TableSpec(
        title=_ACCURACY_TITLE,
        about="arXiv:1901.08616, the table of the first release's README. python reproduce.py."
        " Expected: each two-head mode near its published number, hard above softmax by 1 to 4"
        " points. Two hours per run at the 0.17 to 0.19 s per batch of the paper's figure 12, whose"
        " GPU is not named; not measured here.",
        settings={"net": "resnet50"},
        rows=rows_by_mode(_FOUR_MODES, _RELEASED),
    ),
    "inc4": TableSpec(
        title=_ACCURACY_TITLE,
        about="arXiv:1901.08616. python reproduce.py --table inc4. No published numbers to compare"
        " with. Three and a half hours per run at the 0.30 to 0.34 s per batch of figure 12.",
        settings={"net": "inc4"},
        rows=rows_by_mode(_FOUR_MODES),
    ),
    "densenet161": TableSpec(
        title=_ACCURACY_TITLE,
        about="arXiv:1901.08616. python reproduce.py --table densenet161. Softmax as published by"
        " the authors' sibling repository, which calls it preliminary. Five and a half hours per"
        " run at the 0.46 to 0.51 s per batch of figure 12.",
        settings={"net": "densenet161"},
        rows=rows_by_mode(_FOUR_MODES, _PRELIMINARY),
    ),
    "backbones": TableSpec(
        title="Softmax and two-head hard on every backbone of the paper",
        about="arXiv:1901.08616. python reproduce.py --table backbones.",
        settings={},
        rows=tuple(
            Row(f"{net}, {LOSSES[mode].title.lower()}", {"net": net, "train_mode": mode})
            for net in ("resnet50", "resnet50_v1", "inc3", "inc4", "densenet161", "mobile")
            for mode in ("vanilla", "hard")
        ),
    ),
    "ablation_margin": _ablation("ablation_margin", "margin", (0.1, 0.2, 0.5, 1.0, "soft")),
    "ablation_lambda": _ablation("ablation_lambda", "triplet_loss_lambda", (0.1, 0.5, 1.0, 2.0)),
    "ablation_emb_dim": _ablation("ablation_emb_dim", "emb_dim", (64, 128, 256, 512)),
    "ablation_emb_pool": _ablation("ablation_emb_pool", "emb_pool", ("flatten", "average", "gem")),
    "ablation_images_per_class": _ablation(
        "ablation_images_per_class", "images_per_class", (2, 4, 8)
    ),
    "ablation_batch_size": _ablation(
        "ablation_batch_size", "batch_size", (16, 32, 64), ("vanilla", "hard")
    ),
    "ablation_sampler": TableSpec(
        title="Softmax and two-head hard under both samplers",
        about="python reproduce.py --table ablation_sampler. No published numbers.",
        settings={"net": "resnet50"},
        rows=_rows_by_value("sampler", ("shuffle", "pk")),
    ),
    "losses": TableSpec(
        title="Softmax and every ranking loss",
        about="python reproduce.py --table losses: the paper's loss, its rivals and later ones,"
        " each with its own paper's settings, under one recipe. No published numbers.",
        settings={"net": "resnet50"},
        rows=rows_by_mode(LOSSES),
        metrics=_IN_EACH_SPACE,
    ),
    "imbalance": TableSpec(
        title="Long-tailed training lists, micro and macro accuracy",
        about="The paper's experiment on video data, repeated on public data: python reproduce.py"
        " --table imbalance. No published numbers.",
        settings={"net": "resnet50", "imbalance_ratio": 10.0},
        rows=rows_by_mode(RELEASE_MODES),
        metrics=("accuracy", "mean_per_class_accuracy"),
    ),
    "few_images": TableSpec(
        title="Softmax and two-head hard with few training images of each class",
        about="python reproduce.py --table few_images: the seed draws the images, the same ones for"
        " both modes. No published numbers.",
        settings={"net": "resnet50"},
        rows=_rows_by_value("shots", (2, 4, 8), "{} images"),
        x="shots",
    ),
    "recipes": TableSpec(
        title="Softmax and two-head hard under the paper's recipe and a strong one",
        about="python reproduce.py --table recipes. No published numbers.",
        settings={"net": "resnet50"},
        rows=_rows_by_value("recipe", ("paper", "strong")),
        metrics=_IN_EACH_SPACE,
    ),
    "unseen": TableSpec(
        title="Retrieval on classes that training never saw",
        about="Half of the classes to train on, the others to search (Oh Song et al.,"
        " arXiv:1511.06452), with the validation of A Metric Learning Reality Check"
        " (arXiv:2003.08505, there: separated). python reproduce.py --table unseen. Softmax is"
        " scored on its pooled features, the other modes on their embedding head. No published"
        " numbers under this protocol; not measured here.",
        settings={"net": "resnet50", "train_iters": 10000, "eval_every_steps": 500},
        rows=(_SOFTMAX_POOLED, *rows_by_mode(mode for mode in LOSSES if mode != "vanilla")),
        metrics=("recall@1", "recall@2", "recall@4", "recall@8", "r_precision", "map@r"),
        datasets=("cub", "cars"),
        protocol="folds",
        folds=FOLDS,
    ),
}

# More tables from the same runs. The retrieval table also has the scores of every other space,
# such as pooled/recall@1.
MORE_METRICS = {
    "retrieval": ("recall@1", "recall@2", "recall@4", "recall@8", "recall@16", "map@r", "nmi"),
    "per_class": ("mean_per_class_accuracy",),
}


class Budget(NamedTuple):
    """How long to train a run.

    Attributes:
      settings: dict from setting to value; they override the recipe's.
      warning: str, for the heading of its tables.
    """

    settings: Dict[str, object]
    warning: str


BUDGETS = {
    "paper": Budget({}, ""),
    "short": Budget(
        {"train_iters": 4000, "log_every_steps": 50, "eval_every_steps": 1000},
        "not comparable: short budget, 4,000 iterations instead of 40,000",
    ),
    "tiny": Budget(
        {
            "net": "mobile",
            "pretrained": "none",
            "frame_size": 32,
            "resize_min": 34,
            "resize_max": 40,
            "batch_size": 8,
            "train_iters": 6,
            "log_every_steps": 3,
            "eval_every_steps": 3,
            "bn_decay": 0.5,
        },
        "not comparable: tiny budget",
    ),
}
