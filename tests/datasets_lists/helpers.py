"""What several tests of this folder need."""

import hashlib
import os

import pytest

from utils.errors import UserError


def message_of(call, *args, **kwargs):
    """The text of the UserError of a call, which must be one sentence on one line."""
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and " object at 0x" not in text
    return text


def contents_of(folder):
    """File -> hash, of all files below a folder, hidden ones too."""
    found = {}
    for directory, _, names in os.walk(str(folder)):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, str(folder))] = hashlib.md5(file.read()).hexdigest()
    return found


def write_lines(path, lines):
    os.makedirs(os.path.dirname(str(path)), exist_ok=True)
    with open(str(path), "w") as file:
        file.writelines(line + "\n" for line in lines)


def rows_of(path):
    """(label, file) of a list, read without the code under test."""
    with open(path) as file:
        lines = file.read().split("\n")
    assert lines[0] == ",label,file_name" and lines[-1] == ""
    cells = [line.split(",") for line in lines[1:-1]]
    assert [int(cell[0]) for cell in cells] == list(range(len(cells)))
    return [(int(label), file) for _, label, file in cells]


def kill_the_process(path):
    """Ends the process that calls it, as the system does when memory runs out."""
    os.kill(os.getpid(), 9)
