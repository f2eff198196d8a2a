"""Examines image files on all cores: problems, size and content.

TensorFlow is not needed, but anything that its decoder rejects, in either version, is rejected
here too; where Pillow is more tolerant, this module has extra rules.
"""

import hashlib
import io
import multiprocessing
import os
import signal
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple, Optional, Tuple

from PIL import ImageOps
from tqdm import tqdm

from utils.errors import UserError
from utils.pictures import TooLarge, open_image

FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".bmp": "BMP", ".gif": "GIF",
    ".webp": "WEBP",
}  # fmt: skip
# TensorFlow 1.15, the only one for Python 3.7, can't decode WebP.
DECODABLE = ("BMP", "GIF", "JPEG", "PNG") + (("WEBP",) if sys.version_info >= (3, 8) else ())
IMAGES_A_PROCESS = 256
CHUNK = 16


class ImageInfo(NamedTuple):
    """Properties of one image file.

    Attributes:
      size: (width, height) of the upright image in pixels; None if it can't be read.
      content: str, hash of the upright pixels, or of the bytes if they can't be read.
      problems: tuple of (kind, detail), see `report.KINDS`.
    """

    size: Optional[Tuple[int, int]]
    content: str
    problems: tuple


def examine(path, max_megapixels):
    """Reads one image file in full.

    Args:
      path: str.
      max_megapixels: int, a larger image is not decoded.

    Returns:
      ImageInfo.
    """
    if os.path.exists(path) and not os.path.isfile(path):  # a pipe would never end
        return ImageInfo(None, path, (("unreadable", "is not a regular file"),))
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        return ImageInfo(None, path, (("unreadable", error.strerror),))
    try:
        image = decode(data, max_megapixels)
        shown = upright(image)
        content = _digest(repr(shown.size).encode() + _comparable(shown).tobytes())
    except TooLarge as error:
        return ImageInfo(None, _digest(data), (("too_large", str(error)),))
    except Exception as error:  # Pillow's readers fail in many ways on damaged files
        reason = (str(error).split(" <_io")[0] or repr(error)).splitlines()[0]
        kind = "truncated" if "truncat" in reason.lower() else "unreadable"
        return ImageInfo(None, _digest(data), ((kind, reason),))
    return ImageInfo(shown.size, content, tuple(_problems(path, data, image)))


def _comparable(image):
    """The image to compare: in RGB, as training sees it; 16 bits are kept."""
    return image if image.mode == "RGB" or image.mode[0] in "IF" else image.convert("RGB")


def _digest(data):
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def decode(data, max_megapixels):
    """Decodes an image with every check that Pillow has.

    Args:
      data: bytes, an encoded file.
      max_megapixels: int.

    Returns:
      PIL.Image.Image, as stored.

    Raises:
      TooLarge: it has more than `max_megapixels`.
      Exception: of many types, it can't be decoded.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_image(
            io.BytesIO(data), max_megapixels
        ).verify()  # checks checksums, which loading skips
        image = open_image(io.BytesIO(data), max_megapixels)
        image.load()
    return image


def upright(image):
    """An image turned by its EXIF orientation, as training sees it."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata is ignored
        return image


def format_of(image):
    """The format of a decoded image; a JPEG with more images appended counts as JPEG."""
    return "JPEG" if image.format == "MPO" else image.format


def _problems(path, data, image):
    """Yields (kind, detail)."""
    found = format_of(image)
    ending = os.path.splitext(path)[1].lower()
    if FORMATS.get(ending, found) != found:
        yield "misnamed", f"is a {found} file"
    elif found not in DECODABLE:
        yield "unreadable", f"TensorFlow decodes {', '.join(DECODABLE)}, not {found}"
    if _lacks_end(found, data, image):
        yield "truncated", f"the end of the {found} file is missing"
    if found == "BMP" and data[28] not in (8, 24, 32):
        yield "unreadable", f"TensorFlow can't decode a BMP with {data[28]} bits per pixel"
    if found == "WEBP" and getattr(image, "n_frames", 1) > 1:
        yield "unreadable", "TensorFlow can't decode animated WebP"
    if image.mode != "RGB" and found != "GIF":  # a GIF only has the colours of its palette
        yield "not_rgb", f"has the mode {image.mode}"


def _lacks_end(found, data, image):
    """Whether the end of a file is missing, which Pillow does not always notice."""
    if found == "JPEG":
        return data.find(b"\xff\xd9", _first_scan(data)) < 0
    if found == "PNG":
        return b"IEND\xaeB`\x82" not in data
    if found == "BMP":  # rows are padded to four bytes
        row_bytes = -(-image.width * data[28] // 32) * 4
        return len(data) < int.from_bytes(data[10:14], "little") + row_bytes * image.height
    if found == "WEBP":  # the header has the length of the rest
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    return found == "GIF" and b"\x00;" not in data[-64:]


def _first_scan(data):
    """Position of the main image in a JPEG, after any thumbnail in its header."""
    position, marker = 2, data[2:4]
    while len(marker) == 2 and marker[0] == 0xFF and marker[1] != 0xDA:
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        position += 1 if marker[1] == 0xFF else 2 + length
        marker = data[position : position + 2]
    return position


def map_over(function, paths, workers=None, text="reading"):
    """Applies a function to files with a progress bar, on all cores if there are many files.

    Args:
      function: module-level function, or a partial one, from a path to a picklable value.
      paths: sequence of N str.
      workers: int, processes; default one per core, or none for a few files.
      text: str, the label of the bar.

    Returns:
      list of N values, in the order of `paths`.

    Raises:
      UserError: a process was killed.
    """
    workers = workers or min(_cores(), 1 + len(paths) // IMAGES_A_PROCESS)
    bar = {"total": len(paths), "desc": text, "unit": " files", "disable": None}
    if workers == 1:
        return [function(path) for path in tqdm(paths, **bar)]
    # Fresh processes, as a fork may hang after using TensorFlow.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, _leave_interrupts_to_the_parent) as pool:
            return list(tqdm(pool.map(function, paths, chunksize=CHUNK), **bar))
    except BrokenProcessPool:
        raise UserError(
            f"a process that was {text} has ended, most likely killed for lack of memory; free"
            " memory, or run again with --workers 1"
        ) from None


def _leave_interrupts_to_the_parent():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
