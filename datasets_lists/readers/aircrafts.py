"""FGVC-Aircraft, release 2013b: classes at three levels; here train includes val."""

import os

from datasets_lists.annotations import Annotations, Download, read_columns, read_lines
from utils.errors import UserError

# Level -> its published number of classes.
LEVELS = {"variant": 100, "family": 70, "manufacturer": 30}
DOWNLOADS = (
    Download(
        url="https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/"
        "fgvc-aircraft-2013b.tar.gz",
        size=2753340328,
        md5="d4acdd33327262359767eeaa97a4f732",
        gives=("fgvc-aircraft-2013b",),
    ),
)

_DATA = os.path.join("fgvc-aircraft-2013b", "data")
_CLASS_FILES = {
    "variant": "variants.txt",
    "family": "families.txt",
    "manufacturer": "manufacturers.txt",
}
_SPLITS = ("train", "val", "trainval", "test")


def read(root, level="variant"):
    """Reads images_<level>_<split>.txt and the file of the class names.

    Args:
      root: str, the folder that holds fgvc-aircraft-2013b.
      level: str, a key of `LEVELS`.

    Returns:
      Annotations; "train" is train followed by val, the same as "trainval".

    Raises:
      UserError: a file is missing, empty or truncated, or they don't match.
    """
    folder = os.path.join(root, _DATA)
    paths = {split: os.path.join(folder, f"images_{level}_{split}.txt") for split in _SPLITS}
    rows = {split: read_columns(path, "an image", "its class") for split, path in paths.items()}
    if sorted(rows["train"] + rows["val"]) != sorted(rows["trainval"]):
        raise UserError(
            f"{paths['trainval']} lists {len(rows['trainval'])} images, which are not the"
            f" {len(rows['train'])} and {len(rows['val'])} of the train and val files beside it:"
            " one of the three is truncated or another version; get them again"
        )
    rows["train"] = rows["trainval"] = rows["train"] + rows["val"]
    names_path = os.path.join(folder, _CLASS_FILES[level])
    names = _class_names(names_path, level, rows)
    index = {name: label for label, name in enumerate(names)}
    for split, found in rows.items():
        unknown = next((name for _, name in found if name not in index), None)
        if unknown is not None:
            raise UserError(
                f"{paths[split]} has the class {unknown}, which is not in {names_path}: one of the"
                " two is truncated or another version; get them again"
            )
    splits = {
        split: [(index[name], f"{image}.jpg") for image, name in found]
        for split, found in rows.items()
    }
    return Annotations(tuple(names), splits, paths)


def _class_names(path, level, rows):
    """The names in the order of their own file, or sorted if it is missing."""
    if level == "variant" or os.path.exists(path):
        return read_lines(path)
    return sorted({name for split in rows.values() for _, name in split})
