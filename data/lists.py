"""Image lists: official CSV lists or a folder per class -> paths and class indices.

A CSV list has the header `,label,file_name`: row index, label, path below the image folder. The
class index of a label is its rank among the sorted distinct labels of the training list.
"""

import hashlib
import os
from typing import Dict, NamedTuple, Tuple

import numpy as np
import pandas as pd

from data.folders import SPLIT_SEED, SPLITS, read_folders
from utils.errors import UserError


class ClassMap(NamedTuple):
    """The classes of a data set in the order of their indices.

    Attributes:
      labels: tuple of C int or str, as the training list has them, sorted.
      names: tuple of C str.
    """

    labels: Tuple
    names: Tuple[str, ...]

    @property
    def digest(self):
        """str, 12 hexadecimal digits that change when any class or the order does."""
        text = "\n".join(f"{label}\t{name}" for label, name in zip(self.labels, self.names))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


class ImageList(NamedTuple):
    """One split.

    Attributes:
      folder: str, the image folder.
      files: list of N str below `folder`, in list order.
      labels: int32 [N], class indices.
    """

    folder: str
    files: list
    labels: np.ndarray

    @property
    def paths(self):
        """List of N str, the full paths."""
        return [os.path.join(self.folder, name) for name in self.files]


class Dataset(NamedTuple):
    """The class map and the splits that were asked for, by name."""

    class_map: ClassMap
    splits: Dict[str, ImageList]


def load(root, splits, image_folders=("",)):
    """Loads a data set.

    Args:
      root: str, a folder with lists/*.csv, or with one sub-folder a class, or with such folders
        below train/, val/ and test/.
      splits: iterable of str from `SPLITS`; the training list is always read for its classes.
      image_folders: tuple of str below `root`; the first one that holds the first listed file is
        the image folder.

    Returns:
      Dataset with the splits asked for.

    Raises:
      UserError: a list or image is missing, empty or malformed, or a label is unknown in training.
    """
    splits = list(splits)
    rows, class_map = read_rows(root, {"train", *splits})
    labels = class_map.labels
    return Dataset(
        class_map, {s: _image_list(root, s, rows, labels, image_folders) for s in splits}
    )


def read_rows(root, splits):
    """Reads the lists of a data set, or its folders where it has no lists, and no image.

    Args:
      root: str, see `load`.
      splits: collection of str from `SPLITS`, with "train".

    Returns:
      dict from split to list of (label, file name), and the ClassMap of the training list. Folders
      give the splits that they have.

    Raises:
      UserError: a list is missing, empty or malformed, or there are no class folders.
    """
    if os.path.isdir(os.path.join(root, "lists")):
        rows, names = _read_csv_lists(root, splits)
    else:
        rows, names = read_folders(root), {}
    # The distinct labels in order: whole numbers by value, anything else by spelling.
    labels = tuple(sorted({label for label, _ in rows["train"]}))
    return rows, ClassMap(labels, tuple(str(names.get(label, label)) for label in labels))


def splits_of(root):
    """Names of the splits that a data set has, see `load`.

    Raises:
      UserError: it has neither lists nor class folders.
    """
    if os.path.isdir(os.path.join(root, "lists")):
        return tuple(split for split in SPLITS if os.path.exists(list_path(root, split)))
    rows = read_folders(root)
    return tuple(split for split in SPLITS if rows.get(split))


def _image_list(root, split, rows, labels, image_folders):
    if not rows.get(split):
        have = ", ".join(s for s in SPLITS if rows.get(s))
        raise UserError(f"{root} has no {split} split; it has {have}")
    index = {label: i for i, label in enumerate(labels)}
    for label, name in rows[split]:
        if label not in index:
            raise UserError(
                f"label {label} of {name} in the {split} list of {root} is not in the training"
                " list, so no class index belongs to it"
            )
    files = [name for _, name in rows[split]]
    folder = image_folder(root, files[0], image_folders)
    _check_present(folder, files, split)
    return ImageList(folder, files, np.array([index[label] for label, _ in rows[split]], np.int32))


