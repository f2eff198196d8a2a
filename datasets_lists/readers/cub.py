"""CUB-200-2011: 200 birds. Its 2010 predecessor has the same classes and half the images."""

import os

from datasets_lists.annotations import Download, read_lines
from datasets_lists.readers import id_files
from utils.errors import UserError

DOWNLOADS = (
    Download(
        url="https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz",
        size=1150585339,
        sha256="0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
        gives=("images", id_files.IMAGES),
        into="..",  # the archive contains the folder CUB_200_2011
    ),
)

_IMAGES_OF_2010 = 6033


def read(root):
    """Reads images.txt, image_class_labels.txt and train_test_split.txt.

    Args:
      root: str, the folder with these files and the folder images.

    Returns:
      Annotations without a val split; classes are named after their folders.

    Raises:
      UserError: it is CUB-200 of 2010; a file is missing, empty or truncated, or they don't match.
    """
    _refuse_2010(root)
    return id_files.read(root, lambda number, file: file.split("/")[0])


def _refuse_2010(root):
    images = os.path.join(root, id_files.IMAGES)
    there = os.path.exists(images)
    marks = ("annotations-mat", os.path.join("lists", "files.txt"))
    old_files = not there and any(os.path.exists(os.path.join(root, name)) for name in marks)
    if old_files or (there and len(read_lines(images)) == _IMAGES_OF_2010):
        raise UserError(
            f"{root} holds CUB-200 of 2010, whose {_IMAGES_OF_2010} images are not those of"
            " CUB-200-2011; python -m datasets_lists download cub gets that, into another folder"
        )
