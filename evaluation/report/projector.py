"""The files that TensorBoard's projector reads: vectors, classes and a sheet of small photos."""

import os

import numpy as np
from PIL import Image

from evaluation.report.images import small_copy
from utils.run_dir import write_text

VECTORS, METADATA, SPRITE = "vectors.tsv", "metadata.tsv", "sprite.jpg"
CONFIG = "projector_config.pbtxt"
MOST_PIXELS, PIXELS = 8192, 64
_GREY = (200, 200, 200)


def write(folder, vectors, labels, files, paths, class_names, max_megapixels):
    """Writes the files; `tensorboard --logdir FOLDER` shows them.

    Args:
      folder: str, created if missing.
      vectors: float32 [N, D].
      labels: int [N].
      files: list of N str.
      paths: list of N str.
      class_names: list of C str.
      max_megapixels: int, larger images are not decoded.
    """
    os.makedirs(folder, exist_ok=True)
    rows = ["\t".join(f"{value:.6g}" for value in vector) for vector in vectors]
    write_text(os.path.join(folder, VECTORS), "\n".join(rows) + "\n")
    rows = [(_word(class_names[label]), _word(name)) for label, name in zip(labels, files)]
    lines = ["\t".join(row) for row in [("class", "file"), *rows]]
    write_text(os.path.join(folder, METADATA), "\n".join(lines) + "\n")
    pixels = photo_pixels(len(paths))
    part = os.path.join(folder, SPRITE + ".tmp")
    sprite(paths, pixels, max_megapixels).save(part, "JPEG", quality=85)
    os.replace(part, os.path.join(folder, SPRITE))
    write_text(os.path.join(folder, CONFIG), _config(*vectors.shape, pixels))


def _config(num_images, size, pixels):
    return f"""embeddings {{
  tensor_name: "embeddings"
  tensor_shape: {num_images}
  tensor_shape: {size}
  tensor_path: "{VECTORS}"
  metadata_path: "{METADATA}"
  sprite {{
    image_path: "{SPRITE}"
    single_image_dim: {pixels}
    single_image_dim: {pixels}
  }}
}}
"""


def _word(text):
    """A text without tabs and line breaks."""
    return " ".join(text.split()) or "-"


def photo_pixels(num_images):
    """int, pixels per side of a photo; the whole sheet has at most 8192 pixels per side."""
    return min(PIXELS, MOST_PIXELS // columns_of(num_images))


def columns_of(num_images):
    """int, photos per row of the smallest square that holds all of them."""
    return int(np.ceil(np.sqrt(num_images)))


def sprite(paths, pixels, max_megapixels):
    """All photos in a square, row by row; one that can't be read is grey.

    Args:
      paths: list of N str.
      pixels: int, per side of each photo.
      max_megapixels: int, larger images are not decoded.

    Returns:
      PIL.Image.Image.
    """
    columns = columns_of(len(paths))
    sheet = Image.new("RGB", (columns * pixels, columns * pixels), "white")
    for i, path in enumerate(paths):
        picture = small_copy(path, max_megapixels, 2 * pixels)
        picture = picture or Image.new("RGB", (pixels, pixels), _GREY)
        place = (i % columns * pixels, i // columns * pixels)
        sheet.paste(picture.resize((pixels, pixels), Image.LANCZOS), place)
    return sheet