def image_folder(root, first_file, image_folders):
    """The first of `image_folders` below `root` that holds `first_file`; else the first one."""
    folders = [os.path.join(root, name) if name else root for name in image_folders]
    return next((f for f in folders if os.path.exists(os.path.join(f, first_file))), folders[0])


def _check_present(folder, files, split):
    """Lists each directory once, which is many times faster than asking for each file."""
    present = {}
    missing = []
    for name in files:
        directory = os.path.join(folder, os.path.dirname(name))
        if directory not in present:
            present[directory] = set(os.listdir(directory)) if os.path.isdir(directory) else set()
        if os.path.basename(name) not in present[directory]:
            missing.append(name)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(files)} images of the {split} list are not below {folder},"
            f" the first is {missing[0]}"
        )


def list_path(root, split):
    """Path of a split's CSV list."""
    return os.path.join(root, "lists", f"{split}_all_sub_list.csv")


def _read_csv_lists(root, splits):
    rows = {split: read_csv_list(list_path(root, split)) for split in SPLITS if split in splits}
    names_path = os.path.join(root, "lists", "classes.csv")
    names = {}
    if os.path.exists(names_path):
        table = _read_table(names_path, ("index", "name"))
        names = dict(zip(_labels_of(table["index"]), table["name"]))
    return rows, names


def read_csv_list(path):
    """Reads one CSV list.

    Args:
      path: str, a file with the header `,label,file_name`.

    Returns:
      list of (label, file name); the labels are int where all of them are whole numbers, else str.

    Raises:
      UserError: the file is missing, empty or malformed, names a file twice, or a path in it is
        absolute or leaves the image folder.
    """
    table = _read_table(path, ("label", "file_name"))
    files = list(table["file_name"])
    for row, name in enumerate(files):
        if not name or os.path.isabs(name) or os.path.normpath(name).startswith(".."):
            raise UserError(f"{path}, row {row}: {name!r} is not a path below the image folder")
    duplicated = table["file_name"].duplicated()
    if duplicated.any():
        row = int(np.argmax(duplicated.values))
        raise UserError(f"{path}, row {row}: {files[row]} is listed twice; keep one of the rows")
    return list(zip(_labels_of(table["label"]), files))


def _read_table(path, columns):
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(f"there is no list {path}") from None
    except (OSError, ValueError) as error:  # pandas' parser errors and bad encodings
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} can't be read as a CSV list: {reason}") from None
    for column in columns:
        if column not in table:
            raise UserError(f"{path} has no column {column}; its header has to be ,label,file_name")
    if table.empty:
        raise UserError(f"{path} has a header but no row")
    return table


def _labels_of(column):
    words = [word.strip() for word in column]
    try:
        return [int(word) for word in words]
    except ValueError:
        return words


def long_tail(image_list, ratio, seed=SPLIT_SEED):
    """Thins a balanced list out to a long tail (Cui et al., CVPR 2019, arXiv:1901.05555).

    The classes, in a random order, keep n * ratio^(-i / (C - 1)) of their images, i from 0 to
    C - 1 and n the size of the smallest class, so that the first keeps `ratio` times as many as
    the last; each keeps at least one.

    Args:
      image_list: ImageList.
      ratio: float >= 1.
      seed: int, of the order of the classes and of the images kept.

    Returns:
      ImageList, in the order of the given one.
    """
    rng = np.random.RandomState(seed)
    sizes = np.bincount(image_list.labels)
    order = rng.permutation(len(sizes))
    shares = ratio ** (-np.arange(len(sizes)) / max(len(sizes) - 1, 1))
    kept = []
    for label, share in zip(order, shares):
        rows = rng.permutation(np.flatnonzero(image_list.labels == label))
        kept += list(rows[: max(1, int(round(sizes.min() * share)))])
    kept = sorted(kept)
    files = [image_list.files[i] for i in kept]
    return ImageList(image_list.folder, files, image_list.labels[kept])


def digest_of(image_list):
    """12 hexadecimal digits that change when a file, a label or their order does."""
    rows = zip(image_list.labels.tolist(), image_list.files)
    text = "\n".join(f"{label}\t{name}" for label, name in rows)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]
