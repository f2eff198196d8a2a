"""The default data set: scikit-learn's scanned digits, written once as image files with lists."""

import os
import shutil

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

from data.csv_lists import list_path
from data.folders import SPLITS, split_by_class
from utils.errors import UserError

SIDE = 32  # pixels


def write(root):
    """Writes images/*.png (32 x 32, grey) and lists/*.csv, unless they already exist.

    The folder is created atomically, so an interrupted run leaves nothing half written.

    Args:
      root: str, the data set's folder.

    Raises:
      UserError: it can't be written.
    """
    if os.path.isdir(root):
        return
    part = f"{root}.part{os.getpid()}"
    try:
        _write_files(part)
        os.rename(part, root)
    except OSError as error:
        if not os.path.isdir(root):  # else another run was faster
            raise UserError(
                f"the scanned digits can't be written to {root}: {error.strerror}; free some space"
                " there, or choose another --datasets_dir"
            ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_files(folder):
    os.makedirs(os.path.join(folder, "images"))
    os.makedirs(os.path.join(folder, "lists"))
    digits = load_digits()
    rows = []
    for i, (image, label) in enumerate(zip(digits.images, digits.target)):
        name = f"{i:04d}.png"
        pixels = Image.fromarray(np.uint8(np.minimum(image * 16, 255)))
        pixels.resize((SIDE, SIDE), Image.BICUBIC).save(os.path.join(folder, "images", name))
        rows.append((int(label), name))
    for split, chosen in zip(SPLITS, map(split_by_class(rows).get, SPLITS)):
        pd.DataFrame(chosen, columns=["label", "file_name"]).to_csv(list_path(folder, split))
