"""Safe extraction of archives: nothing outside the folder, no partial files."""

import functools
import lzma
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib

from tqdm import tqdm

from utils.errors import UserError

CHUNK_BYTES = 1 << 18
# Size limit of the contents: photos hardly compress, and text rarely below a hundredth.
MOST_TIMES = 200
MOST_MORE_BYTES = 1 << 30
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError,
           IndexError)  # fmt: skip


def extract(archive, folder, most_bytes=None):
    """Extracts a zip or tar archive, compressed or not, into a folder.

    The archive is unpacked beside the folder and moved in once all of it has been read, so no file
    is ever partial; files of the same names are replaced. Modes, owners and times are not kept.

    Args:
      archive: str, path of the archive.
      folder: str, created if missing.
      most_bytes: int, the largest total size of its files; default `MOST_TIMES` times its own size
        plus `MOST_MORE_BYTES`.

    Returns:
      list of str, the files extracted, relative to `folder`.

    Raises:
      UserError: it is not an archive, is damaged, holds more than `most_bytes`, or holds anything
        but files and folders below itself (a link, a sparse file, an absolute path, a "..").
    """
    parent = os.path.dirname(os.path.abspath(folder))
    staging = None
    try:
        os.makedirs(parent, exist_ok=True)
        staging = tempfile.mkdtemp(prefix=".extracting-", dir=parent)
        os.chmod(staging, 0o755)
        if most_bytes is None:
            most_bytes = MOST_TIMES * os.path.getsize(archive) + MOST_MORE_BYTES
        names = _unpack(archive, staging, most_bytes)
        _move_into(staging, os.path.abspath(folder))
        return names
    except (*_DAMAGE, OSError, RuntimeError) as error:
        reason = str(error).split("\n")[0]
        if isinstance(error, _DAMAGE) or getattr(error, "errno", 0) is None:  # a failed checksum
            raise UserError(
                f"{archive} is not a complete archive; download it again ({reason})"
            ) from None
        raise UserError(f"{archive} can't be extracted into {folder}: {reason}") from None
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)


class _Quota:
    """Counts the bytes of an archive's contents and refuses too many."""

    def __init__(self, archive, most_bytes):
        self._archive, self._most, self._left = archive, most_bytes, most_bytes

    def check(self, size):
        if size > self._left:
            raise UserError(
                f"{self._archive} is not extracted: it holds more than {self._most} bytes, which is"
                " too much for an archive of its size"
            )

    def copy(self, source, file=None):
        """Copies a stream to a file, or without a file just reads it to the end."""
        for chunk in iter(lambda: source.read(CHUNK_BYTES), b""):
            self.check(len(chunk))
            self._left -= len(chunk)
            if file is not None:
                file.write(chunk)


def _unpack(archive, staging, most_bytes):
    names, quota = [], _Quota(archive, most_bytes)
    with open(archive, "rb"):  # raises for a missing file
        members = _zip_members if zipfile.is_zipfile(archive) else _tar_members
    for name, kind, size, open_member in tqdm(
        members(archive, quota), desc=os.path.basename(archive), unit=" files", disable=None
    ):
        target = _target_of(archive, staging, name, kind)
        os.makedirs(target if kind == "folder" else os.path.dirname(target), exist_ok=True)
        if kind == "file":
            quota.check(size)
            with open_member() as source, open(target, "wb") as file:
                quota.copy(source, file)
            names.append(os.path.relpath(target, staging))
    return names


def _target_of(archive, staging, name, kind):
    """The path of a member, refused unless it is a file or folder below `staging`."""
    parts = name.replace("\\", "/").split("/")
    outside = parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name)
    if kind == "other" or outside or "\0" in name:
        raise UserError(
            f"{archive} is not safe to extract: {name!r} leaves its folder or is neither a plain"
            " file nor a folder"
        )
    return os.path.join(staging, *[part for part in parts if part not in ("", ".")])


def _tar_members(archive, quota):
    """Yields (name, "file", "folder" or "other", its declared bytes, function that opens it)."""
    with tarfile.open(archive) as tar:
        for member in tar:
            kind = "file" if member.isfile() else "folder" if member.isdir() else "other"
            kind = "other" if member.issparse() else kind
            opener = functools.partial(tar.extractfile, member)
            yield member.name, kind, member.size, opener
        quota.copy(tar.fileobj)  # the checksum of the compressed stream is at its end


def _zip_members(archive, quota):
    with zipfile.ZipFile(archive) as package:
        quota.check(sum(member.file_size for member in package.infolist()))
        for member in package.infolist():
            kind = "folder" if member.is_dir() else "file"
            kind = "other" if stat.S_ISLNK(member.external_attr >> 16) else kind
            opener = functools.partial(package.open, member)
            yield member.filename, kind, member.file_size, opener


def _move_into(source, target):
    """Moves a tree into a folder: new parts by one rename, existing parts file by file."""
    if not os.path.exists(target):
        os.rename(source, target)
        return
    for name in os.listdir(source):
        inner, place = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(inner):
            _move_into(inner, place)
        else:
            os.replace(inner, place)
