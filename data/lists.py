"""Image lists: from CSV lists or one folder per class to paths and class indices.

The class index of a label is its rank among the sorted distinct labels of the training list. A list
without any of these labels is one of unseen classes, which can be searched but not classified; its
indices are C plus the rank among its own labels.
"""

import functools
import gc
import hashlib
import itertools
import logging
import os
from typing import Dict, NamedTuple, Tuple

import numpy as np

from data.csv_lists import FOLDER, list_path, read_csv_lists
from data.folders import SPLITS, left_out, read_folders, walk
from data.present import check_present
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
        """str, 12 hexadecimal digits that change if a class or the order changes."""
        text = "\n".join(f"{label}\t{name}" for label, name in zip(self.labels, self.names))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


class ImageList(NamedTuple):
    """One split.

    Attributes:
      folder: str, the image folder.
      files: list of N str below `folder`, in list order.
      labels: int32 [N], class indices.
      unseen: tuple of U str, the names of the classes C .. C + U - 1, if the list has only classes
        that training lacks; else empty.
    """

    folder: str
    files: list
    labels: np.ndarray
    unseen: Tuple[str, ...] = ()

    @property
    def paths(self):
        """List of N str, the full paths."""
        return [os.path.join(self.folder, name) for name in self.files]


class Dataset(NamedTuple):
    """The class map of training and the splits that were asked for, by name."""

    class_map: ClassMap
    splits: Dict[str, ImageList]

    def names_of(self, split):
        """Tuple of str, the names of the classes that a split's labels can have."""
        return self.class_map.names + self.splits[split].unseen


def load(root, splits, image_folders=("",), folder=FOLDER):
    """Loads a data set; logs once what folders of classes contain besides images.

    Args:
      root: str, a folder with lists/*.csv, or with one subfolder per class, or with such folders
        below train/, val/ and test/.
      splits: iterable of str from `SPLITS`; the training list is always read for its classes.
      image_folders: tuple of str below `root`; the image folder is the first one that contains the
        first listed file.
      folder: str, the folder of the lists below `root`.

    Returns:
      Dataset with the splits asked for.

    Raises:
      UserError: a list or image is missing, empty or malformed, or training has some labels of a
        list but not all.
    """
    collects = gc.isenabled()
    gc.disable()  # going through a million rows again and again takes a fifth of the time
    try:
        return _load(root, list(dict.fromkeys(splits)), image_folders, folder)
    finally:
        if collects:
            gc.enable()


def _load(root, splits, image_folders, folder):
    rows, names = _read(root, {"train", *splits}, folder)
    class_map = _class_map(rows["train"], names)
    is_folders = not has_lists(root, folder)
    if is_folders:
        _warn_once(left_out(walk(root), {name for found in rows.values() for _, name in found}))
    image_lists = {s: _image_list(root, s, rows, class_map, names, image_folders) for s in splits}
    check_present(image_lists, may_leave=is_folders)
    return Dataset(class_map, image_lists)


@functools.lru_cache(maxsize=None)
def _warn_once(text):
    if text:
        logging.getLogger("two_head").warning(text)


def has_lists(root, folder=FOLDER):
    """Whether a data set has CSV lists; otherwise its folders are its classes."""
    return os.path.isdir(os.path.join(root, folder))


def read_rows(root, splits, folder=FOLDER):
    """Reads the lists of a data set, or its folders if it has none, but no images.

    Args:
      root: str, see `load`.
      splits: collection of str from `SPLITS`, with "train".
      folder: str, see `load`.

    Returns:
      dict from split to list of (label, file name), and the ClassMap of the training list. Without
      lists, all splits that there are.

    Raises:
      UserError: a list is missing, empty or malformed, or there are no class folders.
    """
    rows, names = _read(root, splits, folder)
    return rows, _class_map(rows["train"], names)


