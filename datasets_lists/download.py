"""Gets a data set from its official address: downloaded, compared, unpacked and in its place."""

import contextlib
import hashlib
import os
import sys

from datasets_lists import official
from utils import archives
from utils import download as transfer
from utils.errors import UserError, run_script


def get(name, datasets_dir, say):
    """Gets what is missing of a data set, or says how to get it by hand.

    Archives wait in <datasets_dir>/downloads until they are unpacked.

    Args:
      name: str from `official.NAMES`.
      datasets_dir: str, the folder of the data sets, as the flag gives it.
      say: function of a str, that shows it.

    Raises:
      UserError: a file can't be had, is not the published one, or can't be unpacked.
    """
    root, _ = official.folder_of(name, datasets_dir)
    module = official.module_of(name)
    if not module.DOWNLOADS:
        say(module.BY_HAND.format(root=root))
    for wanted in module.DOWNLOADS:
        if all(os.path.exists(os.path.join(root, part)) for part in wanted.gives):
            say(f"{' and '.join(wanted.gives)} is in {root} already")
            continue
        say(f"{wanted.url}, {wanted.size / 1e6:,.1f} MB")
        _get_one(root, wanted)
        say(f"{' and '.join(wanted.gives)} is in {root} now")
    say(f"next: python -m datasets_lists.make {name}")


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
            raise UserError(f"{archive} has been unpacked, but gives no {part}: it is another one")
    os.remove(archive)
    with contextlib.suppress(OSError):  # others may still wait there
        os.rmdir(os.path.dirname(archive))


def _check_md5(path, wanted):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    if digest.hexdigest() != wanted.md5:
        os.remove(path)
        raise UserError(
            f"what {wanted.url} gives has the MD5 {digest.hexdigest()}, not {wanted.md5};"
            " run the command again"
        )


if __name__ == "__main__":
    from datasets_lists.__main__ import main

    run_script("datasets_lists.download", lambda: main(["download", *sys.argv[1:]]))
