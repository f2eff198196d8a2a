"""Checks a data set: lists against published counts, files against lists, every image."""

import functools
import os
from typing import Dict, NamedTuple

from config.base_config import SETTINGS
from config.datasets import DATASETS
from data import folders, lists
from datasets_lists import official, repair
from datasets_lists.images import ImageInfo, examine, map_over
from datasets_lists.report import Problem, Report
from utils.errors import UserError

_MOST_NAMED = 5  # identical files that a problem lists


class _View(NamedTuple):
    """A data set, as the rules see it.

    Attributes:
      folder: str, the image folder.
      rows: dict from split to list of (label, file).
      class_map: data.lists.ClassMap.
      published: dict from split to int, empty if there is nothing to compare.
      class_counts: collection of int, the published numbers of classes.
      entries: list of data.folders.Entry, the content of the image folder.
      splits_of: dict from listed file to the set of splits that must not share it.
      may_leave: bool, links may lead out of the image folder, as there are no lists.
      images: dict from file to ImageInfo, for the images that were read.
    """

    folder: str
    rows: Dict[str, list]
    class_map: lists.ClassMap
    published: Dict[str, int]
    class_counts: tuple
    entries: list
    splits_of: Dict[str, set]
    may_leave: bool
    images: Dict[str, ImageInfo]


def inspect_dataset(
    name, root, fix=False, subset=False, read_images=True, workers=None, max_megapixels=None,
    folder=lists.FOLDER,
):  # fmt: skip
    """Examines a data set.

    Args:
      name: str from `official.NAMES`, or "custom".
      root: str, its folder.
      fix: bool, rewrite images that have a problem, see `repair.repair`.
      subset: bool, part of the data set is missing on purpose: ignore published counts.
      read_images: bool; False only checks lists and file names.
      workers: int, processes; default one per core.
      max_megapixels: int, larger images are not decoded; default as in training.
      folder: str, the folder of the lists below `root`; only the usual one has published counts.

    Returns:
      Report.

    Raises:
      UserError: there are no lists, or they are malformed; with `fix`, an image can't be written.
    """
    spec = DATASETS[name]
    rows, class_map = _read(name, root, folder)
    is_usual, has_lists = folder == lists.FOLDER, lists.has_lists(root, folder)
    train_holds_val = is_usual and official.train_holds_val(name)
    folder = lists.image_folder(root, rows["train"][0][1], spec.image_folders)
    view = _View(
        folder,
        rows,
        class_map,
        spec.counts if is_usual and not subset else {},
        tuple(official.class_counts(name).values()),
        folders.walk(folder) if os.path.isdir(folder) else [],
        _splits_of(rows, train_holds_val),
        not has_lists,
        {},
    )
    repaired = []
    if read_images:
        most = max_megapixels or SETTINGS["max_megapixels"].default
        there = (file for file in sorted(view.splits_of) if _is_file(view, file))
        view.images.update(_examine(folder, list(there), most, workers))
        if fix:
            repaired = repair.repair_all(folder, view.images, most)
            view.images.update(_examine(folder, [file for file, _ in repaired], most, workers))
    smallest, largest = _extremes(view.images)
    return Report(
        title=spec.title,
        folder=folder,
        counts={split: len(found) for split, found in rows.items()},
        published=view.published,
        notes=tuple(_notes(view, train_holds_val)),
        class_map=class_map.digest,
        images_per_class=_images_per_class(rows["train"], class_map),
        smallest=smallest,
        largest=largest,
        problems=tuple(problem for rule in _RULES for problem in rule(view)),
        repaired=tuple(repaired),
    )


def _read(name, root, folder):
    """The rows of the existing lists, or of the folders of a custom set without lists."""
    if not lists.has_lists(root, folder):
        is_usual = folder == lists.FOLDER
        if name == "custom" and is_usual:
            return lists.read_rows(root, folders.SPLITS)
        raise UserError(
            f"{root} has no folder {folder}; create it with python -m datasets_lists make {name}"
            f"{'' if is_usual else ' --split unseen'}"
        )
    return lists.read_rows(root, {"train", *lists.splits_of(root, folder)}, folder)