def _read(root, splits, folder):
    """Rows as in `read_rows`, and dict from label to name, of the classes that have one."""
    if has_lists(root, folder):
        return read_csv_lists(root, splits, folder)
    return read_folders(root), {}


def _class_map(rows, names):
    # The distinct labels in order: whole numbers by value, anything else by spelling.
    labels = tuple(sorted({label for label, _ in rows}))
    return ClassMap(labels, tuple(str(names.get(label, label)) for label in labels))


def are_unseen(labels, train_labels):
    """Whether a list has labels and none is one of training, even if one list has it as text."""
    own = {str(label) for label in labels}
    return bool(own) and own.isdisjoint(map(str, train_labels))


def splits_of(root, folder=FOLDER):
    """Names of the splits that a data set has, see `load`.

    Raises:
      UserError: it has neither lists nor class folders.
    """
    if has_lists(root, folder):
        return tuple(split for split in SPLITS if os.path.exists(list_path(root, split, folder)))
    rows = read_folders(root)
    return tuple(split for split in SPLITS if rows.get(split))


def _image_list(root, split, rows, class_map, names, image_folders):
    if not rows.get(split):
        have = ", ".join(s for s in SPLITS if rows.get(s))
        raise UserError(f"{root} has no {split} split; it has {have}")
    own, files = ([row[i] for row in rows[split]] for i in range(2))
    labels, unseen = class_map.labels, ()
    if are_unseen(set(own), labels):
        added, unseen = _class_map(rows[split], names)
        labels += added
    index = {label: i for i, label in enumerate(labels)}
    unknown = set(own) - set(index)
    if unknown:
        label, name = next(row for row in rows[split] if row[0] in unknown)
        raise UserError(
            f"label {label} of {name} in the {split} list of {root} is not in the training"
            " list, though others are; add images of it there or remove the row"
        )
    folder = image_folder(root, files[0], image_folders)
    indices = np.fromiter(map(index.__getitem__, own), np.int32, len(own))
    return ImageList(folder, files, indices, unseen)


def image_folder(root, first_file, image_folders):
    """The first of `image_folders` below `root` that contains `first_file`, else the first."""
    folders = [os.path.join(root, name) if name else root for name in image_folders]
    return next((f for f in folders if os.path.exists(os.path.join(f, first_file))), folders[0])


def digest_of(image_list):
    """Str, 12 hexadecimal digits that change if a label, a file or the order changes."""
    pairs = zip(image_list.labels.tolist(), image_list.files)
    digest = hashlib.sha256()
    while True:  # in parts: a long list takes much memory as one text
        text = "".join([f"{label}\t{name}\n" for label, name in itertools.islice(pairs, 10000)])
        if not text:
            return digest.hexdigest()[:12]
        digest.update(text.encode("utf-8"))


def shared_files(dataset, splits=("val", "test")):
    """Finds files that are both trained on and evaluated on.

    Args:
      dataset: Dataset.
      splits: iterable of str, compared with "train" if loaded. FGVC-Aircraft's val is part of its
        train, so leave it out there.

    Returns:
      int, how many files of these splits are also in train, and str, the first of them, or None.
    """
    if "train" not in dataset.splits:
        return 0, None
    lists = [dataset.splits[split] for split in ("train", *splits) if split in dataset.splits]
    is_one_folder = len({part.folder for part in lists}) == 1
    trained, *evaluated = (_normal(part.files if is_one_folder else part.paths) for part in lists)
    evaluated = dict.fromkeys(itertools.chain.from_iterable(evaluated))
    shared = set(evaluated).intersection(trained)
    first = next((name for name in evaluated if name in shared), None)
    return len(shared), first and os.path.normpath(os.path.join(lists[0].folder, first))


def _normal(names):
    """Names without needless parts such as "./", so that equal ones name the same file."""
    text = "\n".join(["", *names, ""])
    is_normal = not any(part in text for part in ("//", "/./", "\n./", "/.\n", "/../", "/\n"))
    return names if is_normal else [os.path.normpath(name) for name in names]
