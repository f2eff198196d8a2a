"""--fix: images that have a problem written anew as RGB, each beside a backup of what it was."""

import io
import os
import shutil
import warnings

import numpy as np
from PIL import Image, ImageFile

from datasets_lists.images import FORMATS, open_image, upright
from utils.errors import UserError

BACKUP_ENDING = ".orig"
REPAIRABLE = ("truncated", "misnamed", "not_rgb", "unreadable")
# How a format is written; a GIF can't be RGB, and TensorFlow 1.15 decodes no WebP.
_OPTIONS = {"JPEG": {"quality": 95, "subsampling": 0}, "PNG": {}, "BMP": {}}


def repair_all(folder, images):
    """Repairs what can be repaired.

    Args:
      folder: str, the image folder.
      images: dict from file below `folder` to images.ImageInfo.

    Returns:
      list of (file, what was done).
    """
    done = []
    for file in sorted(images):
        kinds = {kind for kind, _ in images[file].problems}
        if kinds.intersection(REPAIRABLE):
            change = repair(os.path.join(folder, file))
            done += [(file, change)] if change else []
    return done


def repair(path):
    """Writes an image anew: an RGB JPEG, or an RGB PNG or BMP where the ending says so.

    The pixels are those that training sees: transparency is dropped, and the photo is turned by its
    EXIF orientation (`PIL.ImageOps.exif_transpose`), which the new file is without. Of a truncated
    image the part that can be read stays and the rest is grey. The file of before is kept as
    <name>.orig beside it.

    Args:
      path: str.

    Returns:
      str, what was done; None where the image can't be read or its ending allows no RGB image, and
      nothing was touched.

    Raises:
      UserError: the folder can't be written.
    """
    target = FORMATS.get(os.path.splitext(path)[1].lower())
    if target not in _OPTIONS:
        return None
    image, cut = _read(path)
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
    lost = ", what was cut off is grey" if cut else ""
    return f"now an RGB {target}{lost}; before: {os.path.basename(backup)}"


def _read(path):
    """The image as RGB and whether it is cut; (None, False) where nothing of it can be read."""
    whole = _decoded(path)
    if whole is not None:
        return whole, False
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        part = _decoded(path)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    if part is None or all(low == high for low, high in part.getextrema()):
        return None, False
    return part, True


def _decoded(path):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with open_image(path) as image:
                image.load()
                return _as_rgb(upright(image))
    except Exception:  # Pillow's readers fail in many ways on damaged files
        return None


def _as_rgb(image):
    if image.mode.startswith("I"):  # 16 bits, of which TensorFlow takes the upper eight
        return Image.fromarray(np.uint8(np.clip(np.asarray(image) // 256, 0, 255))).convert("RGB")
    return image.convert("RGB")


def _free_name(path):
    number, name = 1, path
    while os.path.lexists(name):
        number += 1
        name = f"{path}{number}"
    return name
