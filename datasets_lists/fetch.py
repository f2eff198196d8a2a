"""Downloads a data set from its official site, verifies it and unpacks it in place."""

import contextlib
import hashlib
import os

from datasets_lists import official
from utils import archives
from utils import download as transfer
from utils.errors import UserError


def fetch(name, datasets_dir, show):
    """Downloads the missing parts of a data set, or shows how to get it by hand.

    Archives are kept in <datasets_dir>/downloads until they are unpacked.

    Args:
      name: str from `official.NAMES`.
      datasets_dir: str, the folder of the data sets, as the flag gives it.
      show: function that prints a str.

    Raises:
      UserError: a file can't be downloaded, is not the published one, or can't be unpacked.
    """
    root, _ = official.folder_of(name, datasets_dir)
    reader = official.reader_of(name)
    if not reader.DOWNLOADS:
        show(reader.BY_HAND.format(root=root))
    for wanted in reader.DOWNLOADS:
        if all(os.path.exists(os.path.join(root, part)) for part in wanted.gives):
            show(f"{' and '.join(wanted.gives)} is already in {root}")
            continue
        show(f"{wanted.url}, {wanted.size / 1e6:,.1f} MB")
        _get_one(root, wanted)
        show(f"{' and '.join(wanted.gives)} is now in {root}")
    show(f"next: python -m datasets_lists make {name}")


def _get_one(root, wanted):
    file_name = os.path.basename(wanted.url)
    if wanted.gives == (file_name,):
        transfer.download(wanted.url, os.path.join(root, file_name), wanted.size, wanted.sha256)
        return
    archive = os.path.join(os.path.dirname(root), "downloads", file_name)
    transfer.download(wanted.url, archive, wanted.size, wanted.sha256)
    if wanted.md5:
        _check_md5(archive, wanted)
    archives.extract(archive, os.path.normpath(os.path.join(root, wanted.into)))
    for part in wanted.gives:
        if not os.path.exists(os.path.join(root, part)):
            raise UserError(f"{archive} does not contain {part}: it is a different file")
    os.remove(archive)
    with contextlib.suppress(OSError):  # other archives may still be there
        os.rmdir(os.path.dirname(archive))


def _check_md5(path, wanted):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    if digest.hexdigest() != wanted.md5:
        os.remove(path)
        raise UserError(
            f"the file from {wanted.url} has the MD5 {digest.hexdigest()}, not {wanted.md5};"
            " run the command again"
        )
