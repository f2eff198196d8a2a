"""Opens image files with Pillow, after a check of their size and format."""

import warnings

from PIL import Image

# Pillow has more readers, one of which starts another program (Ghostscript).
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


class TooLarge(Exception):  # noqa: N818 - a problem of the image, which is reported
    """An image has too many pixels to be decoded."""


def open_image(source, max_megapixels):
    """Opens an image, reading only its header.

    Args:
      source: str, a path, or a binary file.
      max_megapixels: int.

    Returns:
      PIL.Image.Image.

    Raises:
      TooLarge: it has more than `max_megapixels`.
      Exception: of many types, it is not an image.
    """
    Image.MAX_IMAGE_PIXELS = None  # this limit replaces Pillow's own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata; only the pixels matter
        image = Image.open(source, formats=FORMATS)
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        image.close()
        raise TooLarge(f"has {megapixels:,.0f} megapixels, more than {max_megapixels}")
    return image
