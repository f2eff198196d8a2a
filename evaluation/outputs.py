"""Stores the network's outputs for the lists of a run, for reuse while they are valid.

A list's outputs are in the folder of its evaluation, or in eval/cache/ if the list was only needed
to score another one. The files record what they depend on: checkpoint, images and settings.
"""

import glob
import hashlib
import json
import os

import numpy as np

NAMES = ("labels", "logits", "pooled", "embeddings")
FILE = "embeddings.npz"
CACHE = "cache"


def identity_of(prefix, step, image_list, settings):
    """Everything that outputs depend on, as a string to compare.

    Args:
      prefix: str, the checkpoint's; its index holds the checksum of every variable.
      step: int.
      image_list: has `files` and `paths`, lists of N str, and `labels`, int32 [N].
      settings: JSON value, the settings of preprocessing and network.

    Returns:
      str.
    """
    with open(prefix + ".index", "rb") as file:
        index = hashlib.sha256(file.read()).hexdigest()
    sizes = [os.path.getsize(path) for path in sorted(glob.glob(glob.escape(prefix) + ".data-*"))]
    digest = hashlib.sha256()
    for name, path, label in zip(image_list.files, image_list.paths, image_list.labels):
        found = os.stat(path)
        row = (name, int(label), found.st_size, found.st_mtime_ns)
        digest.update(json.dumps(row).encode("ascii"))
    parts = {"checkpoint": index, "bytes": sizes, "step": step, "images": digest.hexdigest()}
    return json.dumps(dict(parts, settings=settings), sort_keys=True)


def names_of(image_list):
    """The `NAMES` of a data.lists.ImageList; unseen classes have no logits of their own."""
    return [name for name in NAMES if name != "logits" or not image_list.unseen]


def find(folder, identity, names=NAMES):
    """Finds stored outputs among the evaluations of a run.

    Args:
      folder: str, the run's eval/.
      identity: str, see `identity_of`.
      names: sequence of str, the arrays that must be there.

    Returns:
      dict from name to array, and str, the file; (None, None) if there are none with this identity
      or they are damaged.
    """
    root = glob.escape(folder)
    stored = glob.glob(os.path.join(root, "*", FILE))
    for path in sorted(stored) + sorted(glob.glob(os.path.join(root, CACHE, "*.npz"))):
        arrays = read(path, identity)
        if arrays is not None and set(names) <= set(arrays):
            return {name: arrays[name] for name in names}, path
    return None, None


def read(path, identity=None):
    """Reads stored outputs.

    Args:
      path: str, an .npz of `save`.
      identity: str, see `identity_of`, that they must have; None for any.

    Returns:
      dict from those of `NAMES` that it has to array; None if it is missing or damaged, or has
      another identity.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if identity not in (None, str(file["identity"])):
                return None
            return {name: file[name] for name in NAMES if name in file}
    except Exception:  # NumPy's reader fails in many ways on damaged files
        return None


def save(path, arrays, files, identity):
    """Writes outputs atomically.

    Args:
      path: str, an .npz; its folder is created if missing.
      arrays: dict with arrays of `NAMES`.
      files: list of N str.
      identity: str.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    part = path + ".part"
    with open(part, "wb") as file:
        np.savez(file, files=np.array(files), identity=np.array(identity), **arrays)
    os.replace(part, path)
