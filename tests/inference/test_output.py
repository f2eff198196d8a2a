import base64
import csv
import io
import os
import re

import numpy as np
import pytest
from PIL import Image

from inference import output
from inference.answers import Answer, Neighbour
from tests.conftest import write_image
from utils.errors import UserError

NASTY = '<script>alert("x")</script> & \n\udcff.jpg'


@pytest.fixture
def answers(tmp_path):
    write_image(str(tmp_path / "query.png"), (200, 20, 20), size=(400, 300))
    write_image(str(tmp_path / "near.png"), (20, 200, 20), size=(30, 300))
    near = Neighbour("near.png", str(tmp_path / "near.png"), "<i>bee", 0.25)
    gone = Neighbour(NASTY, "/none/" + NASTY, "ant", 1.0 / 3)
    top = (("ant", 0.75), ("<i>bee", 0.25))
    return [
        Answer(str(tmp_path / "query.png"), None, "ant", "softmax", 0.75, top, (near, gone),
               "<i>bee", False, True),
        Answer(NASTY, error="it can't be <decoded>"),
        Answer("q2", None, "new", "neighbours", 0.875, top, (gone, near), "new", None, False),
        Answer("q3", None, "ant", "softmax", 0.75, top),
    ]  # fmt: skip


def test_a_line_for_the_terminal(answers):
    first = output.line(answers[0])
    assert "ant 0.750 (softmax)  unknown  agree no  nearest near.png (<i>bee, 0.250)" in first
    assert output.line(answers[2]).startswith("q2  new 0.875 (neighbours)  agree -  nearest")
    assert output.line(answers[3]) == "q3  ant 0.750 (softmax)"
    assert all("\n" not in output.line(answer) for answer in (answers[0], answers[2]))
    assert output.printable("a\n\t\x1b[31m\udcffü ") == "a\\n\\t\\x1b[31m\\udcffü "


def test_the_table(answers, tmp_path):
    path = str(tmp_path / "a.csv")
    output.write_csv(path, answers)
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [answer.path for answer in answers]
    first, broken, third, last = rows
    assert list(first) == (
        "file label source probability top1 top1_probability top2 top2_probability neighbour1"
        " neighbour1_class neighbour1_distance neighbour2 neighbour2_class neighbour2_distance"
        " neighbour_label agree unknown error"
    ).split(" ")
    assert (first["label"], first["probability"], first["top2"]) == ("ant", "0.75", "<i>bee")
    assert first["neighbour2"] == "/none/" + NASTY and first["neighbour2_distance"] == "0.333333"
    assert (first["agree"], first["unknown"], first["error"]) == ("no", "yes", "")
    assert broken["error"] == "it can't be <decoded>"
    assert not any(value for name, value in broken.items() if name not in ("file", "error"))
    assert (third["agree"], third["unknown"], third["source"]) == ("-", "no", "neighbours")
    assert last["agree"] == last["unknown"] == last["neighbour1"] == last["neighbour_label"] == ""
    output.write_csv(path, answers[1:2])
    with open(path, newline="", errors="surrogateescape") as file:
        assert next(csv.reader(file))[-1] == "error"


@pytest.mark.promise("file and class names hold HTML", "the page escapes them")
def test_the_page_escapes_names_and_needs_no_other_file(answers, tmp_path):
    path = str(tmp_path / "a.html")
    output.write_html(path, answers, {"run": "<b>run", "space": None}, 200)
    with open(path, encoding="utf-8") as file:
        page = file.read()
    assert "<script" not in page and "<i>" not in page and "<b>" not in page
    assert "&lt;script&gt;" in page and "&lt;i&gt;bee" in page and "&lt;decoded&gt;" in page
    assert "\\n\\udcff.jpg" in page and "&lt;b&gt;run" in page and "<dt>space" not in page
    addresses = re.findall(r'(?:src|href|url)\s*[=(]\s*"?([^")\s]+)', page)
    assert len(addresses) == 3 and all(a.startswith("data:image/jpeg;base64,") for a in addresses)
    assert "1 of 2" in page and "0 of 1" in page  # unknown; agreeing


def test_thumbnails_are_small_jpegs(answers, tmp_path):
    kind, contents = output.thumbnail(str(tmp_path / "query.png"), 72, 200).split(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(contents))) as image:
        assert image.size == (72, 54) and np.asarray(image)[..., 0].mean() > 150
    (tmp_path / "text.jpg").write_text("hello")
    os.mkfifo(str(tmp_path / "pipe"))
    for name in ("text.jpg", "pipe", "none.jpg"):
        assert output.thumbnail(str(tmp_path / name), 72, 200) is None


def test_a_photo_taken_sideways_is_shown_upright(tmp_path):
    path = str(tmp_path / "turned.jpg")
    image = Image.new("RGB", (40, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    contents = base64.b64decode(output.thumbnail(path, 20, 200).split(",")[1])
    with Image.open(io.BytesIO(contents)) as small:
        assert small.size == (10, 20)


def test_outputs_that_cannot_be_written(answers, tmp_path):
    def message_of(path, inputs=()):
        with pytest.raises(UserError) as caught:
            output.check_writable(str(path), list(inputs))
        return str(caught.value)

    (tmp_path / "file").write_text("mine")
    output.check_writable(str(tmp_path / "new.csv"), [str(tmp_path / "file")])
    output.check_writable(str(tmp_path / "file"), ["other"])
    assert "can't be written" in message_of(tmp_path / "file" / "x.csv")
    assert "can't be written" in message_of(tmp_path / "none" / "x.csv")
    assert "not a regular file" in message_of(tmp_path)
    assert "not a regular file" in message_of("/dev/null")
    os.symlink(str(tmp_path / "file"), str(tmp_path / "link"))
    assert "is also an input" in message_of(tmp_path / "link", [str(tmp_path / "file")])
    assert (tmp_path / "file").read_text() == "mine"
    output.write_csv(str(tmp_path / "link"), answers[1:2])  # goes where the link leads to
    assert os.path.islink(str(tmp_path / "link"))
    assert (tmp_path / "file").read_text(errors="replace").startswith("file,label")
    assert sorted(os.listdir(str(tmp_path))) == ["file", "link", "near.png", "query.png"]
