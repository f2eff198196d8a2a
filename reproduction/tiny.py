"""The data sets of --budget tiny: synthetic ones in the official formats, created once."""

import os
import shutil

from config.datasets import DATASETS
from config.paths import resolve_paths
from datasets_lists import lists, official
from reproduction import synthetic

# Enough for the ten training images per class of Flowers-102 that a long tail needs.
NUM_CLASSES, IMAGES_PER_CLASS = 4, 30


def with_synthetic_datasets(request):
    """Creates missing synthetic data sets, with lists as for official ones.

    Args:
      request: reproduction.cells.TableRequest; its data sets without an official format are left
        unchanged.

    Returns:
      TableRequest, with their folder as `datasets_dir`.
    """
    paths, _ = resolve_paths(request.common)
    folder = os.path.join(paths["runs_dir"], "reproduce", "tiny", "datasets")
    for name in request.datasets:
        target = os.path.join(folder, DATASETS[name].folder or "")
        if name in official.NAMES and not os.path.isdir(target):
            _make(name, folder, target)
    return request._replace(common=dict(request.common, datasets_dir=folder))


def _make(name, folder, target):
    """Writes one data set with its lists, atomically."""
    part = os.path.join(folder, f".{name}.part{os.getpid()}")
    root = synthetic.write(name, part, NUM_CLASSES, IMAGES_PER_CLASS)
    lists.write(root, official.read(name, root, subset=True))
    if not os.path.isdir(target):
        os.rename(root, target)
    shutil.rmtree(part)
