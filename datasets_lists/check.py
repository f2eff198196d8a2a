"""The dataset doctor: lists against what is published, files against lists, and every image."""

import os
import sys
from typing import Dict, NamedTuple

from config.datasets import DATASETS
from data import lists
from data.folders import SPLITS
from datasets_lists import official, repair
from datasets_lists.images import FORMATS, Facts, examine, map_over
from datasets_lists.report import Finding, Report
from utils.errors import UserError, run_script

_TOLD = 5  # files of the same content that a finding names


class _View(NamedTuple):
    """A data set as the rules look at it.

    Attributes:
      rows: dict from split to list of (label, file).
      class_map: data.lists.ClassMap.
      published: dict from split to int, empty where nothing is to be compared.
      class_counts: collection of int, the published numbers of classes.
      on_disk: set of the files below the image folder.
      sides: dict from file to the set of the splits that must not share it.
      facts: dict from file to images.Facts, of the images that were read.
    """

    rows: Dict[str, list]
    class_map: lists.ClassMap
    published: Dict[str, int]
    class_counts: tuple
    on_disk: set
    sides: Dict[str, set]
    facts: Dict[str, Facts]


def check(name, root, fix=False, subset=False, read_images=True, workers=None):
    """Examines a data set.

    Args:
      name: str from `official.NAMES`, or "custom".
      root: str, its folder.
      fix: bool, write offending images anew, see `repair.repair`.
      subset: bool, it is a part on purpose, so other counts than the published are no finding.
      read_images: bool; False looks at lists and file names alone.
      workers: int, processes; default one a core.

    Returns:
      Report.

    Raises:
      UserError: there are no lists, or they are malformed; with `fix`, an image can't be written.
    """
    spec = DATASETS[name]
    rows, class_map = _read(name, root)
    folder = lists.image_folder(root, rows["train"][0][1], spec.image_folders)
    holds_val = official.train_holds_val(name)
    view = _View(
        rows,
        class_map,
        {} if subset else spec.counts,
        tuple(official.class_counts(name).values()),
        files_below(folder),
        _sides(rows, holds_val),
        {},
    )
    repaired = []
    if read_images:
        view.facts.update(_examine(folder, sorted(view.on_disk.intersection(view.sides)), workers))
        if fix:
            repaired = repair.repair_all(folder, view.facts)
            view.facts.update(_examine(folder, [file for file, _ in repaired], workers))
    smallest, largest = _extremes(view.facts)
    return Report(
        title=spec.title,
        folder=folder,
        counts={split: len(found) for split, found in rows.items()},
        published=view.published,
        notes=("val is part of train, as the first release trains",)
        * ("val" in rows and holds_val),
        class_map=class_map.digest,
        images_per_class=_images_per_class(rows["train"], class_map),
        smallest=smallest,
        largest=largest,
        findings=tuple(finding for rule in _RULES for finding in rule(view)),
        repaired=tuple(repaired),
    )


def _read(name, root):
    """The rows of the lists that are there, or of the folders of a custom set without lists."""
    if not os.path.isdir(os.path.join(root, "lists")):
        if name == "custom":
            return lists.read_rows(root, SPLITS)
        raise UserError(
            f"{root} has no folder lists; python -m datasets_lists.make {name} writes it"
        )
    there = {s for s in SPLITS if os.path.exists(lists.list_path(root, s))}
    return lists.read_rows(root, {"train"} | there)


def files_below(folder):
    """Set of the files below a folder; what is hidden is passed over."""
    found = set()
    for directory, inner, names in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        below = os.path.relpath(directory, folder)
        found |= {os.path.normpath(os.path.join(below, n)) for n in names if n[0] != "."}
    return found


def _sides(rows, train_holds_val):
    sides = {}
    for split, found in rows.items():
        side = "train" if split == "val" and train_holds_val else split
        for _, file in found:
            sides.setdefault(os.path.normpath(file), set()).add(side)
    return sides


def _examine(folder, files, workers):
    paths = [os.path.join(folder, file) for file in files]
    return dict(zip(files, map_over(examine, paths, workers, "reading images")))


def _extremes(facts):
    """(width, height, file) of the image with the least pixels and of the one with the most."""
    sizes = [(*found.size, file) for file, found in facts.items() if found.size]
    by_pixels = sorted(sizes, key=lambda row: (row[0] * row[1], row[2]))
    return (by_pixels[0], by_pixels[-1]) if by_pixels else (None, None)


def _images_per_class(rows, class_map):
    counts = dict.fromkeys(class_map.labels, 0)
    for label, _ in rows:
        counts[label] += 1
    return [(name, counts[label]) for label, name in zip(*class_map)]


def _other_counts(view):
    for split, count in view.published.items():
        found = len(view.rows.get(split, ()))
        if found != count:
            yield Finding("counts", split, f"has {found} images, not {count}")
    found = len(view.class_map.labels)
    if view.published and found not in view.class_counts:
        expected = " or ".join(map(str, view.class_counts))
        yield Finding("counts", "train", f"has {found} classes, not {expected}")


def _unknown_labels(view):
    known = set(view.class_map.labels)
    for split, found in view.rows.items():
        for label, file in found:
            if label not in known:
                yield Finding("label", file, f"has the label {label} in the {split} list")


def _missing(view):
    for file in sorted(set(view.sides) - view.on_disk):
        yield Finding("missing", file, "")


def _unlisted(view):
    for file in sorted(view.on_disk - set(view.sides)):
        if os.path.splitext(file)[1].lower() in FORMATS:
            yield Finding("unlisted", file, "")


def _in_two_splits(view):
    for file, sides in sorted(view.sides.items()):
        if len(sides) > 1:
            yield Finding("two_splits", file, "is in " + " and in ".join(sorted(sides)))


def _same_content(view):
    """One finding a content that several files of several splits have."""
    by_content = {}
    for file, facts in sorted(view.facts.items()):
        by_content.setdefault(facts.content, []).append(file)
    for files in by_content.values():
        if len(files) > 1 and len(set().union(*(view.sides[file] for file in files))) > 1:
            told = [f"{file} ({'/'.join(sorted(view.sides[file]))})" for file in files]
            more = f" and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
            own = told[0].rsplit(" ", 1)[1]
            yield Finding("same_content", files[0], f"{own} is {', '.join(told[1:_TOLD])}{more}")


def _image_problems(view):
    for file, facts in sorted(view.facts.items()):
        for kind, detail in facts.problems:
            yield Finding(kind, file, detail)


_RULES = (
    _other_counts,
    _unknown_labels,
    _missing,
    _unlisted,
    _in_two_splits,
    _same_content,
    _image_problems,
)


if __name__ == "__main__":
    from datasets_lists.__main__ import main

    run_script("datasets_lists.check", lambda: main(["check", *sys.argv[1:]]))
