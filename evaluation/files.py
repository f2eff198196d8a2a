"""The files of an evaluation: metrics.json, predictions.csv, embeddings.npz and plots."""

import contextlib
import errno
import json
import os
import shutil

import numpy as np
import pandas as pd

from evaluation import metrics, outputs, plots
from evaluation.classifiers import softmax
from utils import logs
from utils.errors import UserError
from utils.run_dir import write_json, write_text

TOP = 5
REPORT, PREDICTIONS = "metrics.json", "predictions.csv"
CONFUSION, EMBEDDING_MAP, NEIGHBOURS = "confusion.png", "embedding_map.png", "neighbours.png"
PAGE, PROJECTOR = "report.html", "projector"
# The columns of metrics.csv that an evaluation during training fills.
SCORES = metrics.names_of(in_training=True)
NEEDED = ("split", "num_images", "checkpoint", "step", "class_map", *SCORES, "nmi")
# What those of unseen classes lack.
_OF_KNOWN_CLASSES = metrics.names_of("classifier")


@contextlib.contextmanager
def writing(folder):
    """Raises a UserError if a folder is not writable; a full disk is left to the script."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            f"the evaluation can't be written to {folder} ({error.filename}: {error.strerror});"
            " evaluate a copy of the run that can be written to"
        ) from None


def make_folder(folder):
    """Creates the folder of an evaluation if needed, and checks that it is writable.

    Raises:
      UserError: it can't be written.
    """
    with writing(folder):
        os.makedirs(folder, exist_ok=True)
        shutil.rmtree(_part_of(folder), ignore_errors=True)
        os.mkdir(_part_of(folder))
        os.rmdir(_part_of(folder))


def _part_of(folder):
    """The temporary folder beside it for the files of an evaluation."""
    return os.path.join(os.path.dirname(folder), f".{os.path.basename(folder)}.part")


def write_scores(folder, report, arrays, files, class_names, identity):
    """Writes metrics.json, predictions.csv and embeddings.npz, all of them or none.

    There are no predictions of unseen classes, as none could be right. The files are written beside
    the folder and moved into it once complete. The old report, predictions and plots are removed
    first and the new report comes last, so a report is never beside predictions of another
    checkpoint. Other files in the folder are left alone.

    Args:
      folder: str, from `make_folder`.
      report: dict, the content of metrics.json.
      arrays: dict with `labels` int32 [N], `logits` float32 [N, C] (not for unseen classes),
        `embeddings` float32 [N, D] and `pooled` float32 [N, F].
      files: list of N str.
      class_names: sequence of C str.
      identity: str, from `outputs.identity_of`.

    Raises:
      UserError: the folder can't be written.
    """
    part, written = _part_of(folder), [outputs.FILE, REPORT]
    with writing(folder):
        try:
            os.makedirs(part, exist_ok=True)
            outputs.save(os.path.join(part, outputs.FILE), arrays, files, identity)
            if "logits" in arrays:
                table = predictions(arrays["logits"], arrays["labels"], files, class_names)
                write_text(os.path.join(part, PREDICTIONS), table.to_csv(index=False))
                written.insert(1, PREDICTIONS)
            write_json(os.path.join(part, REPORT), report)
            for name in (REPORT, PAGE, PREDICTIONS, CONFUSION, EMBEDDING_MAP, NEIGHBOURS):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(os.path.join(folder, name))
            shutil.rmtree(os.path.join(folder, PROJECTOR), ignore_errors=True)
            for name in written:
                os.replace(os.path.join(part, name), os.path.join(folder, name))
        finally:
            shutil.rmtree(part, ignore_errors=True)


def draw_pictures(folder, arrays, vectors, nearest, image_list, class_names, seed, max_megapixels):
    """Draws the plots of an evaluation; skips those that fail, with a warning.

    Unseen classes have no confusion matrix.

    Args:
      folder: str.
      arrays: dict with `labels` int32 [N] and, unless they are unseen, `logits` float32 [N, C].
      vectors: float32 [N, D], what retrieval compared.
      nearest: int64 [N, k], nearest first.
      image_list: has `paths`, list of N str.
      class_names: sequence of C str.
      seed: int, for the random choice.
      max_megapixels: int, larger images are not decoded.
    """
    labels, names = arrays["labels"], np.asarray(class_names, dtype=object)
    draws = {
        CONFUSION: lambda path: plots.confusion_matrix(
            path, metrics.confusion_matrix(arrays["logits"], labels), names
        ),
        EMBEDDING_MAP: lambda path: plots.embedding_map(path, vectors, labels, names, seed),
        NEIGHBOURS: lambda path: plots.neighbours(
            path, image_list.paths, labels, nearest, names, seed, max_megapixels
        ),
    }
    if "logits" not in arrays:
        del draws[CONFUSION]
    for name, draw in draws.items():
        path = os.path.join(folder, name)
        try:
            draw(path)
        except Exception as error:  # drawing libraries may raise anything; the scores are written
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            logs.LOGGER.warning("the plot %s can't be drawn (%s)", path, reason)


def read_report(folder):
    """Reads the metrics.json of an evaluation.

    Returns:
      dict; None if there is no such file.

    Raises:
      UserError: it is damaged or incomplete.
    """
    path = os.path.join(folder, REPORT)
    if not os.path.exists(path):
        return None
    try:
        with open(path, encoding="utf-8") as file:
            report = dict(json.load(file))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"{path} can't be read ({error}); delete it and evaluate again") from None
    lacks = _OF_KNOWN_CLASSES if report.get("unseen_classes") else ()
    missing = [name for name in NEEDED if name not in report and name not in lacks]
    if missing:
        raise UserError(f"{path} has no {missing[0]}; delete it and evaluate again")
    return report


def printable(names):
    """Names as valid UTF-8, with escapes for what can't be encoded."""
    return [str(name).encode("utf-8", "backslashreplace").decode("utf-8") for name in names]


