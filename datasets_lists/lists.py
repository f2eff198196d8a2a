"""Writes the list files of a data set, all or none."""

import csv
import io
import os
import shutil

from data.lists import FOLDER, list_path
from utils.errors import UserError

SPLITS = ("train", "val", "trainval", "test")


def texts_of(annotations):
    """The content of the folder lists.

    Args:
      annotations: Annotations.

    Returns:
      dict from file name to text: one list per split, and classes.csv.
    """
    rows_of = {
        os.path.basename(list_path("", split)): [("", "label", "file_name")]
        + [(i, label, file) for i, (label, file) in enumerate(rows)]
        for split, rows in annotations.splits.items()
    }
    rows_of["classes.csv"] = [("index", "name"), *enumerate(annotations.class_names)]
    return {name: _as_csv(rows) for name, rows in rows_of.items()}


def _as_csv(rows):
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def write(root, annotations, overwrite=False, folder=FOLDER, folds=()):
    """Writes lists/*.csv of a data set, replacing the folder atomically.

    Identical existing lists are left untouched. Other files in the folder are kept.

    Args:
      root: str, the data set's folder.
      annotations: Annotations.
      overwrite: bool, replace lists that differ.
      folder: str, the folder of the lists below `root`.
      folds: sequence of Annotations, written to the subfolders fold0, fold1, ...

    Returns:
      bool, whether anything was written.

    Raises:
      UserError: there are different lists and `overwrite` is False, or the folder can't be written.
    """
    folder = os.path.realpath(os.path.join(root, folder))
    parts = {"": annotations, **{f"fold{number}": fold for number, fold in enumerate(folds)}}
    texts = {
        os.path.join(part, name): text
        for part, found in parts.items()
        for name, text in texts_of(found).items()
    }
    names = [os.path.basename(list_path("", split)) for split in SPLITS] + ["classes.csv"]
    known = [os.path.join(part, name) for part in parts for name in names]
    try:
        there = {name: _read(os.path.join(folder, name)) for name in known}
        there = {name: text for name, text in there.items() if text is not None}
        if there == texts:
            return False
        differing = [name for name in there if there[name] != texts.get(name)]
        if differing and not overwrite:
            raise UserError(
                f"{os.path.join(folder, differing[0])} already exists and differs from the new"
                " list; keep it, or replace the lists with --overwrite"
            )
        _replace(folder, texts, known)
    except OSError as error:
        raise UserError(f"{folder} can't be written: {error.strerror}") from None
    return True


def _read(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _replace(folder, texts, known):
    """Builds the new folder beside the old one, then swaps them by renaming."""
    parent, name = os.path.split(folder)
    new, old = (os.path.join(parent, f".{name}.{word}{os.getpid()}") for word in ("new", "old"))
    try:
        os.mkdir(new)
        for file in os.listdir(folder) if os.path.isdir(folder) else ():
            if file not in known:
                _copy(os.path.join(folder, file), os.path.join(new, file))
        for file, text in texts.items():
            os.makedirs(os.path.dirname(os.path.join(new, file)), exist_ok=True)
            with open(os.path.join(new, file), "w", encoding="utf-8", newline="") as out:
                out.write(text)
        if os.path.isdir(folder):
            os.rename(folder, old)
        os.rename(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if os.path.isdir(folder):
            shutil.rmtree(old, ignore_errors=True)


def _copy(source, target):
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
