"""The official data sets: where each lies, and its annotations against what is published.

The reader of a data set is the module of readers/ with the name of its row in
`config.datasets.DATASETS`. It has
  read(root) -> Annotations
  DOWNLOADS  tuple of Download, empty where the site has no direct address; then
  BY_HAND    str, where to get it and what to put where, with {root} for its folder.
FGVC-Aircraft alone has LEVELS.
"""

import importlib
import os

from config.datasets import DATASETS
from config.paths import resolve_paths
from datasets_lists.annotations import WRONG_FILE
from utils.errors import UserError

NAMES = tuple(name for name in DATASETS if name not in ("digits", "custom"))
LEVELS = ("variant", "family", "manufacturer")


def reader_of(name):
    """The module that reads a data set of `NAMES`; none is imported before it is needed."""
    return importlib.import_module(f"datasets_lists.readers.{name}")


def folder_of(name, datasets_dir=None):
    """The folder of a data set, whether it is there or not, and what decided it.

    Args:
      name: str from `NAMES`.
      datasets_dir: str, the folder of all of them, as the flag gives it.

    Returns:
      str, and str.
    """
    paths, origins = resolve_paths({"datasets_dir": datasets_dir})
    return os.path.join(paths["datasets_dir"], DATASETS[name].folder), origins["datasets_dir"]


def existing_folder_of(name, datasets_dir=None):
    """The folder of a data set.

    Raises:
      UserError: it is not there.
    """
    folder, origin = folder_of(name, datasets_dir)
    if not os.path.isdir(folder):
        spec = DATASETS[name]
        raise UserError(
            f"there is no folder {folder} of {spec.title} ({origin} says where to look);"
            f" to get it: {spec.source}"
        )
    return folder


def class_counts(name):
    """Level -> published number of classes; a data set without levels has the one called None."""
    one = {None: DATASETS[name].num_classes}
    return getattr(reader_of(name), "LEVELS", one) if name in NAMES else one


def train_holds_val(name):
    """Whether the val images of a data set are part of its train images, as published."""
    return not DATASETS[name].val_is_held_out


def read(name, root, level=None, subset=False):
    """Reads the official annotations of a data set and checks them.

    Args:
      name: str from `NAMES`.
      root: str, its folder.
      level: str from `LEVELS`, FGVC-Aircraft's classes; default "variant".
      subset: bool, the folder holds a part of the data set on purpose.

    Returns:
      Annotations.

    Raises:
      UserError: a file is missing, damaged, truncated or of another version.
    """
    reader = reader_of(name)
    annotations = reader.read(root, level) if level else reader.read(root)
    if not subset:
        counts = class_counts(name)
        _check_published(name, annotations, counts[level or next(iter(counts))])
    _check_splits(name, annotations)
    return annotations


def _check_published(name, annotations, num_classes):
    title = DATASETS[name].title
    for split, count in DATASETS[name].counts.items():
        found = len(annotations.splits[split])
        if found != count:
            raise UserError(
                f"{annotations.sources[split]} gives {found} {split} images where {title} has"
                f" {count}: it is truncated or of another version; get it again, or give --subset"
                " if it is a part on purpose"
            )
    if len(annotations.class_names) != num_classes:
        raise UserError(
            f"{annotations.sources['train']} and what lies beside it have"
            f" {len(annotations.class_names)} classes where {title} has {num_classes}; get them"
            " again, or give --subset if it is a part on purpose"
        )


def _check_splits(name, annotations):
    """Refuses what no training could use, whatever the counts."""
    splits, sources = annotations.splits, annotations.sources
    _check_names(annotations)
    _check_apart(name, splits, sources)
    for split, rows in splits.items():
        files = [file for _, file in rows]
        if not files:
            raise UserError(f"{sources[split]} gives no {split} images; get it again")
        if len(set(files)) != len(files):
            twice = next(file for i, file in enumerate(files) if file in files[:i])
            raise UserError(f"{sources[split]} lists {twice} twice; get it again")
    without = set(range(len(annotations.class_names))) - {label for label, _ in splits["train"]}
    if without:
        raise UserError(
            f"{sources['train']} gives no training image of the class"
            f" {annotations.class_names[min(without)]}; get it again"
        )


def _check_names(annotations):
    """Refuses names that no list should hold."""
    from data.folders import IMAGE_ENDINGS, is_path_below, is_text  # only now: for NumPy

    for split, rows in annotations.splits.items():
        for row, (_, file) in enumerate(rows, 1):
            entry = f"{annotations.sources[split]} lists {file!r} as its {split} image {row}"
            if not is_path_below(file):
                raise UserError(f"{entry}, which is no path below the image folder; {WRONG_FILE}")
            if not file.lower().endswith(IMAGE_ENDINGS):
                raise UserError(f"{entry}, which is no image; {WRONG_FILE}")
    for label, name in enumerate(annotations.class_names):
        if not is_text(name):
            raise UserError(
                f"{annotations.sources['train']} and the files beside it call class {label}"
                f" {name!r}, which is no text; {WRONG_FILE}"
            )


def _check_apart(name, splits, sources):
    pairs = (("train", "test"), ("val", "test"), ("train", "val"))
    for one, other in pairs[:2] if train_holds_val(name) else pairs:
        both = {file for _, file in splits.get(one, ())} & {
            file for _, file in splits.get(other, ())
        }
        if both:
            raise UserError(
                f"{sources[other]} puts {min(both)} into {one} and into {other}; get it again"
            )
