"""The run folder: made, resumed or refused, and the files written into it in one piece."""

import csv
import json
import os
import shutil

from utils.errors import UserError

ARGS_FILE = "args.json"
CLASSES_FILE = "classes.csv"


def write_json(path, value):
    """Writes JSON in one piece: a reader finds the old file or the new one."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def write_text(path, text):
    """Writes a text file in one piece."""
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".tmp", path)


def inspect(path, on_exist):
    """Looks at a run folder without touching it.

    Args:
      path: str.
      on_exist: str, "resume", "overwrite" or "fail": what to do with a run that is there already.

    Returns:
      dict, the args.json of the run to resume; None for a new run.

    Raises:
      UserError: something else is there, or `on_exist` forbids it.
    """
    args_path = os.path.join(path, ARGS_FILE)
    if not os.path.exists(args_path):
        if os.path.isfile(path) or (os.path.isdir(path) and os.listdir(path)):
            raise UserError(
                f"{path} is there and is not a run folder (it has no {ARGS_FILE}); choose another"
                " --checkpoint_dir"
            )
        return None
    if on_exist == "fail":
        raise UserError(f"the run folder {path} is there already, and --on_exist is fail")
    if on_exist == "overwrite":
        return None
    try:
        with open(args_path, encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{args_path} can't be read: {error}") from None


def make(path, on_exist):
    """Makes the run folder, emptied first where `on_exist` is "overwrite".

    Raises:
      UserError: it can't be written.
    """
    try:
        if on_exist == "overwrite" and os.path.isdir(path):
            shutil.rmtree(path)
        os.makedirs(path, exist_ok=True)
        write_text(os.path.join(path, ".writable"), "")
        os.remove(os.path.join(path, ".writable"))
    except OSError as error:
        raise UserError(f"the run folder {path} can't be written: {error.strerror}") from None


def changed(stored, current):
    """Settings whose values differ.

    Args:
      stored: dict, of an earlier run.
      current: dict, of this one.

    Returns:
      dict from name to (stored value, current value), for the names of `current`.
    """
    current = json.loads(json.dumps(current))
    return {
        name: (stored.get(name), value)
        for name, value in current.items()
        if stored.get(name) != value
    }


def write_classes(folder, labels, names):
    """Writes the class map of a run, classes.csv: index, label, name."""
    path = os.path.join(folder, CLASSES_FILE)
    with open(path + ".tmp", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "label", "name"])
        writer.writerows((i, label, name) for i, (label, name) in enumerate(zip(labels, names)))
    os.replace(path + ".tmp", path)


def check_classes(folder, labels, names):
    """Compares the class map of a run with the data set's.

    Args:
      folder: str, the run folder.
      labels: sequence of C int or str.
      names: sequence of C str.

    Raises:
      UserError: they differ, so the images would be scored under the wrong classes.
    """
    path = os.path.join(folder, CLASSES_FILE)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            old = [tuple(row[1:]) for row in csv.reader(file)][1:]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}, the classes of the run, can't be read: {error}") from None
    new = [(str(label), name) for label, name in zip(labels, names)]
    if old == new:
        return
    what = f"it had {len(old)}, now there are {len(new)}"
    for index, (before, now) in enumerate(zip(old, new)):
        if before != now:
            what = f"class {index} was {before[-1]}, now it is {now[-1]}"
            break
    raise UserError(f"the data set has other classes than the run {folder}: {what}")
