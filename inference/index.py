"""An index: the vectors of a gallery and the identity of its network, in one file.

The file is an .npz of plain arrays: nothing is unpickled, and every size and type is checked.
"""

import json
import os
import re
import struct
import zipfile
import zlib
from typing import NamedTuple, Optional, Tuple

import numpy as np

from evaluation import spaces
from inference.inputs import problem_of
from utils.errors import UserError

FORMAT = 1
# What a file records about its network; all but the last must match the network that searches.
IDENTITY = ("class_map", "num_classes", "step", "checkpoint_hash", "preprocessing", "checkpoint",
            "run_dir")  # fmt: skip
_ARRAYS = {
    "about": ("|u1", 1),
    "labels": ("<i4", 1),
    "embeddings": ("<f4", 2),
    "pooled": ("<f4", 2),
}
_HEADER = re.compile(
    r"\{'descr': '(\S+)', 'fortran_order': False, 'shape': \(((?:\d{1,12},? ?)*)\), \} *\n"
)
# Errors of the standard library and NumPy for damaged archives and arrays.
_UNREADABLE = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, OverflowError, struct.error,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class Index(NamedTuple):
    """A gallery of M images.

    Attributes:
      identity: dict with the keys of `IDENTITY`.
      folder: str, the folder that `files` are relative to.
      files: tuple of M str.
      classes: tuple of str, the run's classes, then the enrolled ones.
      labels: int32 [M], positions in `classes`.
      embeddings: float32 [M, D], rows of unit norm; None for a run without that head.
      pooled: float32 [M, F], rows of unit norm.
    """

    identity: dict
    folder: str
    files: Tuple[str, ...]
    classes: Tuple[str, ...]
    labels: np.ndarray
    embeddings: Optional[np.ndarray]
    pooled: np.ndarray

    @property
    def paths(self):
        """List of M str."""
        return [os.path.normpath(os.path.join(self.folder, name)) for name in self.files]

    def vectors(self, space):
        """float32 [M, .], the vectors of a space, rows of unit norm."""
        return spaces.vectors_of({"embeddings": self.embeddings, "pooled": self.pooled}, space)

    def with_class(self, name, paths, embeddings, pooled):
        """A new Index with an extra class `name` of P images: list of P paths, and their vectors.

        Raises:
          UserError: the class already exists.
        """
        if name in self.classes:
            of_run = self.classes.index(name) < self.identity["num_classes"]
            advice = "choose another name" if of_run else f"--forget {name} removes it first"
            raise UserError(f"the index has a class {name} already; {advice}")
        files = tuple(os.path.relpath(path, self.folder) for path in paths)
        new = np.full(len(paths), len(self.classes), np.int32)
        return self._replace(
            files=self.files + files,
            classes=self.classes + (name,),
            labels=np.concatenate([self.labels, new]),
            embeddings=None if embeddings is None else np.vstack([self.embeddings, embeddings]),
            pooled=np.vstack([self.pooled, pooled]),
        )

    def without_class(self, name):
        """A new Index without an enrolled class.

        Raises:
          UserError: no such class was enrolled.
        """
        enrolled = self.classes[self.identity["num_classes"] :]
        if name not in enrolled:
            have = ", ".join(enrolled) or "none"
            raise UserError(f"no class {name} was enrolled in the index; enrolled: {have}")
        place = self.classes.index(name)
        kept = self.labels != place
        labels = self.labels[kept]
        return self._replace(
            files=tuple(file for file, keep in zip(self.files, kept) if keep),
            classes=self.classes[:place] + self.classes[place + 1 :],
            labels=labels - (labels > place).astype(np.int32),
            embeddings=None if self.embeddings is None else self.embeddings[kept],
            pooled=self.pooled[kept],
        )


