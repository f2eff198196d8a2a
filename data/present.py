"""Checks that listed images exist, before a run needs them."""

import os

from data.folders import leads_out
from utils.errors import UserError


def check_present(image_lists, may_leave=False):
    """Checks that the listed images exist.

    Each directory is listed once, which is many times faster than checking each file.

    Args:
      image_lists: dict from split to data.lists.ImageList.
      may_leave: bool, links may lead out of the image folder.

    Raises:
      UserError: one of them is missing, not a regular file or outside the folder, or a folder can't
        be read.
    """
    missing = {split: set(part.files) for split, part in image_lists.items()}
    places = {}
    for part in image_lists.values():
        starts = dict.fromkeys([name[: name.rfind("/") + 1] for name in part.files])
        places.update(dict.fromkeys((part.folder, start) for start in starts))
    for folder, start in places:
        present = _regular_files(os.path.join(folder, start))
        outside = set() if may_leave else _outside(folder, start, present)
        paths = list(map(start.__add__, present))
        for split, part in image_lists.items():
            if part.folder == folder:
                _refuse(folder, outside & missing[split], split)
                missing[split].difference_update(paths)
    for split, (folder, files, *_) in image_lists.items():
        if missing[split]:
            first = next(name for name in files if name in missing[split])
            raise UserError(
                f"{len(missing[split])} of {len(files)} images of the {split} list are missing from"
                f" {folder}, the first is {first}; restore them or correct the list"
            )


def _outside(folder, start, present):
    """The names of the files in a directory of the image folder that links lead out of it."""
    if start and leads_out(folder, start):
        return set(map(start.__add__, present))
    links = (start + name for name, is_link in present.items() if is_link)
    return {name for name in links if leads_out(folder, name)}


def _refuse(folder, names, split):
    if names:
        raise UserError(
            f"{min(names)} of the {split} list is reached by a link that leads out of {folder};"
            " copy the image there, or remove it from the list"
        )


def _regular_files(directory):
    """Dict from regular file, or link to one, to whether it is a link; empty without a folder."""
    try:
        with os.scandir(directory) as found:
            entries = list(found)
        names = {e.name: False for e in entries if e.is_file(follow_symlinks=False)}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise UserError(f"the folder {directory} can't be read: {error.strerror}") from None
    if len(names) < len(entries):
        links = [e for e in entries if e.name not in names and os.path.isfile(e.path)]
        names.update((e.name, True) for e in links)
    return names
