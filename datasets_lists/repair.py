"""--fix: rewrites images that have a problem as RGB, keeping a backup of each."""

import io
import os
import shutil
import warnings

import numpy as np
from PIL import Image, ImageFile

from datasets_lists.images import FORMATS, upright
from utils.errors import UserError
from utils.pictures import open_image

BACKUP_ENDING = ".orig"
REPAIRABLE = ("truncated", "misnamed", "not_rgb", "unreadable")
# Formats to write; a GIF can't be RGB, and TensorFlow 1.15 can't decode WebP.
_OPTIONS = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {}, "BMP": {}}


def repair_all(folder, images, max_megapixels):
    """Repairs all images that can be repaired.

    Args:
      folder: str, the image folder.
      images: dict from file below `folder` to images.ImageInfo.
      max_megapixels: int, larger images are left alone.

    Returns:
      list of (file, what was done).
    """
    done = []
    for file in sorted(images):
        kinds = {kind for kind, _ in images[file].problems}
        if kinds.intersection(REPAIRABLE):
            change = repair(os.path.join(folder, file), max_megapixels)
            done += [(file, change)] if change else []
    return done


def repair(path, max_megapixels):
    """Rewrites an image as an RGB JPEG, or as an RGB PNG or BMP if it has that extension.

    The pixels are those that training sees: transparency is dropped, and the photo is turned
    upright (`PIL.ImageOps.exif_transpose`); the new file has no EXIF orientation. The unreadable
    part of a truncated image becomes grey. The original is kept beside it as <name>.orig.

    Args:
      path: str.
      max_megapixels: int, a larger image is left alone.

    Returns:
      str, what was done; None if nothing was, as the image can't be read or its extension does not
      allow RGB.

    Raises:
      UserError: the folder can't be written.
    """
    target = FORMATS.get(os.path.splitext(path)[1].lower())
    if target not in _OPTIONS:
        return None
    image, cut = _read(path, max_megapixels)
    if image is None:
        return None
    encoded = io.BytesIO()
    image.save(encoded, target, **_OPTIONS[target])
    backup = _free_name(path + BACKUP_ENDING)
    part = _free_name(path + ".part")
    try:
        shutil.copy2(path, backup)
        with open(part, "wb") as file:
            file.write(encoded.getvalue())
        shutil.copymode(path, part)
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path} can't be repaired: {error.strerror}") from None
    lost = ", the missing part is grey" if cut else ""
    return f"now an RGB {target}{lost}; original: {os.path.basename(backup)}"


def _read(path, max_megapixels):
    """The image as RGB and whether it is truncated; (None, False) if it can't be read."""
    whole = _decoded(path, max_megapixels)
    if whole is not None:
        return whole, False
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        part = _decoded(path, max_megapixels)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    if part is None or all(low == high for low, high in part.getextrema()):
        return None, False
    return part, True


def _decoded(path, max_megapixels):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path, max_megapixels) as image:
                image.load()
                return _as_rgb(upright(image))
    except Exception:  # Pillow's readers fail in many ways on damaged files
        return None


def _as_rgb(image):
    if image.mode.startswith("I"):  # 16 bits; TensorFlow uses the upper eight
        return Image.fromarray(np.uint8(np.clip(np.asarray(image) // 256, 0, 255))).convert("RGB")
    return image.convert("RGB")


def _free_name(path):
    number, name = 1, path
    while os.path.lexists(name):
        number += 1
        name = f"{path}{number}"
    return name
