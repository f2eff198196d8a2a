"""The text files that NABirds and CUB-200-2011 share: images, their classes and splits, by id."""

import os

from datasets_lists.annotations import WRONG_FILE, Annotations, read_columns
from utils.errors import UserError

IMAGES = "images.txt"
_CLASSES, _SPLIT = "image_class_labels.txt", "train_test_split.txt"


def read(root, name_of):
    """Reads images.txt, image_class_labels.txt and train_test_split.txt.

    Args:
      root: str, the folder with these files.
      name_of: function from a class's number and one of its files to its name.

    Returns:
      Annotations without a val split, in the order of images.txt; the classes are those with
      images, sorted by number.

    Raises:
      UserError: a file is missing, empty or truncated, or they don't match.
    """
    images_path = os.path.join(root, IMAGES)
    files = dict(read_columns(images_path, "an id", "a file"))
    classes = _numbers(root, _CLASSES, "a class", files)
    trains = _numbers(root, _SPLIT, "0 or 1", files)
    if not set(trains.values()) <= {0, 1}:
        raise UserError(f"{os.path.join(root, _SPLIT)} has values other than 0 and 1; {WRONG_FILE}")
    example = _one_folder_a_class(root, files, classes)
    order = sorted(example)
    index = {number: label for label, number in enumerate(order)}
    names = tuple(name_of(number, example[number]) for number in order)
    splits = {
        split: [(index[classes[i]], file) for i, file in files.items() if trains[i] == flag]
        for split, flag in (("train", 1), ("test", 0))
    }
    return Annotations(names, splits, {split: images_path for split in splits})


def _one_folder_a_class(root, files, classes):
    """One file of each class; checks that the files of a class share a folder."""
    example = {}
    for image, file in files.items():
        other = example.setdefault(classes[image], file)
        if os.path.dirname(other) != os.path.dirname(file):
            raise UserError(
                f"{os.path.join(root, IMAGES)} has {other} and {file} in two folders, but"
                f" {os.path.join(root, _CLASSES)} gives both the class {classes[image]}: one of the"
                " two files is truncated or another version; get them again"
            )
    return example


def _numbers(root, name, what, files):
    """The numbers of a file by id, which has to have the ids of images.txt."""
    path = os.path.join(root, name)
    rows = read_columns(path, "an id", what)
    for number, (_, word) in enumerate(rows, 1):
        if not word.isdigit():
            raise UserError(f"{path}, row {number}: {word!r} is not {what}; {WRONG_FILE}")
    numbers = {image: int(word) for image, word in rows}
    if set(numbers) != set(files):
        raise UserError(
            f"{path} has {len(numbers)} images, which are not the {len(files)} of"
            f" {os.path.join(root, IMAGES)}: one of the two is truncated or another version; get"
            " them again"
        )
    return numbers
