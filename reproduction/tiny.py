"""The data sets of --budget tiny: small generated copies of the official trees, made once."""

import os
import shutil

from config.datasets import DATASETS
from config.paths import resolve_paths
from datasets_lists import lists, official
from reproduction import synthetic

NUM_CLASSES, IMAGES_PER_CLASS = 4, 12


def prepare(names, common):
    """Makes the generated data sets that are missing, through the same code as official data sets.

    Args:
      names: list of str, data sets; those without an official tree are left out.
      common: dict from setting to value, flags for every run.

    Returns:
      str, the folder of the generated data sets, for `datasets_dir`.
    """
    paths, _ = resolve_paths(common)
    folder = os.path.join(paths["runs_dir"], "reproduce", "tiny", "datasets")
    for name in names:
        target = os.path.join(folder, DATASETS[name].folder or "")
        if name in official.NAMES and not os.path.isdir(target):
            _make(name, folder, target)
    return folder


def _make(name, folder, target):
    """Writes one generated data set with its lists; it appears in one piece."""
    part = os.path.join(folder, f".{name}.part{os.getpid()}")
    root = synthetic.write(name, part, NUM_CLASSES, IMAGES_PER_CLASS)
    lists.write(root, official.read(name, root, subset=True))
    if not os.path.isdir(target):
        os.rename(root, target)
    shutil.rmtree(part)
