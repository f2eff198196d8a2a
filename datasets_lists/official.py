"""The official data sets: where each is stored, and checks against the published counts.

The reader of a data set is the module in readers/ named after its row in
`config.datasets.DATASETS`. It has
  read(root) -> Annotations
  DOWNLOADS  tuple of Download; if the site has no direct address, it is empty and there is
  BY_HAND    str, where to get it and what to put where, with {root} for its folder.
Only FGVC-Aircraft has LEVELS.
"""

import importlib
import os

from config.datasets import DATASETS
from config.paths import resolve_paths
from datasets_lists.annotations import WRONG_FILE
from utils.errors import UserError

NAMES = tuple(name for name in DATASETS if name not in ("digits", "custom"))
LEVELS = ("variant", "family", "manufacturer")
UNSEEN = ("sop",)  # their own test split has other classes than training


def reader_of(name):
    """The module that reads a data set of `NAMES`, imported when needed."""
    return importlib.import_module(f"datasets_lists.readers.{name}")


def folder_of(name, datasets_dir=None):
    """The folder of a data set, existing or not, and where its path was set.

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
      UserError: it does not exist.
    """
    folder, origin = folder_of(name, datasets_dir)
    if not os.path.isdir(folder):
        spec = DATASETS[name]
        raise UserError(
            f"there is no folder {folder} of {spec.title} (path from {origin});"
            f" to get it: {spec.source}"
        )
    return folder


def class_counts(name):
    """Dict from level to published number of classes; the key is None without levels."""
    one = {None: DATASETS[name].num_classes}
    return getattr(reader_of(name), "LEVELS", one) if name in NAMES else one


def train_holds_val(name):
    """Whether a data set's train images include its val images, as published."""
    return not DATASETS[name].val_is_held_out


def read(name, root, level=None, subset=False):
    """Reads the official annotations of a data set and checks them.

    Args:
      name: str from `NAMES`.
      root: str, its folder.
      level: str from `LEVELS`, the classes of FGVC-Aircraft; default "variant".
      subset: bool, the folder holds only part of the data set, on purpose.

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
                f"{annotations.sources[split]} gives {found} {split} images, but {title} has"
                f" {count}: it is truncated or another version; get it again, or give --subset if"
                " this is meant to be part of the data set"
            )
    if len(annotations.class_names) != num_classes:
        raise UserError(
            f"{annotations.sources['train']} and the files beside it have"
            f" {len(annotations.class_names)} classes, but {title} has {num_classes}; get them"
            " again, or give --subset if this is meant to be part of the data set"
        )


def _check_splits(name, annotations):
    """Refuses splits that no training could use, whatever the counts."""
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
    if without and name not in UNSEEN:
        raise UserError(
            f"{sources['train']} gives no training image of the class"
            f" {annotations.class_names[min(without)]}; get it again"
        )


def _check_names(annotations):
    """Refuses names that can't go into a list."""
    from data.folders import IMAGE_ENDINGS, is_path_below, is_text  # only now: for NumPy

    for split, rows in annotations.splits.items():
        for row, (_, file) in enumerate(rows, 1):
            entry = f"{annotations.sources[split]} lists {file!r} as its {split} image {row}"
            if not is_path_below(file):
                raise UserError(
                    f"{entry}, which is not a path below the image folder; {WRONG_FILE}"
                )
            if not file.lower().endswith(IMAGE_ENDINGS):
                raise UserError(f"{entry}, which is not an image; {WRONG_FILE}")
    for label, name in enumerate(annotations.class_names):
        if not is_text(name):
            raise UserError(
                f"{annotations.sources['train']} and the files beside it call class {label}"
                f" {name!r}, which is not text; {WRONG_FILE}"
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
