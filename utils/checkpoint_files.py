"""Finds checkpoint files by listing their folder, and removes old ones.

TensorFlow's own search treats the folder's name as a glob pattern, so that `run[1]` has no
checkpoints and `a?b` has those of `a1b`, and it trusts the file `checkpoint`, which may be damaged.
"""

import atexit
import contextlib
import os
import re
import shutil
import tempfile

from utils import checkpoint_index

_ENDS = r"\.index|\.meta|\.data-\d{5}-of-\d{5}"
_TEMPORARY = ".tempstate"


def _ends_by_step(folder, name):
    """Dict from a step to the suffixes of its checkpoint's files, such as ".index"."""
    pattern = re.compile(rf"{re.escape(name)}-(0|[1-9]\d*)((?:{_ENDS})(?:\.tempstate\d+)?)", re.A)
    found = {}
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        match = pattern.fullmatch(file)
        if match:
            found.setdefault(int(match.group(1)), []).append(match.group(2))
    return found


def prefixes(folder, name):
    """Prefixes of a folder's checkpoints, newest first, intact or not.

    Args:
      folder: str.
      name: str, the checkpoints' name before the step.

    Returns:
      list of str; a checkpoint is listed if it has an index or a data file.
    """
    steps = [
        step
        for step, ends in _ends_by_step(folder, name).items()
        if any(_TEMPORARY not in end and end != ".meta" for end in ends)
    ]
    return [os.path.join(folder, f"{name}-{step}") for step in sorted(steps, reverse=True)]


def plain_prefix(prefix):
    """A name of a checkpoint that TensorFlow does not treat as a pattern.

    Args:
      prefix: str.

    Returns:
      str, the prefix itself, or that of links to its files that last until the process ends.
    """
    if not set(prefix) & set("*?[\\"):
        return prefix
    scratch = tempfile.mkdtemp(prefix="checkpoint-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    folder, name = os.path.split(os.path.abspath(prefix))
    for file in os.listdir(folder):
        if file == name or file.startswith(name + "."):
            link = os.path.join(scratch, "checkpoint" + file[len(name) :])
            os.symlink(os.path.join(folder, file), link)
    return os.path.join(scratch, "checkpoint")


def remove_unfinished(folder, name):
    """Removes the files of unfinished saves, including data files without an index.

    Args:
      folder: str; it may be missing.
      name: str, the checkpoints' name before the step.
    """
    for step, ends in _ends_by_step(folder, name).items():
        was_killed = ".index" not in ends and any(e.startswith(".index") for e in ends)
        for end in ends:
            if _TEMPORARY in end or was_killed:
                _remove(folder, f"{name}-{step}{end}")


def remove_old(folder, name, newest, keep):
    """Removes all checkpoints but the newest intact ones.

    Those after step `newest`, which has just been saved, must be damaged: otherwise the run would
    have resumed from them.

    Args:
      folder: str.
      name: str, the checkpoints' name before the step.
      newest: int, step.
      keep: int, how many to keep.
    """
    ends = _ends_by_step(folder, name)
    whole = [
        step
        for step in sorted(ends, reverse=True)
        if step <= newest
        and checkpoint_index.damage(os.path.join(folder, f"{name}-{step}")) is None
    ]
    for step in set(ends) - set(whole[:keep]):
        for end in ends[step]:
            _remove(folder, f"{name}-{step}{end}")


def _remove(folder, file):
    with contextlib.suppress(OSError):
        os.remove(os.path.join(folder, file))
