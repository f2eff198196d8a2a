import hashlib
import http.server
import io
import os
import re
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from utils import archives
from utils import download as transfer
from utils.errors import UserError

BODY = np.random.RandomState(0).bytes(3 << 20)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers the n-th request of a test with the n-th word of the server's script."""

    def do_GET(self):
        server = self.server
        server.seen.append(self.headers)
        word = server.script[min(len(server.seen), len(server.script)) - 1]
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") == server.tag
        start = int(asked.group(1)) if asked and same and "no_range" not in word else 0
        if word in ("404", "503", "416"):
            self.send_error(int(word))
            return
        body = BODY[start:]
        self.send_response(206 if start or "wrong_range" in word else 200)
        if start or "wrong_range" in word:
            shown = start + 7 if "wrong_range" in word else start
            self.send_header("Content-Range", f"bytes {shown}-{len(BODY) - 1}/{len(BODY)}")
        if server.tag and "no_tag" not in word:
            self.send_header("ETag" if server.tag.startswith('"') else "Last-Modified", server.tag)
        if "encoded" in word:
            self.send_header("Content-Encoding", "gzip")
        if "no_length" not in word:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: 1 << 20] if "break" in word else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server, its address, and the headers of the requests that came."""
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.seen, made.tag = ["whole"], [], '"v1"'
        made.url = f"http://127.0.0.1:{made.server_address[1]}/a/file.bin"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def message_of(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value) and " at 0x" not in str(caught.value)
    return str(caught.value)


def ranges(server):
    return [headers.get("Range") for headers in server.seen]


@pytest.mark.promise(
    "a download breaks off or the server is wrong", "the file arrives whole or not at all"
)
@pytest.mark.parametrize(
    "script, asked",
    [
        (["whole"], [None]),
        (["encoded"], [None]),
        (["no_length"], [None]),
        (["break", "break", "whole"], [None, "bytes=1048576-", "bytes=2097152-"]),
        (["break", "whole no_range"], [None, "bytes=1048576-"]),
        (["break", "wrong_range", "whole"], [None, "bytes=1048576-", None]),
        (["break", "416", "whole"], [None, "bytes=1048576-", None]),
        (["break no_tag", "whole"], [None, None]),
        (["break no_length", "whole"], [None, "bytes=1048576-"]),
        (["503", "break", "503", "503", "503", "whole"], [None] * 2 + ["bytes=1048576-"] * 4),
    ],
)
def test_a_file_arrives_whole_whatever_the_server_does(server, tmp_path, script, asked):
    server.script = script
    path = str(tmp_path / "new" / "file.bin")
    transfer.download(server.url, path, size=len(BODY), sha256=SHA256.upper())
    with open(path, "rb") as file:
        assert file.read() == BODY
    assert ranges(server) == asked
    assert os.listdir(str(tmp_path / "new")) == ["file.bin"]


@pytest.mark.parametrize("tag", ['"v1"', "Wed, 21 Oct 2015 07:28:00 GMT"])
@pytest.mark.parametrize("changed", [False, True])
def test_a_later_call_goes_on_unless_the_servers_file_is_another(server, tmp_path, tag, changed):
    path = str(tmp_path / "file.bin")
    server.tag = tag
    server.script = ["break"] + ["503"] * transfer.ATTEMPTS
    message = message_of(transfer.download, server.url, path)
    assert server.url in message and "503" in message and "1048576 bytes are kept" in message
    assert not os.path.exists(path)
    with open(path + ".part", "r+b") as file:
        assert file.read() == BODY[: 1 << 20]
        file.seek(0)
        file.write(b"X")  # so that the end shows what was kept
    server.tag = tag[:-1] + "2" + tag[-1] if changed else tag
    server.script, server.seen[:] = ["whole"], []
    transfer.download(server.url, path)
    with open(path, "rb") as file:
        assert file.read() == (BODY if changed else b"X" + BODY[1:])
    assert ranges(server) == ["bytes=1048576-"]


@pytest.mark.parametrize(
    "script, words",
    [
        (["404"], ["the server answered 404"]),
        (["break no_range"], ["4 attempts", "1048576 bytes"]),
        (["wrong_range"], ["a different part"]),
        (["503"], ["503", "0 bytes are kept"]),
    ],
)
def test_what_a_server_never_gives_is_said_in_one_sentence(server, tmp_path, script, words):
    server.script = script
    message = message_of(transfer.download, server.url, str(tmp_path / "file.bin"))
    for word in words + [server.url]:
        assert word in message
    assert len(server.seen) == (
        1 if script == ["404"] else transfer.ATTEMPTS + ("break" in script[0])
    )
    assert not os.path.exists(str(tmp_path / "file.bin"))


def test_a_file_of_the_wrong_size_or_checksum_is_not_kept(server, tmp_path):
    path = str(tmp_path / "file.bin")
    assert "has 3145728 bytes, not 5" in message_of(transfer.download, server.url, path, size=5)
    message = message_of(transfer.download, server.url, path, sha256="0" * 64)
    assert SHA256 in message and "0" * 64 in message
    assert os.listdir(str(tmp_path)) == []


def test_a_file_that_is_there_is_checked_and_left(server, tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"mine")
    transfer.download(server.url, str(path))
    transfer.download(server.url, str(path), size=4, sha256=hashlib.sha256(b"mine").hexdigest())
    assert "already exists" in message_of(transfer.download, server.url, str(path), size=5)
    assert path.read_bytes() == b"mine" and server.seen == []


def test_no_server_and_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    path = str(tmp_path / "file.bin")
    assert "refused" in message_of(transfer.download, "http://127.0.0.1:9/x", path)
    assert "can't be downloaded" in message_of(transfer.download, "nowhere", path)
    (tmp_path / "plain").write_text("")
    path = str(tmp_path / "plain" / "file.bin")
    assert "can't be written" in message_of(transfer.download, "http://127.0.0.1:9/x", path)


FILES = {"./top.txt": b"top", "deep/er/in.bin": BODY[:200000], "deep/empty": b""}


def write_archive(path, files, links=()):
    if path.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
            for name, contents in files.items():
                package.writestr(name, contents)
            for name, target in links:
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o120777 << 16
                package.writestr(info, target)
        return path
    with tarfile.open(path, "w:" + path.rsplit(".", 1)[1].replace("tar", "")) as tar:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(contents), 0o4777
            tar.addfile(info, io.BytesIO(contents))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tar.bz2", "a.tar.xz"])
def test_archives_of_every_kind_are_merged_into_a_folder(tmp_path, name):
    archive = write_archive(str(tmp_path / name), FILES)
    folder = tmp_path / "new" / "out"
    for _ in range(2):
        names = archives.extract(archive, str(folder))
        assert sorted(names) == ["deep/empty", "deep/er/in.bin", "top.txt"]
        for file in names:
            contents = FILES.get(file, FILES.get("./" + file))
            assert (folder / file).read_bytes() == contents
            assert os.stat(str(folder / file)).st_mode & 0o7000 == 0
        (folder / "top.txt").write_text("old")
        (folder / "mine.txt").write_text("mine")
    archives.extract(archive, str(folder))
    assert (folder / "top.txt").read_bytes() == b"top"
    assert (folder / "mine.txt").read_text() == "mine"
    assert os.listdir(str(tmp_path / "new")) == ["out"]


@pytest.mark.promise("an archive names a file outside its folder", "it is refused whole")
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "C:\\out.txt"])
def test_an_archive_that_leaves_its_folder_is_refused_whole(tmp_path, kind, name):
    archive = write_archive(str(tmp_path / f"bad.{kind}"), dict(FILES, **{name: b"x"}))
    message = message_of(archives.extract, archive, str(tmp_path / "folder"))
    assert "not safe" in message and archive in message
    assert os.listdir(str(tmp_path)) == [f"bad.{kind}"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_are_refused(tmp_path, kind):
    archive = write_archive(str(tmp_path / f"bad.{kind}"), FILES, [("link", "/etc")])
    assert "'link'" in message_of(archives.extract, archive, str(tmp_path / "folder"))
    assert os.listdir(str(tmp_path)) == [f"bad.{kind}"]


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "missing"])
def test_a_damaged_archive_gets_one_sentence_and_leaves_nothing(tmp_path, name, damage):
    path = tmp_path / name
    write_archive(str(path), FILES)
    contents = path.read_bytes()
    middle = len(contents) // 2
    flipped = contents[:middle] + bytes([contents[middle] ^ 255]) + contents[middle + 1 :]
    made = {"cut": contents[:middle], "flipped": flipped, "text": b"<html>no</html>" * 99}
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(made[damage])
    if (name, damage) == ("a.tar", "flipped"):
        return  # a plain tar has no checksum of its contents
    message = message_of(archives.extract, str(path), str(tmp_path / "folder"))
    assert str(path) in message and ("not a complete archive" in message) == (damage != "missing")
    assert not (tmp_path / "folder").exists() and len(os.listdir(str(tmp_path))) <= 1
