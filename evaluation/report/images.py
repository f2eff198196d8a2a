"""Photos, maps and figures as data: URIs, so that a page needs no other file."""

import base64
import io
import os
import tempfile

import numpy as np
from PIL import Image

from evaluation import plots

PIXELS = 96
_FOR, _AGAINST = np.array([214, 93, 14]), np.array([38, 84, 166])


class Thumbnails:
    """Small copies of photos; each is read once."""

    def __init__(self, max_megapixels, pixels=PIXELS):
        """Takes the size of the largest photo to decode, and the longest side in pixels."""
        self._max_megapixels, self._pixels = max_megapixels, pixels
        self._uris = {}

    def of(self, path):
        """The data: URI of a photo; None if it can't be read."""
        if path not in self._uris:
            self._uris[path] = self._read(path)
        return self._uris[path]

    def _read(self, path):
        picture = small_copy(path, self._max_megapixels, self._pixels)
        return None if picture is None else jpeg(picture)


def small_copy(path, max_megapixels, pixels):
    """Reads a photo and shrinks it, see `plots.read_picture`.

    Args:
      path: str.
      max_megapixels: int, a larger photo is not decoded.
      pixels: int, the longest side.

    Returns:
      PIL.Image.Image in RGB; None if it can't be read.
    """
    try:
        return plots.read_picture(path, max_megapixels, pixels)
    except Exception:  # decoders may raise anything for a damaged file; the page shows a grey box
        return None


def jpeg(picture):
    """The data: URI of a PIL.Image.Image in RGB."""
    stored = io.BytesIO()
    picture.save(stored, "JPEG", quality=75, optimize=True)
    return _uri("jpeg", stored.getvalue())


def png_of(draw):
    """The data: URI of a PNG.

    Args:
      draw: function that writes it to a given path.

    Returns:
      str; None if nothing was drawn.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figure.png")
        draw(path)
        if not os.path.exists(path):
            return None
        with open(path, "rb") as file:
            return _uri("png", file.read())


def figure(drawn):
    """The data: URI of a matplotlib figure."""
    return png_of(lambda path: plots.save(drawn, path, dpi=110))


def _uri(kind, content):
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def heat(frame, values, pixels=2 * PIXELS):
    """A frame with a map on it: orange where it is positive, blue where it is negative.

    Args:
      frame: uint8 [F, F, 3].
      values: float [H, W]; the largest magnitude is drawn at full strength.
      pixels: int, the side of the picture.

    Returns:
      str, a data: URI.
    """
    size = (pixels, pixels)
    grey = Image.fromarray(frame).convert("L").convert("RGB").resize(size, Image.BICUBIC)
    pale = 0.6 * np.asarray(grey, np.float32) + 0.4 * 255
    strength = (values / max(np.abs(values).max(), 1e-12)).astype(np.float32)
    strength = np.asarray(Image.fromarray(strength).resize(size, Image.NEAREST))[..., np.newaxis]
    colour = np.where(strength > 0, _FOR, _AGAINST)
    cover = 0.75 * np.abs(strength)
    mixed = (1 - cover) * pale + cover * colour
    return jpeg(Image.fromarray(mixed.astype(np.uint8)))
