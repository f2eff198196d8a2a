"""From one folder per class to rows of (label, file name), split if there is no split yet."""

import os
import re
from typing import NamedTuple

import numpy as np

from utils.errors import UserError

SPLITS = ("train", "val", "test")
# TensorFlow 1.15 can't decode WebP; there a run stops at the first such image and names it.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp")
UNREAD_IMAGE_ENDINGS = (
    ".heic", ".heif", ".tif", ".tiff", ".avif", ".jp2", ".j2k", ".jxl", ".jpe", ".ppm", ".pgm",
    ".tga", ".psd", ".svg", ".ico", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw",
)  # fmt: skip
CONVERT = "convert them to JPEG or PNG"
# Left behind by file managers and network drives, as is any name that begins with a dot.
_SYSTEM_NAMES = {
    "__macosx", "@eadir", "@recycle", "#recycle", "$recycle.bin", "system volume information",
    "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r",
}  # fmt: skip
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What a folder of lists holds; it is not one of a class.
_LIST = re.compile(r"^[^/]+/train_all_sub_list\.csv$")
# Images without lists or splits are divided by these fractions of each class.
VAL_SHARE, TEST_SHARE, SPLIT_SEED = 0.1, 0.2, 0


class Entry(NamedTuple):
    """Something in a folder.

    Attributes:
      kind: str, "folder" or a key of `_LEFT_OUT`.
      name: str, its path below the folder that was walked.
    """

    kind: str
    name: str


# Kind -> what skipped files of it are called: singular, plural.
_LEFT_OUT = {
    "image": ("image outside the class folders", "images outside the class folders"),
    "unread image": ("{} file", "{} files"),
    "system": ("system file or folder", "system files or folders"),
    "special": ("name that is not a regular file", "names that are not regular files"),
    "link": ("link to a folder that is read already", "links to folders that are read already"),
    "other": ("other file", "other files"),
}


def is_text(name):
    """Whether a name is valid UTF-8 without control characters and line breaks."""
    return not _UNPRINTABLE.search(name)


def is_path_below(name):
    """Whether a listed file name is a path below the image folder."""
    return bool(name) and is_text(name) and not os.path.isabs(name) and ".." not in name.split("/")


def first_not_below(names):
    """Index of the first name for which `is_path_below` is false; None if there is none.

    The names are looked at one by one only if something about all of them together is unusual.
    """
    text = "\n".join(["", *names, ""])
    if "".join(names).isprintable() and not any(part in text for part in ("\n\n", "\n/", "..")):
        return None
    return next((i for i, name in enumerate(names) if not is_path_below(name)), None)


def leads_out(folder, name):
    """Whether a listed file, or a folder on its way, is a link that leads out of the folder."""
    real = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(real, name))
    return not os.path.join(target, "").startswith(os.path.join(real, ""))


def walk(folder):
    """Lists everything below a folder, without descending into system folders.

    Links are followed. A folder reached twice, as in a loop of links, is entered only once; a path
    without links is preferred.

    Args:
      folder: str.

    Returns:
      list of Entry, sorted by name; a system folder is one entry.

    Raises:
      UserError: a folder can't be read, or a name is not text.
    """
    found, entered, folders, links = [], set(), [""], []
    while folders or links:
        below = (folders or links).pop(0)
        identity, inside = _scan(folder, below)
        if identity in entered:
            found.append(Entry("link", below))
            continue
        entered.add(identity)
        if below:
            found.append(Entry("folder", below))
        for entry in inside:
            name, kind = os.path.join(below, entry.name), _kind_of(entry)
            if kind == "folder":
                (links if entry.is_symlink() else folders).append(name)
            else:
                found.append(Entry(kind, name))
            if kind != "system" and not is_text(entry.name):
                raise UserError(
                    f"{folder} holds {name!r}, a name with invalid UTF-8 or a control character;"
                    " rename it"
                )
    return sorted(found, key=lambda entry: entry.name)


def _scan(folder, below):
    """A folder's unique key, and its os.DirEntry objects by name."""
    path = os.path.join(folder, below)
    try:
        status = os.stat(path)
        with os.scandir(path) as entries:
            inside = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UserError(f"the folder {path!r} can't be read: {error.strerror}") from None
    return (status.st_dev, status.st_ino), inside


def _kind_of(entry):
    """The kind of an os.DirEntry; only regular files, or links to them, count as files."""
    if entry.name.startswith(".") or entry.name.lower() in _SYSTEM_NAMES:
        return "system"
    link = entry.is_symlink()  # os.path returns False for a target out of reach
    if os.path.isdir(entry.path) if link else entry.is_dir():
        return "folder"
    if not (os.path.isfile(entry.path) if link else entry.is_file()):
        return "special"
    if entry.name.lower().endswith(IMAGE_ENDINGS):
        return "image"
    return "unread image" if entry.name.lower().endswith(UNREAD_IMAGE_ENDINGS) else "other"


