"""The data sets of --budget tiny: synthetic ones in the official formats, created once."""

import os
import shutil

from config.datasets import DATASETS, UNSEEN_FOLDER
from config.paths import resolve_paths
from datasets_lists import lists, official, unseen
from reproduction import synthetic
from reproduction.tables import TABLES

# Enough for the ten training images per class of Flowers-102 that a long tail needs.
NUM_CLASSES, IMAGES_PER_CLASS = 4, 30
# The same of data sets whose classes are split: each of the four folds holds out two of eight.
UNSEEN_CLASSES, UNSEEN_IMAGES_PER_CLASS = 16, 6


def with_synthetic_datasets(request):
    """Creates missing synthetic data sets, with lists as for official ones.

    Args:
      request: reproduction.cells.TableRequest; its data sets without an official format are left
        unchanged.

    Returns:
      TableRequest, with their folder as `datasets_dir`.
    """
    paths, _ = resolve_paths(request.common)
    has_folds = bool(TABLES[request.table].folds)
    folder = "datasets_unseen" if has_folds else "datasets"
    folder = os.path.join(paths["runs_dir"], "reproduce", "tiny", folder)
    for name in request.datasets:
        target = os.path.join(folder, DATASETS[name].folder or "")
        if name in official.NAMES and not os.path.isdir(target):
            _make(name, folder, target, has_folds)
    return request._replace(common=dict(request.common, datasets_dir=folder))


def _make(name, folder, target, has_folds):
    """Writes one data set with its lists, atomically."""
    part = os.path.join(folder, f".{name}.part{os.getpid()}")
    if has_folds:
        root = synthetic.write(name, part, UNSEEN_CLASSES, UNSEEN_IMAGES_PER_CLASS)
        whole, folds = unseen.split(official.read(name, root, subset=True))
        lists.write(root, whole, folder=UNSEEN_FOLDER, folds=folds)
    else:
        root = synthetic.write(name, part, NUM_CLASSES, IMAGES_PER_CLASS)
        lists.write(root, official.read(name, root, subset=True))
    if not os.path.isdir(target):
        os.rename(root, target)
    shutil.rmtree(part)
