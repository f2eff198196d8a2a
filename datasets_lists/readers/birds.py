"""NABirds: 555 leaf classes in a tree of 1,011, numbered as in classes.txt."""

import os

from datasets_lists.annotations import WRONG_FILE, read_columns
from datasets_lists.readers import id_files
from utils.errors import UserError

DOWNLOADS = ()
BY_HAND = """\
The Cornell Lab of Ornithology offers NABirds at https://dl.allaboutbirds.org/nabirds in exchange
for a name, an e-mail address and consent to its terms. Unpack the archive to get:

  {root}/
    images/0817/0000139e21dc4d0cbfe14cae3c85c829.jpg ...
    images.txt     image_class_labels.txt     train_test_split.txt     classes.txt
"""


def read(root):
    """Reads images.txt, image_class_labels.txt, train_test_split.txt and classes.txt.

    Args:
      root: str, the folder with these files and the folder images.

    Returns:
      Annotations without a val split.

    Raises:
      UserError: a file is missing, empty or truncated, or they don't match.
    """
    path = os.path.join(root, "classes.txt")
    names = dict(read_columns(path, "a class", "its name"))

    def name_of(number, file):
        """The name of a class; `file` is one of its files, for the error message."""
        if str(number) not in names:
            raise UserError(f"{path} has no class {number}, the class of {file}; {WRONG_FILE}")
        return names[str(number)]

    return id_files.read(root, name_of)