def left_out(entries, taken):
    """Counts what a data set skips in its folder.

    Args:
      entries: list of Entry, see `walk`.
      taken: collection of str, the files that it uses.

    Returns:
      str, "left out: 3 .heic files such as a/b.heic (convert them to JPEG or PNG), 1 system file
      or folder, __MACOSX", or "" if nothing is left out.
    """
    taken = set(taken)
    groups = {}
    for kind, name in entries:
        if kind != "folder" and name not in taken:
            ending = os.path.splitext(name)[1].lower() if kind == "unread image" else ""
            groups.setdefault((list(_LEFT_OUT).index(kind), kind, ending), []).append(name)
    texts = []
    for (_, kind, ending), names in sorted(groups.items()):
        text = f"{len(names)} {_LEFT_OUT[kind][len(names) > 1].format(ending)}"
        text += (" such as " if len(names) > 1 else ", ") + _UNPRINTABLE.sub("?", names[0])
        texts.append(text + (f" ({CONVERT})" if kind == "unread image" else ""))
    return "left out: " + ", ".join(texts) if texts else ""


def read_folders(root):
    """Reads one folder per class, split by train/, val/ and test/ or by the seeded rule.

    Args:
      root: str.

    Returns:
      dict from split to list of (class folder, file name below `root`), sorted.

    Raises:
      UserError: there is no class folder, or one without an image.
    """
    entries = walk(root)
    made = {e.name.split(os.sep)[0] for e in entries if _LIST.search(e.name)}
    entries = [e for e in entries if e.name.split(os.sep)[0] not in made]
    there = [split for split in SPLITS if Entry("folder", split) in entries]
    if "train" in there:
        return {split: _rows(root, entries, split) for split in there}
    return split_by_class(_rows(root, entries))


def files_of_classes(root, skip=()):
    """Lists the images below the class folders of a folder.

    Args:
      root: str.
      skip: collection of str, subfolders to leave out.

    Returns:
      list of (class folder, file name below `root`), both sorted.

    Raises:
      UserError: there is no class folder, or one without an image.
    """
    return _rows(root, [e for e in walk(root) if e.name.split(os.sep)[0] not in skip])


def _rows(root, entries, split=""):
    """The rows of (class folder, file name below `root`) of one split, sorted."""
    start = os.path.join(split, "") if split else ""
    files = {}
    for kind, name in entries:
        label, _, rest = name[len(start) :].partition(os.sep)
        if name.startswith(start) and kind == ("image" if rest else "folder"):
            files.setdefault(label, []).extend([name] if rest else [])
    for label in sorted(files):
        if not files[label]:
            folder = os.path.join(start, label, "")
            others = left_out([e for e in entries if e.name.startswith(folder)], ())
            more = f"; {others}" if others else ""
            endings = ", ".join(IMAGE_ENDINGS)
            raise UserError(f"{os.path.join(root, start, label)} holds no image ({endings}){more}")
    if not files:
        folder = os.path.normpath(os.path.join(root, split))
        raise UserError(f"{folder} has neither lists/*.csv nor one subfolder per class with images")
    return [(label, name) for label in sorted(files) for name in sorted(files[label])]


def split_by_class(rows, seed=SPLIT_SEED):
    """Splits each class separately: the seeded rule for images without lists.

    The files of a class, sorted by name, are shuffled by the legacy generator of NumPy (its
    stream is the same in every version) seeded with `seed`; the first fifth of them, rounded, is
    for test, the next tenth for validation, the rest, at least one, for training. So the split
    depends only on the file names and the seed.

    Args:
      rows: list of (label, file name).
      seed: int.

    Returns:
      dict from split to list of (label, file name), sorted.
    """
    by_class = {}
    for label, name in rows:
        by_class.setdefault(label, []).append(name)
    parts = {split: [] for split in SPLITS}
    for label, names in sorted(by_class.items()):
        names = sorted(names)
        order = np.random.RandomState(seed).permutation(len(names))
        num_test, num_val = (int(round(share * len(names))) for share in (TEST_SHARE, VAL_SHARE))
        ends = (("test", num_test), ("val", num_test + num_val), ("train", len(names)))
        start = 0
        for split, end in ends:
            parts[split] += [(label, names[i]) for i in sorted(order[start:end])]
            start = end
    return parts
