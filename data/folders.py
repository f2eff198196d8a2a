"""Images in a folder per class -> rows of (label, file name), split where they are in one set."""

import os

import numpy as np

from utils.errors import UserError

SPLITS = ("train", "val", "test")
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
_ENDINGS_TEXT = ", ".join(IMAGE_ENDINGS)
# One set of images without lists is split by these shares of each class.
VAL_SHARE, TEST_SHARE, SPLIT_SEED = 0.1, 0.2, 0


def read_folders(root):
    """Reads a tree of a folder a class, split by train/, val/ and test/ or by the seeded rule.

    Args:
      root: str.

    Returns:
      dict from split to list of (class folder, file name below `root`), sorted.

    Raises:
      UserError: there is no class folder, or one without an image.
    """
    if os.path.isdir(os.path.join(root, "train")):
        return {
            split: files_of_classes(os.path.join(root, split), split)
            for split in SPLITS
            if os.path.isdir(os.path.join(root, split))
        }
    return split_by_class(files_of_classes(root))


def files_of_classes(folder, prefix="", skip=()):
    """Lists the images below the class folders of a folder.

    Args:
      folder: str.
      prefix: str, put before the file names.
      skip: collection of str, sub-folders that are no classes.

    Returns:
      list of (class folder, file name below `folder`), both sorted.

    Raises:
      UserError: there is no class folder, or one without an image.
    """
    rows = []
    for label in sorted(set(os.listdir(folder)) - set(skip)):
        if label.startswith(".") or not os.path.isdir(os.path.join(folder, label)):
            continue
        found = _images_below(os.path.join(folder, label))
        if not found:
            raise UserError(f"{os.path.join(folder, label)} holds no image ({_ENDINGS_TEXT})")
        rows += [(label, os.path.join(prefix, label, name)) for name in found]
    if not rows:
        raise UserError(f"{folder} has neither lists/*.csv nor a sub-folder a class with images")
    return rows


def _images_below(folder):
    found = []
    for directory, _, names in os.walk(folder):
        below = os.path.relpath(directory, folder)
        for name in names:
            if name.lower().endswith(IMAGE_ENDINGS) and not name.startswith("."):
                found.append(os.path.normpath(os.path.join(below, name)))
    return sorted(found)


def split_by_class(rows, seed=SPLIT_SEED):
    """Splits each class by itself: the seeded rule for a set without lists.

    The files of a class, sorted by name, are shuffled by the legacy generator of NumPy (its
    stream is the same in every version) seeded with `seed`; the first fifth of them, rounded, is
    for test, the next tenth for validation, the rest, at least one, for training. So the split
    depends on the file names alone.

    Args:
      rows: list of (label, file name).
      seed: int.

    Returns:
      dict from split to list of (label, file name), sorted.
    """
    by_class = {}
    for label, name in rows:
        by_class.setdefault(label, []).append(name)
    parts = {split: [] for split in SPLITS}
    for label, names in sorted(by_class.items()):
        names = sorted(names)
        order = np.random.RandomState(seed).permutation(len(names))
        num_test, num_val = (int(round(share * len(names))) for share in (TEST_SHARE, VAL_SHARE))
        ends = (("test", num_test), ("val", num_test + num_val), ("train", len(names)))
        start = 0
        for split, end in ends:
            parts[split] += [(label, names[i]) for i in sorted(order[start:end])]
            start = end
    return parts