def _notes(view, train_holds_val):
    """Yields remarks that are not problems."""
    if "val" in view.rows and train_holds_val:
        yield "val is part of train, as the first release trains"
    for split, found in view.rows.items():
        labels = {label for label, _ in found}
        if lists.are_unseen(labels, view.class_map.labels):
            yield f"none of the {len(labels)} classes of {split} is in train: retrieval only"
    # If there are lists, other files are annotations.
    kinds = {"unread image", "special", "link", "system"}
    kinds |= {"other"} if view.may_leave else set()
    text = folders.left_out([e for e in view.entries if e.kind in kinds], view.splits_of)
    if text:
        yield text


def _is_file(view, file):
    """Whether a listed file is a regular one below the image folder; others are not opened."""
    is_file = os.path.isfile(os.path.join(view.folder, file))
    return is_file and (view.may_leave or not folders.leads_out(view.folder, file))


def _splits_of(rows, train_holds_val):
    splits_of = {}
    for split, found in rows.items():
        counted_as = "train" if split == "val" and train_holds_val else split
        for _, file in found:
            splits_of.setdefault(os.path.normpath(file), set()).add(counted_as)
    return splits_of


def _examine(folder, files, max_megapixels, workers):
    paths = [os.path.join(folder, file) for file in files]
    read = functools.partial(examine, max_megapixels=max_megapixels)
    return dict(zip(files, map_over(read, paths, workers, "reading images")))


def _extremes(images):
    """(width, height, file) of the images with the fewest and with the most pixels."""
    sizes = [(*found.size, file) for file, found in images.items() if found.size]
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
            yield Problem("counts", split, f"has {found} images, not {count}")
    found = len({label for rows in view.rows.values() for label, _ in rows})
    if view.published and found not in view.class_counts:
        expected = " or ".join(map(str, view.class_counts))
        yield Problem("counts", "train", f"has {found} classes, not {expected}")


def _unknown_labels(view):
    known = set(view.class_map.labels)
    for split, found in view.rows.items():
        is_unseen = lists.are_unseen({label for label, _ in found}, known)
        for label, file in found:
            if label not in known and not is_unseen:
                yield Problem("label", file, f"has the label {label} in the {split} list")


def _missing(view):
    for file in sorted(view.splits_of):
        if not _is_file(view, file):
            there = os.path.lexists(os.path.join(view.folder, file))
            reason = "is not a regular file of this folder" if there else ""
            yield Problem("missing", file, reason)


def _unlisted(view):
    for kind, file in view.entries:
        if kind == "image" and file not in view.splits_of:
            yield Problem("unlisted", file, "")


def _unread(view):
    for kind, file in view.entries:
        if kind == "unread image" and file not in view.splits_of:
            yield Problem("unread", file, "")


def _in_two_splits(view):
    for file, splits in sorted(view.splits_of.items()):
        if len(splits) > 1:
            yield Problem("two_splits", file, "is in " + " and in ".join(sorted(splits)))


def _same_content(view):
    """One problem per content shared by files of several splits."""
    by_content = {}
    for file, image in sorted(view.images.items()):
        by_content.setdefault(image.content, []).append(file)
    for files in by_content.values():
        if len(files) > 1 and len(set().union(*(view.splits_of[file] for file in files))) > 1:
            named = [f"{file} ({'/'.join(sorted(view.splits_of[file]))})" for file in files]
            more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
            own = named[0].rsplit(" ", 1)[1]
            others = ", ".join(named[1:_MOST_NAMED])
            yield Problem("same_content", files[0], f"{own} is {others}{more}")


def _image_problems(view):
    for file, image in sorted(view.images.items()):
        for kind, detail in image.problems:
            yield Problem(kind, file, detail)


_RULES = (
    _other_counts,
    _unknown_labels,
    _missing,
    _unlisted,
    _unread,
    _in_two_splits,
    _same_content,
    _image_problems,
)
