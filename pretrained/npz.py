"""Reads weights from a NumPy .npz, after checking its headers."""

import re
import struct
import zipfile
import zlib

import numpy as np

from utils.errors import UserError

MOST_BYTES = 1 << 32  # in all arrays; the largest network here has 0.6 GB
_MOST_HEADER_BYTES = 10000
_MOST_DIMENSIONS = 32  # at the start of any NumPy array
# The header as NumPy writes it. Python's own parser may take minutes or crash on other texts.
_HEADER = re.compile(
    rb"\{'descr': '([<>|=][fiu]\d{1,2})', 'fortran_order': (True|False),"
    rb" 'shape': (\((?:\d{1,12}L?, ?)*(?:\d{1,12}L?)?\)), ?\} *\n?"
)
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, TypeError,
           RuntimeError, OverflowError)  # fmt: skip


def open_npz(path):
    """Opens an .npz.

    Args:
      path: str, an existing file.

    Returns:
      dict from the name of each array to its shape (tuple), and a function from name to array,
      which reads it and raises a UserError if its values are damaged.

    Raises:
      UserError: it is not an .npz of real numbers, is damaged, or holds more than `MOST_BYTES`.
    """
    layouts = _reading(path, _layouts)

    def value_of(name):
        return _reading(path, lambda package: _array(package, name, *layouts[name]))

    return {name: shape for name, (shape, _, _, _) in layouts.items()}, value_of


def _reading(path, call):
    try:
        with zipfile.ZipFile(path) as package:
            return call(package)
    except _DAMAGE as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise UserError(f"{path} can't be read as an .npz: {reason}") from None


def _layouts(package):
    """Dict from name to (shape, dtype, order of the dimensions, position of the numbers)."""
    members = package.infolist()
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise ValueError(f"it holds more than {MOST_BYTES >> 30} GiB, too much for weights")
    for member in members:
        if not member.filename.endswith(".npy"):
            raise ValueError(f"it holds {member.filename!r}, which is not an array")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename!r} has a compression that NumPy does not use")
    return {member.filename[: -len(".npy")]: _layout(package, member) for member in members}


def _layout(package, member):
    with package.open(member) as file:
        version = np.lib.format.read_magic(file)
        form = "<H" if version == (1, 0) else "<I"
        (length,) = struct.unpack(form, file.read(struct.calcsize(form)))
        header = file.read(min(length, _MOST_HEADER_BYTES))
        start = file.tell()
    match = _HEADER.fullmatch(header)
    if match is None or len(header) != length:
        raise ValueError(f"{member.filename!r} is not an array of real numbers")
    dtype = np.dtype(match.group(1).decode())
    shape = tuple(map(int, re.findall(rb"\d+", match.group(3))))
    numbers = 1
    for dimension in shape:
        numbers *= dimension
    if len(shape) > _MOST_DIMENSIONS or start + numbers * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename!r} does not have the size of its shape {shape}")
    return shape, dtype, "F" if match.group(2) == b"True" else "C", start


def _array(package, name, shape, dtype, order, start):
    numbers = np.frombuffer(package.read(name + ".npy"), dtype, offset=start)
    return numbers.reshape(shape, order=order)