def predictions(logits, labels, files, class_names):
    """The table of predictions.csv.

    Args:
      logits: float32 [N, C].
      labels: int32 [N].
      files: list of N str.
      class_names: sequence of C str.

    Returns:
      pandas.DataFrame with the columns file, label (class index), class (its name), predicted
      (class name), probability, and top1, top1_probability, ... up to the fifth or the last class.
    """
    names = np.array(printable(class_names), dtype=object)
    probabilities = softmax(logits)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    ranked = np.take_along_axis(probabilities, order, axis=1)
    columns = {
        "file": printable(files),
        "label": labels,
        "class": names[labels],
        "predicted": names[order[:, 0]],
        "probability": ranked[:, 0],
    }
    for rank in range(order.shape[1]):
        columns[f"top{rank + 1}"] = names[order[:, rank]]
        columns[f"top{rank + 1}_probability"] = ranked[:, rank]
    return pd.DataFrame(columns)


def as_table(report):
    """A report as text for the terminal."""
    chosen = f" (best on the {report['chosen_on']} list)" if report["chosen_on"] else ""
    lines = [
        "{split} split, {num_images} images, {checkpoint}{}, embedding: {embedding}".format(
            chosen, **report
        )
    ]
    unseen = report.get("unseen_classes")
    if unseen:
        lines.append(f"  retrieval only: none of its {unseen} classes is in training, no accuracy")
    for name in metrics.names_of("classifier") if not unseen else ():
        lines.append(f"  {metrics.METRICS[name].title:<30}{_number(report[name])}")
    lines.append((" " * 32 + "".join(f"{space:<11}" for space in report["spaces"])).rstrip())
    for name in metrics.names_of("retrieval", "clustering", *([] if unseen else ["gallery"])):
        numbers = [_number(scores[name]) for scores in report["spaces"].values()]
        title = metrics.METRICS[name].title
        lines.append(f"  {title:<30}" + "".join(f"{number:<11}" for number in numbers).rstrip())
    return "\n".join(lines + ([] if unseen else _summary(report)))


def _summary(report):
    """The lines on both classifiers, calibration and selective prediction."""
    heads, sure, doubt = (report[name] for name in ("heads", "calibration", "selective"))
    on = heads["fusion_weight_chosen_on"]
    chosen = f", chosen on the {on} list" if on else ""
    curves = doubt["curves"]
    rows = {
        "softmax and neighbours agree": heads["agreement"],
        "error where they agree": doubt["error_where_they_agree"],
        "error where they differ": doubt["error_where_they_differ"],
        "accuracy of both together": heads["fusion_accuracy"],
        "calibration error": sure["ece"],
        "after temperature scaling": sure["ece_after"],
        "area under risk-coverage": curves["softmax"]["area"],
        "the same, with distances": curves["both"]["area"],
    }
    lines = [f"  {title:<30}{_number(value)}" for title, value in rows.items()]
    lines[3] += f" (weight of the neighbours {heads['fusion_weight']:.2f}{chosen})"
    return lines


def _number(value):
    return "-" if value is None else f"{value:.4f}"
