"""Downloads that resume after an interruption and verify what they got."""

import contextlib
import hashlib
import os
import re
import time

import requests
import urllib3
from tqdm import tqdm

from utils.errors import UserError

ATTEMPTS = 4
PAUSE_SECONDS = 1.0  # before the second attempt; doubled before each further one
TIMEOUT_SECONDS = (20, 60)  # to connect, and between two chunks
CHUNK_BYTES = 1 << 18


class _Broken(Exception):  # noqa: N818 - handled here: another attempt follows
    """A transfer ended early."""


def download(url, path, size=None, sha256=None):
    """Downloads a file, which appears under its name only once it is complete and verified.

    Partial data is kept in `path`.part, so the same call resumes after an interruption if the
    server confirms that its file is unchanged. A file that already exists is verified and not
    downloaded again. A terminal gets a progress bar.

    Args:
      url: str, http or https.
      path: str, the file to write; its folder is created if missing.
      size: int, in bytes, if known.
      sha256: str, its SHA-256 in hexadecimal, if known.

    Raises:
      UserError: the file can't be downloaded, is not the expected one, or can't be written.
    """
    if os.path.exists(path):
        _check(path, f"{path}, which already exists,", size, sha256)
        return
    part = path + ".part"
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        if size is None or _bytes_of(part) != size:
            _attempts(url, part, size)
        try:
            _check(part, f"the file from {url}", size, sha256)
        except UserError:
            _forget(part)
            raise
        os.replace(part, path)
        _forget(part)
    except requests.RequestException as error:  # an OSError too, so it has to come first
        raise UserError(f"{url} can't be downloaded: {_root(error)}") from None
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from None


def _attempts(url, part, size):
    """Retries until the part is complete; counts attempts that bring nothing new."""
    failures, most = 0, _bytes_of(part)
    while True:
        try:
            return _transfer(url, part, size)
        except (
            _Broken,
            requests.ConnectionError,
            requests.Timeout,
            urllib3.exceptions.HTTPError,
        ) as error:
            reason = _root(error)
        kept = _bytes_of(part)
        failures = 0 if kept > most else failures + 1
        most = max(most, kept)
        if failures == ATTEMPTS:
            raise UserError(
                f"{url} can't be downloaded in {ATTEMPTS} attempts ({reason});"
                f" {kept} bytes are kept; run the same command again to resume"
            )
        time.sleep(PAUSE_SECONDS * 2 ** max(failures - 1, 0))


def _transfer(url, part, size):
    """One request for the missing rest of a part."""
    kept, tag = _bytes_of(part), _tag_of_part(part)
    headers = {"Accept-Encoding": "identity"}
    if kept and tag:
        headers.update({"Range": f"bytes={kept}-", "If-Range": tag})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as response:
        if response.headers.get("Content-Range") == f"bytes */{kept}" and kept:
            return  # status 416: nothing is missing
        start = _start_of(response, kept, part)
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else size
        if size is not None and total != size:
            raise UserError(f"{url} has {total} bytes, not {size}: it is a different file")
        _save(response, part, start, total)
    if total is not None and _bytes_of(part) != total:
        raise _Broken(f"it stopped after {_bytes_of(part)} of {total} bytes")


def _start_of(response, kept, part):
    """The position in the file where the body of a response begins."""
    status = response.status_code
    if status == 200:
        return 0
    if status == 206:
        found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        if found and int(found.group(1)) == kept:
            return kept
    if status in (206, 416):
        _forget(part)
        raise _Broken("the server sent a different part of the file than requested")
    answer = f"the server answered {status} {response.reason}"
    if status == 429 or status >= 500:
        raise _Broken(answer)
    raise UserError(f"{response.url} can't be downloaded: {answer}")


def _save(response, part, start, total):
    with open(part, "r+b" if start else "wb") as file, tqdm(
        total=total, initial=start, unit="B", unit_scale=True, disable=None,
        desc=os.path.basename(part)[: -len(".part")],
    ) as bar:  # fmt: skip
        file.seek(start)
        _write_tag(response, part)  # after the old contents are gone
        # The raw stream: an archive sent with a Content-Encoding must not be decompressed.
        for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
            file.write(chunk)
            bar.update(len(chunk))


def _write_tag(response, part):
    """Stores the tag that identifies this version of the file (RFC 9110, If-Range)."""
    tag = response.headers.get("ETag", "")
    tag = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    with open(part + ".tag", "w", encoding="latin-1") as file:
        file.write(tag)


def _tag_of_part(part):
    if not os.path.exists(part + ".tag"):
        return ""
    with open(part + ".tag", encoding="latin-1") as file:
        return file.read().strip()


def _forget(part):
    for path in (part, part + ".tag"):
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def _bytes_of(path):
    return os.path.getsize(path) if os.path.exists(path) else 0


def _root(error):
    """The root cause of a network error; its wrappers print memory addresses."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(str(error).split()) or type(error).__name__


def _check(path, what, size, sha256):
    found = _bytes_of(path)
    if size is not None and found != size:
        raise UserError(f"{what} has {found} bytes, not {size}")
    if sha256 is None:
        return
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    if digest.hexdigest() != sha256.lower():
        raise UserError(f"{what} has the SHA-256 {digest.hexdigest()}, not {sha256.lower()}")
