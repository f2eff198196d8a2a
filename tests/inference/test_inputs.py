import io
import os

import pytest

from inference import inputs
from utils.errors import UserError

NAMES = ("b.jpg", "a.PNG", "deep/c d[1].jpeg", "deep/ü\n.gif")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES + ("notes.txt", ".hidden.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    return tmp_path


def stdin(monkeypatch, contents):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(contents)))


def message_of(words):
    with pytest.raises(UserError) as caught:
        inputs.expand(words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_files_folders_and_globs(folder):
    listed = sorted(os.path.join("in", name) for name in NAMES)
    assert inputs.expand(["in"]) == listed
    assert inputs.expand(["in/notes.txt", "in/b.jpg"]) == ["in/notes.txt", "in/b.jpg"]
    assert inputs.expand(["in/*.jpg"]) == ["in/b.jpg"]
    assert inputs.expand(["in/**/*.jp*g"]) == ["in/b.jpg", "in/deep/c d[1].jpeg"]
    assert inputs.expand(["in/*"]) == ["in/a.PNG", "in/b.jpg", "in/notes.txt"]
    assert inputs.expand(["in/deep/c d[1].jpeg"]) == ["in/deep/c d[1].jpeg"]  # not as a glob
    assert inputs.expand(["in/none.jpg"]) == ["in/none.jpg"]  # its own answer tells what is wrong


@pytest.mark.parametrize("column", ["file_name", "file"])
def test_a_list_names_files_relative_to_itself(folder, column):
    text = f'\ufeffn,{column}\n1,b.jpg\n2,"deep/ü\n.gif"\n3,/abs.jpg\n'
    (folder / "in" / "list.csv").write_bytes(text.encode("utf-8"))
    assert inputs.expand(["in/list.csv"]) == ["in/b.jpg", "in/deep/ü\n.gif", "/abs.jpg"]


def test_names_on_standard_input(folder, monkeypatch):
    stdin(monkeypatch, b"in/b.jpg\n\nx \xff.jpg\n")
    assert inputs.expand(["-"]) == ["in/b.jpg", os.fsdecode(b"x \xff.jpg")]
    stdin(monkeypatch, b"in/new\nline.jpg\0in/b.jpg\0")
    assert inputs.expand(["-"]) == ["in/new\nline.jpg", "in/b.jpg"]


def test_what_names_no_image(folder, monkeypatch):
    (folder / "empty").mkdir()
    (folder / "others").mkdir()
    (folder / "others" / "x.txt").write_text("")
    assert "folder empty is empty" in message_of(["empty"])
    assert "folder others holds 1 files, but no image (.jpg" in message_of(["others"])
    assert "no file matches in/*.bmp" in message_of(["in/*.bmp"])
    stdin(monkeypatch, b"\n")
    assert "standard input is empty" in message_of(["-"])


@pytest.mark.parametrize(
    "contents, expected",
    [
        (b"label,name\n1,2\n", "no column file_name or file"),
        (b"", "the file is empty"),
        (b"file\n", "no row"),
        (b"n,file\n1\n", "a row without a file name"),
        (b'file\n"a\n', "can't be read"),
        (b"\xff\xfe\x00\x01", "list.csv"),
    ],
)
def test_lists_that_cannot_be_read(folder, contents, expected):
    (folder / "list.csv").write_bytes(contents)
    message = message_of(["list.csv"])
    assert "list.csv" in message and expected in message
    assert "no such file" in message_of(["none.csv"])


def test_only_regular_files_may_be_opened(folder):
    os.mkfifo("pipe.jpg")
    os.symlink("in/b.jpg", "link.jpg")
    os.symlink("none", "dangling.jpg")
    open("empty.jpg", "w").close()
    assert inputs.problem_of("in/b.jpg") is None and inputs.problem_of("link.jpg") is None
    assert inputs.problem_of("pipe.jpg") == "it is not a regular file"
    assert inputs.problem_of("in") == "it is not a regular file"
    assert inputs.problem_of("/dev/zero") == "it is not a regular file"
    assert inputs.problem_of("dangling.jpg") == "no such file or directory"
    assert inputs.problem_of("empty.jpg") == "the file is empty"
    assert inputs.problem_of("a" * 300) == "file name too long"
    assert "null" in inputs.problem_of("a\0b")
    with pytest.raises(UserError, match="not a regular file"):
        os.rename("pipe.jpg", "pipe.csv")
        inputs.expand(["pipe.csv"])
