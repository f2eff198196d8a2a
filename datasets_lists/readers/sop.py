"""Stanford Online Products: photos of 22,634 articles, of which training sees the first half."""

import os

from datasets_lists.annotations import WRONG_FILE, Annotations, read_columns
from utils.errors import UserError

DOWNLOADS = ()
BY_HAND = """\
ftp://cs.stanford.edu/cs/cvgl/Stanford_Online_Products.zip has all of it; its page is
https://cvgl.stanford.edu/projects/lifted_struct/. Unpack it so that these are there:

  {root}/bicycle_final/111085122871_0.JPG ...    and the folders of eleven other kinds
  {root}/Ebay_train.txt    {root}/Ebay_test.txt
"""

_HEADER = ["image_id", "class_id", "super_class_id", "path"]


def read(root):
    """Reads Ebay_train.txt and Ebay_test.txt, which have different classes.

    Args:
      root: str, the folder with these files and the folders of images.

    Returns:
      Annotations without a val split; a class is named after its kind and its article's number.

    Raises:
      UserError: a file is missing, empty or truncated, or both have a class.
    """
    paths = {split: os.path.join(root, f"Ebay_{split}.txt") for split in ("train", "test")}
    rows = {split: _rows(path) for split, path in paths.items()}
    both = {number for number, _ in rows["train"]} & {number for number, _ in rows["test"]}
    if both:
        raise UserError(
            f"{paths['test']} has the class {min(both)}, which {paths['train']} has too;"
            f" {WRONG_FILE}"
        )
    names = {number: _name_of(file) for found in rows.values() for number, file in found}
    index = {number: label for label, number in enumerate(sorted(names))}
    splits = {split: [(index[n], file) for n, file in found] for split, found in rows.items()}
    return Annotations(tuple(names[number] for number in sorted(names)), splits, paths)


def _rows(path):
    """The (class number, file) of each row below the header."""
    header, *rows = read_columns(path, *_HEADER)
    if header != _HEADER:
        raise UserError(f"{path} begins with {' '.join(header)!r}; {WRONG_FILE}")
    for number, row in enumerate(rows, 2):
        if not row[1].isdigit():
            raise UserError(f"{path}, row {number}: {row[1]!r} is not a class_id; {WRONG_FILE}")
    return [(int(row[1]), row[3]) for row in rows]


def _name_of(file):
    kind, _, name = file.partition("/")
    return f"{kind.replace('_final', '')} {os.path.splitext(name)[0].split('_')[0]}"
