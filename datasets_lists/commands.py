"""The commands make, check and download."""

import json
import os

from config.datasets import DATASETS, FOLDS, UNSEEN_FOLDER
from data.lists import FOLDER
from datasets_lists import fetch, inspection, lists, official, split, unseen
from datasets_lists.flags import UNSEEN
from datasets_lists.report import as_json, as_text
from utils.errors import UserError
from utils.run_dir import write_json

SHARES = (0.7, 0.1, 0.2)
EXAMPLES = 3


def run(command, given, show):
    """Runs a command.

    Args:
      command: str, "make", "check" or "download".
      given: argparse.Namespace, see `flags.parse`.
      show: function that prints a str.

    Returns:
      bool, True if no problem is left.

    Raises:
      UserError: the command failed. If one of several data sets fails, the others are still done.
    """
    if command == "download":
        fetch.fetch(given.name, given.datasets_dir, show)
        return True
    work = {"make": _make, "check": _check}[command]
    if given.name == "all":
        return _run_all(work, given, show)
    if given.name != "custom":
        root = official.existing_folder_of(given.name, given.datasets_dir)
        return work(given.name, root, given, show)
    root = os.path.abspath(os.path.expanduser(given.dataset_path))
    if not os.path.isdir(root):
        raise UserError(f"--dataset_path {root} does not exist; name the folder of your images")
    return work("custom", root, given, show)


def _run_all(work, given, show):
    """Runs a command for each official data set found."""
    folders = {name: official.folder_of(name, given.datasets_dir)[0] for name in official.NAMES}
    there = [name for name in official.NAMES if os.path.isdir(folders[name])]
    if not there:
        names = ", ".join(DATASETS[name].folder for name in official.NAMES)
        parent = os.path.dirname(folders[official.NAMES[0]])
        raise UserError(
            f"none of the folders {names} is in {parent}; choose another with --datasets_dir, or"
            " use your own images with custom --dataset_path FOLDER"
        )
    clean, failed = True, []
    for name in there:
        try:
            clean = work(name, folders[name], given, show) and clean
        except UserError as error:
            show(f"{name}: error: {error}")
            failed.append(name)
    if failed:
        raise UserError(f"{len(failed)} of {len(there)} data sets failed: {', '.join(failed)}")
    return clean


def _make(name, root, given, show):
    """Writes the lists of a data set and checks it."""
    is_unseen, folder, folds = given.split == UNSEEN, FOLDER, ()
    if name == "custom" and is_unseen:
        annotations = unseen.read_own(root)
    elif name == "custom":
        seed = given.seed or 0
        annotations, groups = split.split(
            root, given.split or SHARES, seed, given.workers, given.max_megapixels
        )
        if groups:
            examples = "; ".join(", ".join(group) for group in groups[:EXAMPLES])
            show(f"near-duplicates, kept in one split: {len(groups)} groups, such as {examples}")
    else:
        annotations = official.read(name, root, given.level, given.subset)
        for source in sorted(set(annotations.sources.values())):
            show(f"read {source}")
    if is_unseen:
        folder, (annotations, folds) = UNSEEN_FOLDER, unseen.split(annotations)
    new = lists.write(root, annotations, given.overwrite, folder, folds)
    show(f"{os.path.join(root, folder)} " + ("is written" if new else "is unchanged"))
    if is_unseen:
        show(_about_unseen(annotations, folds))
    report = inspection.inspect_dataset(
        name, root, subset=given.subset, read_images=not given.skip_images, workers=given.workers,
        max_megapixels=given.max_megapixels, folder=folder,
    )  # fmt: skip
    show(as_text(report))
    return not report.problems


def _about_unseen(annotations, folds):
    """What is said about lists whose classes are split."""
    counts = [len({label for label, _ in annotations.splits[s]}) for s in ("train", "test")]
    text = "{} classes to train on, {} others to search".format(*counts)
    if folds:
        return f"{text}; fold0 to fold{len(folds) - 1} each hold out a part of the former as val"
    least = FOLDS * unseen.LEAST_HELD_OUT
    return f"{text}; no folds for validation, which need {least} classes to train on"


def _check(name, root, given, show):
    """Checks a data set, and repairs its images with --fix."""
    report = inspection.inspect_dataset(
        name, root, given.fix, given.subset, workers=given.workers,
        max_megapixels=given.max_megapixels, folder=given.lists_folder,
    )  # fmt: skip
    if given.json == "-":
        show(json.dumps(as_json(report), indent=2, sort_keys=True))
        return not report.problems
    show(as_text(report))
    if given.json:
        try:
            write_json(given.json, as_json(report))
        except OSError as error:
            raise UserError(f"{given.json} can't be written: {error.strerror}") from None
    return not report.problems
