"""The CSV lists of a data set: lists/<split>_all_sub_list.csv and lists/classes.csv.

A list has the header `,label,file_name`: row index, label, path below the image folder.
"""

import os

import numpy as np
import pandas as pd

from data.folders import SPLITS, is_path_below, is_text
from utils.errors import UserError


def list_path(root, split):
    """Path of a split's CSV list."""
    return os.path.join(root, "lists", f"{split}_all_sub_list.csv")


def read_csv_lists(root, splits):
    """Reads the lists of some splits and the names of the classes.

    Args:
      root: str, a folder with the folder lists.
      splits: collection of str from `SPLITS`.

    Returns:
      dict from split to list of (label, file name), and dict from label to name, empty if there is
      no classes.csv.

    Raises:
      UserError: a list is missing, empty or malformed.
    """
    rows = {split: _read_split(root, split) for split in SPLITS if split in splits}
    names_path = os.path.join(root, "lists", "classes.csv")
    names = {}
    if os.path.exists(names_path):
        table = _read_table(names_path, ("index", "name"))
        names = dict(zip(_labels_of(names_path, table["index"]), table["name"]))
        unprintable = next((name for name in names.values() if not is_text(name)), None)
        if unprintable is not None:
            raise UserError(f"{names_path} has the class name {unprintable!r}, which is not text")
    return rows, names


def _read_split(root, split):
    path = list_path(root, split)
    earlier = path.replace("_all_sub_list", "_sub_list")
    if not os.path.exists(path) and os.path.exists(earlier):
        # Among the first release's lists, only those of FGVC-Aircraft have such a file.
        raise UserError(
            f"there is no list {path}, and the first release's {os.path.basename(earlier)} beside"
            " it can't be used; python -m datasets_lists make aircrafts writes the list"
        )
    return read_csv_list(path)


def read_csv_list(path):
    """Reads one CSV list.

    Args:
      path: str, a file with the header `,label,file_name`.

    Returns:
      list of (label, file name); the labels are int if all are whole numbers, else str.

    Raises:
      UserError: the file is missing, empty or malformed, names a file twice, or a path in it is
        absolute, leaves the image folder or is not text.
    """
    table = _read_table(path, ("label", "file_name"))
    files = list(table["file_name"])
    for row, name in enumerate(files):
        if not is_path_below(name):
            raise UserError(f"{path}, row {row}: {name!r} is not a path below the image folder")
    duplicated = table["file_name"].duplicated()
    if duplicated.any():
        row = int(np.argmax(duplicated.values))
        raise UserError(f"{path}, row {row}: {files[row]} is listed twice; remove one of the rows")
    return list(zip(_labels_of(path, table["label"]), files))


def _read_table(path, columns):
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise UserError(f"{path} is not a file, so it can't be read as a CSV list")
        table = pd.read_csv(path, dtype=str, na_filter=False, skipinitialspace=True)
    except FileNotFoundError:
        raise UserError(f"there is no list {path}") from None
    except (OSError, ValueError) as error:  # pandas' parser errors and bad encodings
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} can't be read as a CSV list: {reason}") from None
    for column in columns:
        if column not in table:
            raise UserError(f"{path} has no column {column}; it needs {' and '.join(columns)}")
    if table.empty:
        raise UserError(f"{path} has a header but no rows")
    return table


def _labels_of(path, column):
    words = [word.strip() for word in column]
    for row, word in enumerate(words):
        if not word or not is_text(word):
            raise UserError(f"{path}, row {row}: {word!r} is not a label")
    try:
        return [int(word) for word in words]
    except ValueError:
        return words
