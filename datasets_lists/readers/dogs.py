"""Stanford Dogs: a list of files and labels per split; the folders name the classes."""

import os

from datasets_lists.annotations import WRONG_FILE, Annotations, Download, column, read_mat
from utils.errors import UserError

_SITE = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
DOWNLOADS = (
    Download(
        url=_SITE + "images.tar",
        size=793579520,
        sha256="a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58",
        gives=("Images",),
    ),
    Download(
        url=_SITE + "lists.tar",
        size=481280,
        sha256="34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c",
        gives=("train_list.mat", "test_list.mat"),
    ),
)


def read(root):
    """Reads train_list.mat and test_list.mat.

    Args:
      root: str, the folder with these files and the folder Images.

    Returns:
      Annotations without a val split.

    Raises:
      UserError: a file is missing, damaged or wrong, or a label is used for two folders.
    """
    paths = {split: os.path.join(root, f"{split}_list.mat") for split in ("train", "test")}
    rows = {split: _read_list(path) for split, path in paths.items()}
    folders = {}
    for split, path in paths.items():
        for label, file in rows[split]:
            folder = file.split("/")[0]
            if folders.setdefault(label, folder) != folder:
                raise UserError(
                    f"{path} has the label {label} for {file}, but this label is for"
                    f" {folders[label]}; {WRONG_FILE}"
                )
    order = sorted(folders)
    index = {label: i for i, label in enumerate(order)}
    names = tuple(folders[label].split("-", 1)[-1] for label in order)
    splits = {
        split: [(index[label], file) for label, file in found] for split, found in rows.items()
    }
    return Annotations(names, splits, paths)


def _read_list(path):
    files, labels = read_mat(path, "file_list", "labels")
    files, labels = column(path, files, str), column(path, labels, int)
    if len(files) != len(labels):
        raise UserError(f"{path} has {len(files)} files and {len(labels)} labels; {WRONG_FILE}")
    return list(zip(labels, files))
