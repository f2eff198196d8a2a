"""The CSV lists of a data set: lists/<split>_all_sub_list.csv and lists/classes.csv.

Another folder than lists can hold other lists of the same images. A list has the header
`,label,file_name`: row index, label, path below the image folder.
"""

import csv
import os
import sys

from data.folders import SPLITS, first_not_below, is_text
from utils.errors import UserError

FOLDER = "lists"


def list_path(root, split, folder=FOLDER):
    """Path of a split's CSV list."""
    return os.path.join(root, folder, f"{split}_all_sub_list.csv")


def read_csv_lists(root, splits, folder=FOLDER):
    """Reads the lists of some splits and the names of the classes.

    Args:
      root: str, a data set's folder.
      splits: collection of str from `SPLITS`.
      folder: str, the folder of the lists below it.

    Returns:
      dict from split to list of (label, file name), and dict from label to name, empty if there is
      no classes.csv.

    Raises:
      UserError: a list is missing, empty or malformed.
    """
    rows = {split: _read_split(root, split, folder) for split in SPLITS if split in splits}
    names_path = os.path.join(root, folder, "classes.csv")
    names = {}
    if os.path.exists(names_path):
        indices, words = _read_columns(names_path, ("index", "name"))
        unprintable = next((word for word in words if not is_text(word)), None)
        if unprintable is not None:
            raise UserError(f"{names_path} has the class name {unprintable!r}, which is not text")
        names = dict(zip(_labels_of(names_path, indices), words))
    return rows, names


def _read_split(root, split, folder):
    path = list_path(root, split, folder)
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
    words, files = _read_columns(path, ("label", "file_name"))
    row = first_not_below(files)
    if row is not None:
        raise UserError(f"{path}, row {row}: {files[row]!r} is not a path below the image folder")
    if len(set(files)) < len(files):
        row = _first_repeated(files)
        raise UserError(f"{path}, row {row}: {files[row]} is listed twice; remove one of the rows")
    return list(zip(_labels_of(path, words), files))


def _first_repeated(values):
    seen = set()
    return next(i for i, value in enumerate(values) if value in seen or seen.add(value))


def _read_columns(path, names):
    """Reads two columns of a CSV file: lists of str, of which the first has few distinct ones."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path} is not a file, so it can't be read as a CSV list")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, skipinitialspace=True, strict=True)
            header = next(rows, None)
            if header is None:
                raise ValueError("it is empty")
            for name in names:
                if name not in header:
                    needed = " and ".join(names)
                    raise UserError(f"{path} has no column {name}; it needs {needed}")
            columns = _columns_of(rows, len(header), *map(header.index, names))
    except FileNotFoundError:
        raise UserError(f"there is no list {path}") from None
    except (OSError, ValueError, csv.Error) as error:  # ValueError: it is not UTF-8
        raise UserError(f"{path} can't be read as a CSV list: {error}") from None
    if not columns[0]:
        raise UserError(f"{path} has a header but no rows")
    return columns


def _columns_of(rows, width, first, second):
    columns = [], []
    for row in rows:
        if len(row) == width:
            columns[0].append(sys.intern(row[first]))
            columns[1].append(row[second])
        elif row:  # else it is a blank line
            raise ValueError(f"row {len(columns[0])} has {len(row)} fields instead of {width}")
    return columns


def _labels_of(path, words):
    """The labels of a column: int if all are whole numbers, else str."""
    labels = {word: word.strip() for word in dict.fromkeys(words)}
    for word, label in labels.items():
        if not label or not is_text(label):
            raise UserError(f"{path}, row {words.index(word)}: {label!r} is not a label")
    try:
        labels = {word: int(label) for word, label in labels.items()}
    except ValueError:
        pass
    return [labels[word] for word in words]
