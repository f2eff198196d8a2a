"""Splits one folder per class: class by class, with near-duplicates kept together."""

import functools
import os
import warnings

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from config.base_config import SETTINGS
from config.datasets import UNSEEN_FOLDER
from data.folders import SPLITS, files_of_classes
from datasets_lists.annotations import Annotations
from datasets_lists.images import map_over, upright
from utils.errors import UserError
from utils.pictures import open_image

# Near-duplicates differ in at most this many bits of their 64-bit perceptual hashes. For the 1,360
# photos of Flowers-17, 99 % of copies at half the size, at JPEG quality 30 or a third brighter
# differ from the original in at most 6 bits; of the 924,000 pairs of photos, 66 are equal and 4
# within 8.
MAX_DISTANCE = 8
_BLOCK = 1024


def split(root, shares, seed=0, workers=None, max_megapixels=None):
    """Splits a tree with one folder per class.

    A group of near-duplicates stays in one split, even across classes. Subject to that, each class
    gets as close to the shares as possible and keeps an image for training.

    Args:
      root: str, the folder.
      shares: three float, of training, validation and test.
      seed: int.
      workers: int, processes that read the images; default one per core.
      max_megapixels: int, a larger image is refused; default as in training.

    Returns:
      Annotations without empty splits, and list of list of str, the groups of near-duplicates.

    Raises:
      UserError: the shares or the folders are invalid, or an image can't be read.
    """
    check_shares(shares)
    taken = [name for name in SPLITS if os.path.isdir(os.path.join(root, name))]
    if "train" in taken:
        raise UserError(
            f"{root} is already split into the folders {' and '.join(taken)}; main.py uses it as is"
        )
    rows = files_of_classes(root, skip=("lists", UNSEEN_FOLDER))
    names = sorted({label for label, _ in rows})
    index = {name: label for label, name in enumerate(names)}
    files = [file for _, file in rows]
    labels = np.array([index[name] for name, _ in rows])
    most = max_megapixels or SETTINGS["max_megapixels"].default
    hash_of = functools.partial(_hash_of, max_megapixels=most)
    hashes = map_over(hash_of, [os.path.join(root, file) for file in files], workers, "hashing")
    groups = near_duplicates(np.array(hashes))
    chosen = assign(labels, groups, shares, seed)
    found = {
        name: [(int(labels[i]), files[i]) for i in np.flatnonzero(chosen == number)]
        for number, name in enumerate(SPLITS)
    }
    found = {name: found_rows for name, found_rows in found.items() if found_rows}
    if "val" in found:
        found["trainval"] = found["train"] + found["val"]
    several = [[files[i] for i in group] for group in groups if len(group) > 1]
    return Annotations(tuple(names), found, dict.fromkeys(found, root)), several


def check_shares(shares):
    """Refuses invalid shares.

    Raises:
      UserError: they are negative, leave nothing for training or don't sum to 1.
    """
    if min(shares) < 0 or shares[0] <= 0 or not abs(sum(shares) - 1) < 1e-6:
        given = " ".join(f"{share:g}" for share in shares)
        raise UserError(
            f"--split {given}: the shares of train, val and test must sum to 1 and be at"
            " least 0, that of train more than 0"
        )


def _hash_of(path, max_megapixels):
    """The perceptual hash of an image, bool [64]."""
    import imagehash  # only now: --help does not need it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path, max_megapixels) as image:
                image.load()
                return imagehash.phash(upright(image).convert("RGB")).hash.ravel()
    except Exception as error:  # Pillow's readers fail in many ways on damaged files
        reason = (str(error).split(" <_io")[0] or repr(error)).splitlines()[0]
        raise UserError(
            f"{path} can't be read ({reason}); python -m datasets_lists check custom --dataset_path"
            " FOLDER finds all such files"
        ) from None


def near_duplicates(hashes, max_distance=MAX_DISTANCE):
    """Groups hashes linked by small distances.

    Args:
      hashes: bool [N, 64].
      max_distance: int, the most bits in which linked hashes differ.

    Returns:
      list of lists of int, the sorted positions of each group; most have one.
    """
    signs = np.where(hashes, 1.0, -1.0).astype(np.float32)
    number, bits = signs.shape
    ones, others = [], []
    for start in range(0, number, _BLOCK):
        # The product of two rows of signs is the number of equal bits minus that of different ones.
        products = signs[start : start + _BLOCK] @ signs[start:].T
        linked = np.nonzero(products >= bits - 2 * max_distance)
        ones.append(linked[0] + start)
        others.append(linked[1] + start)
    ones, others = np.concatenate(ones), np.concatenate(others)
    links = coo_matrix((np.ones(len(ones)), (ones, others)), shape=(number, number))
    groups = {}
    for i, group in enumerate(connected_components(links, directed=False)[1]):
        groups.setdefault(group, []).append(i)
    return list(groups.values())


def assign(labels, groups, shares, seed):
    """Chooses the split of each image.

    Args:
      labels: int [N] in [0, C).
      groups: list of lists of int, positions that belong together.
      shares: three float, of training, validation and test.
      seed: int.

    Returns:
      int [N], 0 for training, 1 for validation, 2 for test; every class has a 0.
    """
    order = np.random.RandomState(seed).permutation(len(groups))
    counts = np.bincount(labels)
    wanted = np.round(np.outer(counts, shares))
    wanted[:, 0] = np.maximum(counts - wanted[:, 1] - wanted[:, 2], 1)
    chosen = np.full(len(labels), -1)
    # Large groups first, while there is room for them; the stable sort keeps the random order.
    for group in sorted((groups[i] for i in order), key=len, reverse=True):
        number = int(np.argmax(wanted[labels[group]].sum(axis=0)))
        chosen[group] = number
        np.subtract.at(wanted, (labels[group], number), 1)
    for label in range(len(counts)):
        if not np.any(chosen[labels == label] == 0):
            smallest = min((g for g in groups if label in labels[g]), key=len)
            chosen[smallest] = 0
    return chosen
