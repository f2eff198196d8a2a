"""A data set from a server of the test's own that misbehaves, to its lists."""

import hashlib
import http.server
import io
import os
import re
import tarfile
import threading

import pytest

from datasets_lists import fetch, lists, official
from reproduction import synthetic
from tests.datasets_lists.helpers import contents_of, message_of
from utils import download as transfer


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives the files of the server; its n-th answer is spoilt as the n-th word says."""

    def do_GET(self):
        server = self.server
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked.group(1)) if asked else 0
        server.seen.append((os.path.basename(self.path), start))
        word = server.script[len(server.seen) - 1] if len(server.seen) <= len(server.script) else ""
        body = server.files.get(os.path.basename(self.path))
        if body is None or word.isdigit():
            self.send_error(int(word or 404))
            return
        if word == "whole":
            start = 0
        rest = body[start:]
        self.send_response(206 if start or word == "wrong" else 200)
        shown = start + 5 if word == "wrong" else start
        if start or word == "wrong":
            self.send_header("Content-Range", f"bytes {shown}-{len(body) - 1}/{len(body)}")
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: len(body) // 3] if word == "break" else rest)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        made.script, made.seen, made.files = [], [], {}
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def packed(root, members, **more):
    """A gzipped tar of files and folders below `root`, and of texts."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for member in members:
            tar.add(os.path.join(root, member), member)
        for name, text in more.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return archive.getvalue()


# Data set -> what its archives hold; the other files are given as they are.
ARCHIVES = {
    "aircrafts": {"fgvc-aircraft-2013b.tar.gz": ["fgvc-aircraft-2013b"]},
    "flowers": {"102flowers.tgz": ["jpg"]},
    "dogs": {"images.tar": ["Images"], "lists.tar": ["train_list.mat", "test_list.mat"]},
    "cub": {"CUB_200_2011.tgz": ["CUB_200_2011"]},
}


@pytest.fixture
def offered(server, tmp_path, monkeypatch):
    """A function that offers a data set: a generated copy in place of the files of its site."""

    def offer(name):
        root = synthetic.write(name, str(tmp_path / "site"), images_per_class=6)
        base = os.path.dirname(root) if name == "cub" else root
        for file, members in ARCHIVES[name].items():
            server.files[file] = packed(base, members)
        module = official.reader_of(name)
        address = f"http://127.0.0.1:{server.server_address[1]}/data/"
        wanted = []
        for part in module.DOWNLOADS:
            file = os.path.basename(part.url)
            if file not in server.files:
                with open(os.path.join(root, file), "rb") as plain:
                    server.files[file] = plain.read()
            body = server.files[file]
            assert part.sha256 is None or re.match("[0-9a-f]{64}$", part.sha256)
            wanted.append(
                part._replace(
                    url=address + file,
                    size=len(body),
                    sha256=part.sha256 and hashlib.sha256(body).hexdigest(),
                    md5=part.md5 and hashlib.md5(body).hexdigest(),
                )
            )
        monkeypatch.setattr(module, "DOWNLOADS", tuple(wanted))
        return root

    return offer


def get(name, folder):
    lines = []
    fetch.fetch(name, str(folder), lines.append)
    return lines


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize(
    "script", [[], ["break", "", "", "wrong"], ["break", "wrong", "break", "whole"]]
)
def test_what_the_site_gives_comes_into_its_place(server, offered, tmp_path, name, script):
    original = offered(name)
    server.script = script
    lines = get(name, tmp_path / "sets")
    root = official.existing_folder_of(name, str(tmp_path / "sets"))
    assert contents_of(root) == contents_of(original)
    assert lines[-1] == f"next: python -m datasets_lists make {name}"
    assert os.listdir(str(tmp_path / "sets")) == [os.path.basename(root)]
    if script:
        third = len(server.files[server.seen[0][0]]) // 3
        assert server.seen[:2] == [(server.seen[0][0], 0), (server.seen[0][0], third)]
    lists.write(root, official.read(name, root, subset=True))
    server.seen[:] = []
    assert "already" in get(name, tmp_path / "sets")[0] and server.seen == []
    assert os.path.exists(os.path.join(root, "lists", "classes.csv"))


