"""The content of official annotation files, and helpers to read them with clear errors."""

import os
from typing import Dict, NamedTuple, Optional, Tuple

from datasets_lists import mat_file
from utils.errors import UserError

# The end of an error message about a wrong file.
WRONG_FILE = "it is truncated or another version; datasets_lists/README.md shows the right one"


class Annotations(NamedTuple):
    """The classes and the images of a data set.

    Attributes:
      class_names: tuple of C str, in the order of the labels 0 .. C - 1.
      splits: dict from split ("train", "test", and perhaps "val" and "trainval") to list of (label,
        file name below the image folder), in the order of the official file.
      sources: dict from split to str, the file that it was read from.
    """

    class_names: Tuple[str, ...]
    splits: Dict[str, list]
    sources: Dict[str, str]


class Download(NamedTuple):
    """A file with a direct address on the data set's own site.

    Attributes:
      url: str.
      size: int, bytes.
      gives: tuple of str, the resulting paths below the data set's folder.
      sha256: str, if known.
      md5: str, if the site publishes nothing better.
      into: str, the folder to unpack an archive into, relative to the data set's.
    """

    url: str
    size: int
    gives: Tuple[str, ...]
    sha256: Optional[str] = None
    md5: Optional[str] = None
    into: str = ""


def refuse_missing(path):
    """Raises a UserError if a file is missing or empty."""
    if not os.path.isfile(path):
        raise UserError(f"there is no {path}; datasets_lists/README.md shows the expected files")
    if not os.path.getsize(path):
        raise UserError(f"{path} is empty; get it again")


def read_lines(path):
    """Reads a text file.

    Args:
      path: str.

    Returns:
      list of str, its lines except blank ones.

    Raises:
      UserError: it is missing, empty or not text.
    """
    refuse_missing(path)
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} can't be read as text: {error}") from None
    return [line for line in lines if line]


def read_columns(path, *columns):
    """Reads a text file with columns of words; the last column may contain spaces.

    Args:
      path: str.
      *columns: str, names of the columns for error messages.

    Returns:
      list of rows, each a list of str.

    Raises:
      UserError: it is missing or empty, or a row has too few columns.
    """
    rows = [line.split(None, len(columns) - 1) for line in read_lines(path)]
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise UserError(
                f"{path}, row {number}: {' '.join(row)!r} is not {' and '.join(columns)};"
                f" {WRONG_FILE}"
            )
    return rows


def read_mat(path, *names):
    """Reads variables of a MATLAB file.

    Args:
      path: str.
      *names: str.

    Returns:
      list of variables, see `mat_reader.answer`.

    Raises:
      UserError: the file is missing, damaged, or has no such variable.
    """
    refuse_missing(path)
    variables, reason = mat_file.load(path, names)
    if reason:
        raise UserError(f"{path} is damaged or not a MATLAB file ({reason}); {WRONG_FILE}")
    for name in names:
        if name not in variables:
            raise UserError(f"{path} has no variable {name}; {WRONG_FILE}")
    return [variables[name] for name in names]


def column(path, variable, kind):
    """The values of an array, or of cells that hold one value each.

    Args:
      path: str, the file, for an error.
      variable: see `mat_reader.answer`.
      kind: type, int or str.

    Returns:
      list of `kind` values, not empty.

    Raises:
      UserError: there is no value, or one is missing or of the wrong type.
    """
    try:
        values = [kind(value) for value in variable]
        if (
            not values
            or isinstance(variable, dict)
            or None in variable
            or (kind is int and values != variable)
        ):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise UserError(f"{path} has an entry without a value; {WRONG_FILE}") from None
    return values


def field(path, records, name, kind):
    """The values of a field of records, see `column`.

    Raises:
      UserError: the records have no such field.
    """
    if name not in records or isinstance(records, list):
        raise UserError(f"{path} has no field {name} in its annotations; {WRONG_FILE}")
    return column(path, records[name], kind)


def labelled(path, labels, class_names):
    """Checks official labels, which start at 1, and returns them starting at 0.

    Args:
      path: str, the file, for an error.
      labels: list of int.
      class_names: sequence of C str.

    Returns:
      list of int in [0, C).

    Raises:
      UserError: one of them is out of range.
    """
    for label in labels:
        if not 1 <= label <= len(class_names):
            raise UserError(
                f"{path} has the label {label}, but there are {len(class_names)} classes;"
                f" {WRONG_FILE}"
            )
    return [label - 1 for label in labels]
