"""Archives that would fill the disk; the others are tested with the downloads."""

import gzip
import io
import os
import tarfile
import zipfile

import pytest

from utils import archives
from utils.errors import UserError

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def _small_limits(monkeypatch):
    monkeypatch.setattr(archives, "MOST_TIMES", 2)
    monkeypatch.setattr(archives, "MOST_MORE_BYTES", MEGABYTE)


def tar_of(path, sizes, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for number, size in enumerate(sizes):
            info = tarfile.TarInfo(f"{number}.bin")
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    return path


def zip_of(path, sizes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for number, size in enumerate(sizes):
            package.writestr(f"{number}.bin", bytes(size))
    return path


def refused(archive, folder, **limits):
    """The sentence, after a look that nothing is left."""
    before = sorted(os.listdir(os.path.dirname(folder)))
    with pytest.raises(UserError) as caught:
        archives.extract(archive, folder, **limits)
    assert sorted(os.listdir(os.path.dirname(folder))) == before
    assert archive in str(caught.value) and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.promise(
    "a small archive holds a great deal", "it is refused", "200 times its size plus 1 GB"
)
@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_what_is_much_larger_than_its_archive_is_refused(tmp_path, make):
    folder = str(tmp_path / "out")
    bomb = make(str(tmp_path / "bomb"), [MEGABYTE] * 8)
    assert "it holds more than" in refused(bomb, folder)
    assert "it holds more than 7 bytes" in refused(bomb, folder, most_bytes=7)
    assert len(archives.extract(bomb, folder, most_bytes=9 * MEGABYTE)) == 8
    fair = make(str(tmp_path / "fair"), [MEGABYTE // 2])
    assert archives.extract(fair, folder) == ["0.bin"]


def test_one_long_member_is_refused_before_it_is_written(tmp_path, monkeypatch):
    bomb = tar_of(str(tmp_path / "bomb.tar.gz"), [8 * MEGABYTE])
    monkeypatch.setattr(archives._Quota, "copy", lambda *_: pytest.fail("it was unpacked"))
    refused(bomb, str(tmp_path / "out"))


def test_bytes_are_counted_where_a_member_declares_too_few(tmp_path):
    quota = archives._Quota("a.tar", 10)
    with pytest.raises(UserError, match="more than 10 bytes"):
        quota.copy(io.BytesIO(bytes(11)), io.BytesIO())


def test_what_follows_the_end_of_a_tar_is_not_read_without_end(tmp_path):
    path = tar_of(str(tmp_path / "a.tar"), [10], "w:")
    with open(path, "rb") as file, gzip.open(path + ".gz", "wb") as packed:
        packed.write(file.read() + bytes(8 * MEGABYTE))
    refused(path + ".gz", str(tmp_path / "out"))


def sparse_header(name, size):
    """A GNU header of a file that is one hole of `size` bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT)[:512])
    block[386:398] = b"%011o\0" % size  # the hole's end, where no bytes are
    block[398:410] = b"%011o\0" % 0
    block[483:495] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def test_sparse_files_are_refused(tmp_path):
    path = str(tmp_path / "sparse.tar")
    with open(path, "wb") as file:
        file.write(sparse_header("hole.bin", 8 << 30) + bytes(1024))
    assert "'hole.bin'" in refused(path, str(tmp_path / "out"))
    with open(path, "wb") as file:
        file.write(sparse_header("hole.bin", 100) + bytes(1024))
    assert "'hole.bin'" in refused(path, str(tmp_path / "out"))


def test_a_member_without_a_name(tmp_path):
    path = zip_of(str(tmp_path / "a.zip"), [10])
    with open(path, "rb") as file:
        whole = bytearray(file.read())
    entry = whole.rindex(b"PK\1\2")
    whole[entry + 28 : entry + 30] = b"\0\0"  # the length of the name
    del whole[entry + 46 : entry + 46 + len("0.bin")]
    end = whole.rindex(b"PK\5\6")
    whole[end + 12 : end + 16] = (end - entry).to_bytes(4, "little")
    with open(path, "wb") as file:
        file.write(whole)
    assert "not a complete archive" in refused(path, str(tmp_path / "out"))