def test_a_broken_download_goes_on_in_a_later_call(server, offered, tmp_path):
    offered("flowers")
    size = len(server.files["102flowers.tgz"])
    server.script = ["break"] + ["503"] * transfer.ATTEMPTS
    message = message_of(get, "flowers", tmp_path / "sets")
    assert "bytes are kept" in message
    assert not os.path.exists(str(tmp_path / "sets" / "flower102"))
    get("flowers", tmp_path / "sets")
    asked = [start for file, start in server.seen if file == "102flowers.tgz"]
    assert asked == [0] + [size // 3] * (transfer.ATTEMPTS + 1)


@pytest.mark.parametrize("name", ["aircrafts", "cub"])
def test_a_file_of_another_size_or_checksum_is_not_unpacked(server, offered, tmp_path, name):
    offered(name)
    (file,) = ARCHIVES[name]
    body = server.files[file]
    server.files[file] = body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]
    message = message_of(get, name, tmp_path / "sets")
    assert ("MD5" if name == "aircrafts" else "SHA-256") in message and file in message
    server.files[file] = body + b"x"
    assert f"{len(body) + 1} bytes, not {len(body)}" in message_of(get, name, tmp_path / "sets")
    assert list(contents_of(tmp_path / "sets")) == []


def spoilt(monkeypatch, server, name, body):
    """Offers a body that fits its checksum, so that only the unpacking can notice."""
    module = official.reader_of(name)
    (part,) = module.DOWNLOADS
    server.files[os.path.basename(part.url)] = body
    part = part._replace(size=len(body), sha256=hashlib.sha256(body).hexdigest())
    monkeypatch.setattr(module, "DOWNLOADS", (part,))


@pytest.mark.parametrize("damage", ["cut", "climbs", "text", "another"])
def test_an_archive_that_is_none_leaves_no_trace(server, offered, tmp_path, monkeypatch, damage):
    original = offered("cub")
    whole = server.files["CUB_200_2011.tgz"]
    bodies = {
        "cut": whole[: len(whole) // 2],
        "climbs": packed(os.path.dirname(original), ["CUB_200_2011"], **{"../out.txt": b"x"}),
        "text": b"<html>moved</html>",
        "another": packed(original, [], **{"readme.txt": b"x"}),
    }
    spoilt(monkeypatch, server, "cub", bodies[damage])
    (tmp_path / "sets" / "CUB_200_2011").mkdir(parents=True)
    (tmp_path / "sets" / "CUB_200_2011" / "mine.txt").write_text("mine")
    message = message_of(get, "cub", tmp_path / "sets")
    words = {"climbs": "not safe", "another": "does not contain images"}.get(
        damage, "not a complete"
    )
    assert words in message and "CUB_200_2011.tgz" in message
    left = set(contents_of(tmp_path / "sets")) - {"downloads/CUB_200_2011.tgz", "readme.txt"}
    assert left == {"CUB_200_2011/mine.txt"}
    assert not os.path.exists(str(tmp_path / "out.txt"))


@pytest.mark.parametrize("name", ["cars", "birds"])
def test_what_has_no_address_is_explained(server, tmp_path, name):
    text = "\n".join(get(name, tmp_path / "sets"))
    assert "http" in text and official.folder_of(name, str(tmp_path / "sets"))[0] in text
    for words in {"cars": ("cars_annos.mat", "withlabels"), "birds": ("classes.txt",)}[name]:
        assert words in text
    assert server.seen == [] and not (tmp_path / "sets").exists()


def test_an_address_that_has_gone(server, offered, tmp_path):
    offered("flowers")
    del server.files["102flowers.tgz"]
    message = message_of(get, "flowers", tmp_path / "sets")
    assert "404" in message and "102flowers.tgz" in message
