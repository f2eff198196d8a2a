"""Checks that the images of a list exist."""

import os

from utils.errors import UserError


def check_present(folder, files, split):
    """Checks that the images of a list exist.

    Each directory is listed once, which is many times faster than checking each file.

    Args:
      folder: str, the image folder.
      files: list of str below it.
      split: str, for the error message.

    Raises:
      UserError: one of them is missing or not a regular file, or a folder can't be read.
    """
    present = {}
    missing = []
    for name in files:
        directory = os.path.join(folder, os.path.dirname(name))
        if directory not in present:
            present[directory] = _regular_files(directory)
        if os.path.basename(name) not in present[directory]:
            missing.append(name)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(files)} images of the {split} list are missing from"
            f" {folder}, the first is {missing[0]}; restore them or correct the list"
        )


def _regular_files(directory):
    """Set of the regular files, and links to them, in a directory; empty if it is missing."""
    try:
        with os.scandir(directory) as entries:
            plain = {e.name: e.path if e.is_symlink() or not e.is_file() else "" for e in entries}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        raise UserError(f"the folder {directory} can't be read: {error.strerror}") from None
    return {name for name, path in plain.items() if not path or os.path.isfile(path)}
