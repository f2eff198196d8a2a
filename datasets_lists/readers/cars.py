"""Stanford Cars, in either of its two forms: cars_train and cars_test, or car_ims.

The folders cars_train and cars_test both number their images from 1, so a file name alone is
ambiguous; the lists therefore include the folder.
"""

import os

from datasets_lists.annotations import (
    Annotations,
    column,
    field,
    labelled,
    read_mat,
    refuse_missing,
)
from utils.errors import UserError

DOWNLOADS = ()
BY_HAND = """\
The official address, http://ai.stanford.edu/~jkrause/cars/car_dataset.html, is gone. For
copies see github.com/pytorch/vision/issues/7545. Put one of the two forms here:

  {root}/
    cars_train/00001.jpg ...                   cars_test/00001.jpg ...
    devkit/cars_train_annos.mat                devkit/cars_meta.mat
    devkit/cars_test_annos_withlabels.mat      (not cars_test_annos.mat, which has no labels)

  {root}/
    car_ims/000001.jpg ...                     cars_annos.mat
"""

_LABELLED = "cars_test_annos_withlabels.mat"


def read(root):
    """Reads the annotations of the form that is present; car_ims if both are.

    Args:
      root: str, the folder with the image folders.

    Returns:
      Annotations without a val split.

    Raises:
      UserError: a file is missing, damaged or without labels.
    """
    one_file = _first_there(root, "cars_annos.mat", "devkit/cars_annos.mat")
    one_folder = os.path.isdir(os.path.join(root, "car_ims"))
    train_path = os.path.join(root, "devkit", "cars_train_annos.mat")
    if os.path.exists(one_file) and (one_folder or not os.path.exists(train_path)):
        return _read_one_file(one_file)
    if one_folder and not os.path.isdir(os.path.join(root, "cars_train")):
        raise UserError(
            f"{root} has the images of car_ims, which the devkit numbers differently; put"
            " cars_annos.mat beside them"
        )
    return _read_two_files(root, train_path)


def _first_there(root, *names):
    """The first path that exists, else the first one."""
    paths = [os.path.join(root, *name.split("/")) for name in names]
    return next((path for path in paths if os.path.exists(path)), paths[0])


def _read_one_file(path):
    records, names = read_mat(path, "annotations", "class_names")
    names = tuple(column(path, names, str))
    files = field(path, records, "relative_im_path", str)
    labels = labelled(path, field(path, records, "class", int), names)
    tests = field(path, records, "test", int)
    splits = {
        split: [row for row, test in zip(zip(labels, files), tests) if test == flag]
        for flag, split in enumerate(("train", "test"))
    }
    return Annotations(names, splits, {split: path for split in splits})


def _read_two_files(root, train_path):
    test_path = _first_there(root, "devkit/" + _LABELLED, _LABELLED)
    blind = _first_there(root, "devkit/cars_test_annos.mat", "cars_test_annos.mat")
    refuse_missing(train_path)
    if not os.path.exists(test_path) and os.path.exists(blind):
        raise _without_labels(blind)
    paths = {"train": train_path, "test": test_path}
    found = {split: _labels_and_files(split, path) for split, path in paths.items()}
    names = _class_names(root, max(max(labels) for labels, _ in found.values()))
    splits = {
        split: list(zip(labelled(paths[split], labels, names), files))
        for split, (labels, files) in found.items()
    }
    return Annotations(names, splits, paths)


def _labels_and_files(split, path):
    records = read_mat(path, "annotations")[0]
    files = field(path, records, "fname", str)
    if split == "test" and "class" not in records:
        raise _without_labels(path)
    return field(path, records, "class", int), [f"cars_{split}/{name}" for name in files]


def _without_labels(path):
    return UserError(
        f"{path} has no labels; put {_LABELLED} beside it, formerly at"
        " http://imagenet.stanford.edu/internal/car196/, now from the source of the images"
    )


def _class_names(root, num_classes):
    """The names in devkit/cars_meta.mat; without that file, the official numbers."""
    path = _first_there(root, "devkit/cars_meta.mat", "cars_meta.mat")
    if os.path.exists(path):
        return tuple(column(path, read_mat(path, "class_names")[0], str))
    return tuple(str(number) for number in range(1, num_classes + 1))