def write(path, index):
    """Writes an index atomically.

    Args:
      path: str.
      index: Index.

    Raises:
      UserError: it can't be written.
    """
    about = {
        "format": FORMAT,
        "identity": index.identity,
        "folder": index.folder,
        "files": index.files,
        "classes": index.classes,
    }
    rows = len(index.labels)
    arrays = {
        "about": np.frombuffer(json.dumps(about).encode("ascii"), np.uint8),
        "labels": index.labels,
        "embeddings": np.zeros((rows, 0)) if index.embeddings is None else index.embeddings,
        "pooled": index.pooled,
    }
    try:
        with open(path + ".tmp", "wb") as file:
            np.savez(file, **{name: a.astype(_ARRAYS[name][0]) for name, a in arrays.items()})
        os.replace(path + ".tmp", path)
    except OSError as error:
        raise UserError(f"the index {path} can't be written: {error.strerror}") from None


def read(path):
    """Reads an index from any source, possibly malicious.

    Args:
      path: str.

    Returns:
      Index.

    Raises:
      UserError: it is missing, damaged or not an index.
    """
    reason = problem_of(path)
    if reason is not None:
        raise UserError(f"the index {path} can't be read: {reason}")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {name: _array(archive, name) for name in _ARRAYS}
        return _checked(json.loads(arrays.pop("about").tobytes().decode("ascii")), **arrays)
    except _UNREADABLE as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise UserError(
            f"{path} can't be read as an index: it is damaged or something else ({reason})"
        ) from None


def _array(archive, name):
    """Reads one array, after checking that its size matches the bytes present."""
    kind, num_dimensions = _ARRAYS[name]
    info = archive.getinfo(name + ".npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    with archive.open(info) as file:
        if file.read(8) != b"\x93NUMPY\x01\x00":
            raise ValueError(f"{name} is not an array")
        (length,) = struct.unpack("<H", file.read(2))
        header = _HEADER.fullmatch(file.read(length).decode("latin-1"))
        contents = file.read()
    if header is None or header.group(1) != kind:
        raise ValueError(f"{name} is not of type {kind}")
    shape = [int(size) for size in header.group(2).split(",") if size.strip()]
    if len(shape) != num_dimensions:
        raise ValueError(f"{name} does not have {num_dimensions} dimensions")
    return np.frombuffer(contents, kind).reshape(shape)


def _checked(about, labels, embeddings, pooled):
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']}, not {FORMAT}")
    identity = {name: about["identity"][name] for name in IDENTITY}
    files, classes = about["files"], about["classes"]
    texts = [about["folder"], identity["run_dir"], identity["checkpoint"], *files, *classes]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise ValueError("a name is not text")
    num_classes = identity["num_classes"]
    if type(num_classes) is not int or not 0 < num_classes <= len(classes):
        raise ValueError("it has fewer classes than the run")
    if len(set(map(len, (files, labels, embeddings, pooled)))) != 1 or not len(files):
        raise ValueError("its arrays are of different lengths, or empty")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError("a label has no class")
    has_head = embeddings.shape[1] > 0
    for name, vectors in (("embeddings", embeddings), ("pooled", pooled)):
        with np.errstate(all="ignore"):
            norms = np.einsum("nd,nd->n", vectors, vectors)
            usual = (np.abs(norms - 1.0) < 1e-3) | (norms == 0.0)  # False for NaN and infinity
        if not usual.all():
            raise ValueError(f"{name} has a row without unit norm")
    embeddings = embeddings if has_head else None
    return Index(
        identity, about["folder"], tuple(files), tuple(classes), labels, embeddings, pooled
    )


def check_identity(path, index, identity):
    """Checks that an index was made by the network that will search it.

    Args:
      path: str, the index, for the message.
      index: Index.
      identity: dict with the keys of `IDENTITY`.

    Raises:
      UserError: the networks differ, so the vectors can't be compared.
    """
    theirs = index.identity
    reasons = {
        "class_map": "a run with other classes",
        "num_classes": "a run with other classes",
        "preprocessing": "a run with other preprocessing",
        "step": f"the checkpoint {theirs['checkpoint']}, not {identity['checkpoint']}",
        "checkpoint_hash": f"a different checkpoint than {identity['checkpoint']}",
    }
    for name, reason in reasons.items():
        if theirs[name] != identity[name]:
            raise UserError(
                f"the index {path} is from {reason}, so its vectors can't be compared; rebuild it"
                " with predict.py index"
            )
