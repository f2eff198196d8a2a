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


def write(folder, vectors, labels, files, paths, class_names):
    """Writes the files; `tensorboard --logdir FOLDER` shows them.

    Args:
      folder: str, made where it is missing.
      vectors: float32 [N, D].
      labels: int [N].
      files: list of N str.
      paths: list of N str.
      class_names: list of C str.
    """
    os.makedirs(folder, exist_ok=True)
    rows = ["\t".join(f"{value:.6g}" for value in vector) for vector in vectors]
    write_text(os.path.join(folder, VECTORS), "\n".join(rows) + "\n")
    rows = [(_word(class_names[label]), _word(name)) for label, name in zip(labels, files)]
    lines = ["\t".join(row) for row in [("class", "file"), *rows]]
    write_text(os.path.join(folder, METADATA), "\n".join(lines) + "\n")
    side = side_of(len(paths))
    part = os.path.join(folder, SPRITE + ".tmp")
    sprite(paths, side).save(part, "JPEG", quality=85)
    os.replace(part, os.path.join(folder, SPRITE))
    write_text(os.path.join(folder, CONFIG), _config(*vectors.shape, side))


def _config(num_images, size, side):
    return f"""embeddings {{
  tensor_name: "embeddings"
  tensor_shape: {num_images}
  tensor_shape: {size}
  tensor_path: "{VECTORS}"
  metadata_path: "{METADATA}"
  sprite {{
    image_path: "{SPRITE}"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
}}
"""


def _word(text):
    """A text without the signs that end a cell or a line."""
    return " ".join(text.split()) or "-"


def side_of(num_images):
    """int, pixels a side of each photo, so that the square of them has at most 8192 a side."""
    return min(PIXELS, MOST_PIXELS // columns_of(num_images))


def columns_of(num_images):
    """int, photos a row: the smallest square that holds all of them."""
    return int(np.ceil(np.sqrt(num_images)))


def sprite(paths, side):
    """All photos in a square, row by row; one that can't be read is grey.

    Args:
      paths: list of N str.
      side: int, pixels a side of each.

    Returns:
      PIL.Image.Image.
    """
    columns = columns_of(len(paths))
    sheet = Image.new("RGB", (columns * side, columns * side), "white")
    for i, path in enumerate(paths):
        picture = small_copy(path, 2 * side) or Image.new("RGB", (side, side), _GREY)
        place = (i % columns * side, i // columns * side)
        sheet.paste(picture.resize((side, side), Image.LANCZOS), place)
    return sheet
