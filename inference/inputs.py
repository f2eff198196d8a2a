"""Finds the image files named on the command line; only opens regular files."""

import csv
import glob
import os
import stat
import sys

from data.folders import IMAGE_ENDINGS
from utils.errors import UserError

COLUMNS = ("file_name", "file")


def expand(words):
    """Finds the images that the user named.

    Args:
      words: list of str: files, folders, globs, .csv files with a column `file_name` or `file`, or
        "-" for names on standard input.

    Returns:
      list of str, in the given order; those of folders and globs sorted. The name of a single file
      is kept even if it does not exist, see `problem_of`.

    Raises:
      UserError: a folder without an image, a glob without a match, or a .csv that can't be read.
    """
    paths = []
    for word in words:
        if word == "-":
            paths += _names_on_stdin()
        elif os.path.isdir(word):
            paths += images_below(word)
        elif word.lower().endswith(".csv"):
            paths += _names_of_csv(word)
        elif not os.path.lexists(word) and glob.has_magic(word):
            paths += _names_of_glob(word)
        else:
            paths.append(word)
    if not paths:
        raise UserError("standard input is empty; pipe in the names of images")
    return paths


def images_below(folder):
    """Lists the images in a folder and its subfolders.

    Args:
      folder: str.

    Returns:
      list of str, sorted, each starting with `folder`.

    Raises:
      UserError: there is none.
    """
    found, others = [], 0
    for directory, _, names in os.walk(folder):
        images = [n for n in names if n.lower().endswith(IMAGE_ENDINGS) and not n.startswith(".")]
        found += [os.path.join(directory, name) for name in images]
        others += len(names) - len(images)
    if not found:
        what = f"holds {others} files, but no image" if others else "is empty"
        raise UserError(f"the folder {folder} {what} ({', '.join(IMAGE_ENDINGS)})")
    return sorted(found)


def problem_of(path):
    """Explains why a file can't be an image, without opening it.

    Args:
      path: str.

    Returns:
      str, or None if it may be an image.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return (getattr(error, "strerror", None) or str(error)).lower()
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_size == 0:
        return "the file is empty"
    return None if os.access(path, os.R_OK) else "permission denied"


def _names_on_stdin():
    contents = sys.stdin.buffer.read()
    separator = b"\0" if b"\0" in contents else b"\n"
    return [os.fsdecode(name) for name in contents.split(separator) if name]


def _names_of_glob(pattern):
    found = sorted(glob.glob(pattern, recursive=True))
    paths = [path for path in found if not os.path.isdir(path)]
    if not paths:
        raise UserError(f"no file matches {pattern}")
    return paths


def _names_of_csv(path):
    reason = problem_of(path)
    if reason is not None:
        raise UserError(f"the list {path} can't be read: {reason}")
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            reader = csv.DictReader(file, strict=True)
            column = next((name for name in COLUMNS if name in (reader.fieldnames or ())), None)
            if column is None:
                raise UserError(f"the list {path} has no column {' or '.join(COLUMNS)}")
            names = [row[column] for row in reader]
    except (OSError, csv.Error) as error:
        raise UserError(f"the list {path} can't be read: {error}") from None
    if not all(names):
        raise UserError(f"the list {path} has a row without a file name")
    if not names:
        raise UserError(f"the list {path} has a header but no rows")
    return [os.path.join(os.path.dirname(path), name) for name in names]
