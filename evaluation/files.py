"""The files of an evaluation: metrics.json, predictions.csv, embeddings.npz and pictures."""

import hashlib
import json
import os

import numpy as np
import pandas as pd

from evaluation import metrics, plots
from utils.errors import UserError
from utils.run_dir import write_json, write_text

TOP = 5
SCORES = (
    ("accuracy", "top5_accuracy", "mean_per_class_accuracy")
    + tuple(f"recall@{k}" for k in metrics.RECALL_AT)
    + ("map@r",)
)


def write(folder, report, arrays, vectors, neighbours, image_list, class_names, seed):
    """Writes eval/<split>/.

    Args:
      folder: str, made where it is missing.
      report: dict, what metrics.json holds.
      arrays: dict with `labels` int32 [N], `logits` float32 [N, C], `embeddings` float32 [N, D]
        and `pooled` float32 [N, F].
      vectors: float32 [N, D], what retrieval compared.
      neighbours: int64 [N, k], nearest first.
      image_list: has `files` and `paths`, lists of N str.
      class_names: sequence of C str.
      seed: int, of the random picks.
    """
    os.makedirs(folder, exist_ok=True)
    names = np.asarray(class_names, dtype=object)
    table = predictions(arrays["logits"], arrays["labels"], image_list.files, names)
    write_text(os.path.join(folder, "predictions.csv"), table.to_csv(index=False))
    np.savez(os.path.join(folder, "embeddings.npz"), files=np.array(image_list.files), **arrays)
    counts = metrics.confusion_matrix(arrays["logits"], arrays["labels"])
    plots.confusion_matrix(os.path.join(folder, "confusion.png"), counts, names)
    plots.embedding_map(
        os.path.join(folder, "embedding_map.png"), vectors, arrays["labels"], names, seed
    )
    plots.neighbours(
        os.path.join(folder, "neighbours.png"),
        image_list.paths,
        arrays["labels"],
        neighbours,
        names,
        seed,
    )
    write_json(os.path.join(folder, "metrics.json"), report)


def digest_of(report):
    """16 hexadecimal digits of a report's other entries, by which an edited file is noticed."""
    text = json.dumps({k: v for k, v in report.items() if k != "digest"}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def read_report(folder):
    """Reads the metrics.json of an evaluation.

    Returns:
      dict; None where there is no such file.

    Raises:
      UserError: it is damaged.
    """
    path = os.path.join(folder, "metrics.json")
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} can't be read ({error}); delete it and evaluate again") from None


def predictions(logits, labels, files, class_names):
    """The table of predictions.csv.

    Args:
      logits: float32 [N, C].
      labels: int32 [N].
      files: list of N str.
      class_names: object [C].

    Returns:
      pandas.DataFrame with the columns file, label (class index), class (its name), predicted
      (class name), probability, and top1, top1_probability, ... down to the fifth or the last.
    """
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    ranked = np.take_along_axis(probabilities, order, axis=1)
    columns = {
        "file": files,
        "label": labels,
        "class": class_names[labels],
        "predicted": class_names[order[:, 0]],
        "probability": ranked[:, 0],
    }
    for rank in range(order.shape[1]):
        columns[f"top{rank + 1}"] = class_names[order[:, rank]]
        columns[f"top{rank + 1}_probability"] = ranked[:, rank]
    return pd.DataFrame(columns)


def as_table(report):
    """A report as lines of text for the terminal."""
    title = "{split} split, {num_images} images, {checkpoint}, embedding: {embedding}"
    lines = [title.format(**report)]
    for name in (*SCORES, "nmi"):
        value = report[name]
        lines.append(f"  {name:<24} " + ("none can be asked" if value is None else f"{value:.4f}"))
    return "\n".join(lines)
