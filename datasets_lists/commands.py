"""What the commands make and check do, with the flags that `flags.parse` gives."""

import json
import os

from config.datasets import DATASETS
from datasets_lists import check as checking
from datasets_lists import lists, official, split
from datasets_lists.report import as_json, as_text
from utils.errors import UserError
from utils.run_dir import write_json

SHARES = (0.7, 0.1, 0.2)
EXAMPLES = 3


def each(flags, work, say):
    """Does the work of a command for the data set of the flags, or for all that are in place.

    Args:
      flags: argparse.Namespace.
      work: `make` or `check`.
      say: function of a str, that shows it.

    Returns:
      bool, whether all of them are clean.

    Raises:
      UserError: it could not be done. Of several data sets, one that fails stops no other.
    """
    if flags.name == "custom":
        root = os.path.abspath(os.path.expanduser(flags.dataset_path))
        if not os.path.isdir(root):
            raise UserError(f"there is no folder {root}, which --dataset_path names")
        return work("custom", root, flags, say)
    if flags.name != "all":
        root = official.existing_folder_of(flags.name, flags.datasets_dir)
        return work(flags.name, root, flags, say)
    return _all(flags, work, say)


def _all(flags, work, say):
    folders = {name: official.folder_of(name, flags.datasets_dir)[0] for name in official.NAMES}
    there = [name for name in official.NAMES if os.path.isdir(folders[name])]
    if not there:
        told = ", ".join(DATASETS[name].folder for name in official.NAMES)
        parent = os.path.dirname(folders[official.NAMES[0]])
        raise UserError(
            f"none of the folders {told} is below {parent}; name another with --datasets_dir, or"
            " your own images with custom --dataset_path FOLDER"
        )
    clean, failed = True, []
    for name in there:
        try:
            clean = work(name, folders[name], flags, say) and clean
        except UserError as error:
            say(f"{name}: error: {error}")
            failed.append(name)
    if failed:
        raise UserError(f"{len(failed)} of {len(there)} data sets failed: {', '.join(failed)}")
    return clean


def make(name, root, flags, say):
    """Writes the lists of a data set and checks it.

    Args:
      name: str.
      root: str, its folder.
      flags: argparse.Namespace.
      say: function of a str, that shows it.

    Returns:
      bool, whether the check found nothing.

    Raises:
      UserError: the lists can't be written.
    """
    if name == "custom":
        seed = flags.seed or 0
        annotations, groups = split.split(root, flags.split or SHARES, seed, flags.workers)
        if groups:
            told = "; ".join(", ".join(group) for group in groups[:EXAMPLES])
            say(f"near-duplicates, each group kept in one split: {len(groups)} groups, as {told}")
    else:
        annotations = official.read(name, root, flags.level, flags.subset)
        for source in sorted(set(annotations.sources.values())):
            say(f"read {source}")
    new = lists.write(root, annotations, flags.overwrite)
    say(f"{os.path.join(root, 'lists')} " + ("is written" if new else "is there and the same"))
    report = checking.check(
        name, root, subset=flags.subset, read_images=not flags.skip_images, workers=flags.workers
    )
    say(as_text(report))
    return not report.findings


def check(name, root, flags, say):
    """Checks a data set, and repairs its images where the flags say so.

    Args:
      name: str.
      root: str, its folder.
      flags: argparse.Namespace.
      say: function of a str, that shows it.

    Returns:
      bool, whether nothing is found, or nothing is left.

    Raises:
      UserError: the check can't run, or the JSON can't be written.
    """
    report = checking.check(name, root, flags.fix, flags.subset, workers=flags.workers)
    if flags.json == "-":
        say(json.dumps(as_json(report), indent=2, sort_keys=True))
        return not report.findings
    say(as_text(report))
    if flags.json:
        try:
            write_json(flags.json, as_json(report))
        except OSError as error:
            raise UserError(f"{flags.json} can't be written: {error.strerror}") from None
    return not report.findings
