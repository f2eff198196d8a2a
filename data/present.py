"""Checks that the images of a list exist."""

import os

from data.folders import leads_out
from utils.errors import UserError


def check_present(folder, files, split, may_leave=False):
    """Checks that the images of a list exist.

    Each directory is listed once, which is many times faster than checking each file.

    Args:
      folder: str, the image folder.
      files: list of str below it.
      split: str, for the error message.
      may_leave: bool, links may lead out of the image folder.

    Raises:
      UserError: one of them is missing, not a regular file or outside the folder, or a folder can't
        be read.
    """
    present = {}
    missing = []
    for name in files:
        below, base = os.path.split(name)
        if below not in present:
            present[below] = _regular_files(os.path.join(folder, below))
            if not may_leave and below and present[below] and leads_out(folder, below):
                raise _outside(folder, name, split)
        if base not in present[below]:
            missing.append(name)
        elif not may_leave and present[below][base] and leads_out(folder, name):
            raise _outside(folder, name, split)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(files)} images of the {split} list are missing from"
            f" {folder}, the first is {missing[0]}; restore them or correct the list"
        )


def _outside(folder, name, split):
    return UserError(
        f"{name} of the {split} list is reached by a link that leads out of {folder}; copy the"
        " image there, or remove it from the list"
    )


def _regular_files(directory):
    """Dict from regular file, or link to one, to whether it is a link; empty without a folder."""
    try:
        with os.scandir(directory) as entries:
            plain = {e.name: e.path if e.is_symlink() or not e.is_file() else "" for e in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(f"the folder {directory} can't be read: {error.strerror}") from None
    return {name: path != "" for name, path in plain.items() if not path or os.path.isfile(path)}
