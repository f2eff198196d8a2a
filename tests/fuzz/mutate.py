"""Damages files at random, and checks that a call answers damage with one sentence."""

import contextlib
import random

import pytest

from utils.errors import UserError

# How many files of each kind are damaged.
every_count = pytest.mark.parametrize(
    "count", [300, pytest.param(10000, marks=pytest.mark.slow)]
)  # fmt: skip
NASTY = (
    b"", b"\0", b"\n", b"\r\n", b",", b'"', b"'", b"\t", b"..", b"../../", b"/etc/passwd", b"\\",
    b"~", b"-1", b"0", b"1e400", b"nan", b"Infinity", b"9" * 400, b"99999999999", b"null", b"true",
    b"[" * 2000, b"{}", b"%s%n", b"${HOME}", b"$(id)", b"<script>", b"\xff", b"\xc0\x80",
    b"\xe2\x80\xa8", b"\xc2\x85", b"\xed\xb3\xbf", b"\xef\xbb\xbf", b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x1b[2J",
)  # fmt: skip


def mutated(data, seed):
    """`data` after one to four random changes.

    Args:
      data: bytes.
      seed: int.

    Returns:
      bytes.
    """
    dice, changed = random.Random(seed), bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4))):
        start = dice.randrange(len(changed) + 1)
        end = min(len(changed), start + dice.choice((1, 1, 4, 16, 256)))
        kind = dice.randrange(6)
        if kind == 0:
            changed = changed[:start]
        elif kind == 1:
            changed[start:end] = b""
        elif kind == 2:
            changed[start:start] = changed[start:end]
        elif kind == 3:
            changed[start:start] = dice.choice(NASTY)
        elif kind == 4:
            word = dice.choice(NASTY)
            changed[start : start + len(word)] = word
        else:
            for place in range(start, end):
                changed[place] ^= 1 << dice.randrange(8)
    return bytes(changed)


@contextlib.contextmanager
def one_sentence(case):
    """A context in which the only error is a UserError of one line; names the case otherwise."""
    try:
        yield
    except UserError as error:
        assert len(str(error).splitlines()) == 1 and " object at 0x" not in str(error), case
    except Exception as error:
        raise AssertionError(f"case {case!r:.300}: {error!r:.300}") from error


def write(path, data):
    """Writes bytes and returns the path as str."""
    with open(str(path), "wb") as file:
        file.write(data)
    return str(path)
