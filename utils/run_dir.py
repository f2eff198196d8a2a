"""The run folder: creating, resuming, locking and clearing it, and atomic file writes."""

import contextlib
import csv
import itertools
import json
import os
import re
import shutil

from utils.errors import UserError, writing_to
from utils.lock import LOCK_FILE

ARGS_FILE = "args.json"
CLASSES_FILE = "classes.csv"
ADVICE_FILE = "advice.json"
_CLASSES_HEADER = ["index", "label", "name"]


def write_json(path, value):
    """Writes JSON atomically: a reader sees either the old file or the new one."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path, text):
    """Writes a text file atomically."""
    with writing_to(path), open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)


def exists(path, on_exist):
    """Checks a run folder without changing it.

    Args:
      path: str.
      on_exist: str, "resume", "overwrite" or "fail": what to do with a run that already exists.

    Returns:
      bool, whether there is a run to resume.

    Raises:
      UserError: `path` is something else, or `on_exist` forbids it.
    """
    if not os.path.exists(os.path.join(path, ARGS_FILE)):
        if os.path.isfile(path) or (os.path.isdir(path) and set(os.listdir(path)) - {LOCK_FILE}):
            raise UserError(
                f"{path} exists but is not a run folder (it has no {ARGS_FILE}); choose another"
                " --run_dir"
            )
        return False
    if on_exist == "fail":
        raise UserError(f"the run folder {path} already exists, and --on_exist is fail")
    return on_exist == "resume"


def make(path):
    """Creates the run folder if it is missing.

    Raises:
      UserError: it can't be written, or something in it is a file instead of a folder or the
        other way round.
    """
    check_kinds(path)
    try:
        os.makedirs(path, exist_ok=True)
        write_text(os.path.join(path, ".writable"), "")
        os.remove(os.path.join(path, ".writable"))
    except OSError as error:
        raise UserError(f"the run folder {path} can't be written: {error.strerror}") from None


def check_kinds(path, log_name="log"):
    """Checks that nothing in a run folder is a folder instead of a file or the other way round.

    Raises:
      UserError: something is.
    """
    kinds = {
        "file": (ARGS_FILE, CLASSES_FILE, "metrics.csv", ADVICE_FILE, f"{log_name}.txt"),
        "folder": ("best", "eval"),
    }
    for kind, names in kinds.items():
        is_right = os.path.isfile if kind == "file" else os.path.isdir
        for name in names:
            place = os.path.join(path, name)
            if os.path.exists(place) and not is_right(place):
                raise UserError(f"{place} is not a {kind}, which a run needs there: move it away")


def clear(path, log_name, checkpoint_name):
    """Removes what a run wrote into its folder, and nothing else.

    Args:
      path: str, the run folder.
      log_name: str, the log's name without its .txt.
      checkpoint_name: str, the checkpoints' name before the step.

    Raises:
      UserError: a file can't be removed.
    """
    files = {ARGS_FILE, CLASSES_FILE, ADVICE_FILE, f"{log_name}.txt", "metrics.csv"}
    files |= {"curves.png", "checkpoint"}
    starts = (f"{checkpoint_name}-", "events.out.tfevents.")
    try:
        for folder in (path, os.path.join(path, "best")):
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                if name in files or name.startswith(starts):
                    os.remove(os.path.join(folder, name))
        shutil.rmtree(os.path.join(path, "eval"), ignore_errors=True)
        with contextlib.suppress(OSError):  # it contains the user's files
            os.rmdir(os.path.join(path, "best"))
    except OSError as error:
        raise UserError(f"{error.filename} can't be removed: {error.strerror}") from None


def write_classes(folder, labels, names):
    """Writes the class map of a run, classes.csv: index, label, name."""
    path = os.path.join(folder, CLASSES_FILE)
    with open(path + ".tmp", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_CLASSES_HEADER)
        writer.writerows((i, label, name) for i, (label, name) in enumerate(zip(labels, names)))
    os.replace(path + ".tmp", path)


def read_classes(folder):
    """Reads the class map of a run.

    Args:
      folder: str, the run folder.

    Returns:
      list of C (label, name), both str, in the order of their indices.

    Raises:
      UserError: it is missing or can't be read.
    """
    path = os.path.join(folder, CLASSES_FILE)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = [*csv.reader(file)] or [[]]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}, the classes of the run, can't be read: {error}") from None
    if header != _CLASSES_HEADER:
        first = ",".join(_CLASSES_HEADER)
        raise UserError(f"{path}, the classes of the run, is damaged: its first line isn't {first}")
    for index, row in enumerate(rows):
        is_text = re.search("[\0-\x1f]", "".join(row)) is None
        if len(row) != 3 or row[0] != str(index) or not is_text:
            raise UserError(f"{path}, the classes of the run, is damaged at class {index}")
    return [(label, name) for _, label, name in rows]


def check_classes(folder, labels, names):
    """Compares the class map of a run with the data set's.

    Args:
      folder: str, the run folder.
      labels: sequence of C int or str.
      names: sequence of C str.

    Raises:
      UserError: they differ, so the images would be scored under the wrong classes, or
        classes.csv can't be read.
    """
    old = read_classes(folder)
    new = [(str(label), name) for label, name in zip(labels, names)]
    if old == new:
        return
    what = f"it had {len(old)}, now there are {len(new)}"
    for index, (before, now) in enumerate(zip(old, new)):
        if before != now:
            what = f"class {index} was {before[-1]}, now it is {now[-1]}"
            break
    raise UserError(f"the classes of the data set differ from those of the run {folder}: {what}")


def keep_damaged(path):
    """Renames a file to an unused name and returns its new path."""
    kept = _unused(path)
    os.rename(path, kept)
    return kept


def copy_damaged(path):
    """Copies a file, which is about to be replaced, to an unused name and returns that."""
    kept = _unused(path)
    shutil.copyfile(path, kept)
    return kept


def _unused(path):
    numbers = itertools.chain([""], (f".{n}" for n in itertools.count(2)))
    return next(p for p in (f"{path}.damaged{n}" for n in numbers) if not os.path.lexists(p))
