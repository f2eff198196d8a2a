import os
import subprocess
import sys

import pytest

from inference import flags
from utils.errors import UserError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def parse(text):
    return flags.parse(text.split())


def message_of(text):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_flags_of_a_prediction():
    command, given = parse("a.jpg --checkpoint_dir run b.jpg --gpu -1 --db_path here --tta flip")
    assert command == "predict" and given.paths == ["a.jpg", "b.jpg"]
    assert given.run_dir == os.path.abspath("run") and given.checkpoint == "last"
    assert given.overrides == {"gpu": "-1", "dataset_path": os.path.abspath("here")}
    assert (given.gallery, given.neighbours, given.space, given.unknown) == (None,) * 4
    assert given.tta == "flip" and given.faiss is False and given.batch_size is None


@pytest.mark.parametrize(
    "text, share, paths",
    [
        ("--run_dir r --unknown a.jpg b.jpg", 0.05, ["a.jpg", "b.jpg"]),
        ("--run_dir r a.jpg --unknown", 0.05, ["a.jpg"]),
        ("--run_dir r --unknown 0.2 a.jpg", 0.2, ["a.jpg"]),
        ("--run_dir r a.jpg --unknown --faiss", 0.05, ["a.jpg"]),
        ("--run_dir r a.jpg --unknown=0.1", 0.1, ["a.jpg"]),
        ("--run_dir r a.jpg", None, ["a.jpg"]),
    ],
)
def test_the_share_of_unknown_may_be_left_out(text, share, paths):
    _, given = parse(text)
    assert given.unknown == share and given.paths == paths


def test_flags_of_the_other_commands():
    command, given = parse("index --run_dir r --gallery val --out i.npz --checkpoint best")
    assert command == "index" and (given.gallery, given.out) == ("val", "i.npz")
    assert given.checkpoint == "best" and given.overrides == {}
    command, given = parse("enrol --index i.npz --class fox photos")
    assert command == "enrol" and (given.name, given.folder) == ("fox", "photos")
    assert given.run_dir is None and given.forget is None
    assert parse("enrol --index i.npz --forget fox --gpu 0")[1].forget == "fox"
    assert parse("./index --run_dir r")[1].paths == ["./index"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "--run_dir"),
        ("--run_dir r", "PATH"),
        ("a.jpg", "--run_dir"),
        ("--run_dir r a --neighbors 3", "did you mean --neighbours"),
        ("--run_dir r a --neighbours 0", "--neighbours 0 must be at least 1"),
        ("--run_dir r a --neighbours x", "'x' is not a whole number"),
        ("--run_dir r a --batch_size 0", "--batch_size 0 must be at least 1"),
        ("--run_dir r a --unknown 1", "--unknown 1.0 must be between 0 and 1"),
        ("--run_dir r a --unknown 5", "between 0 and 1"),
        ("--run_dir r a --unknown nan", "between 0 and 1"),
        ("--run_dir r a --space head", "--space"),
        ("--run_dir r a --gallery none --faiss", "--faiss needs a gallery"),
        ("--run_dir r a --gallery none --unknown", "--unknown needs a gallery"),
        ("--run_dir r a --gallery no_such", "neither a split (train, val, test) nor a folder"),
        ("index --run_dir r --gallery train", "--out"),
        ("enrol --index i", "enrol takes either"),
        ("enrol --index i --class fox", "enrol takes either"),
        ("enrol --index i photos", "enrol takes either"),
        ("enrol --index i --class fox photos --forget fox", "enrol takes either"),
        ("enrol --index i --forget fox photos", "enrol takes either"),
    ],
)
def test_mistakes(text, expected):
    assert expected in message_of(text)


@pytest.mark.parametrize("words", [["--help"], ["index", "--help"], ["enrol", "--help"]])
def test_help_needs_no_tensorflow(words):
    code = (
        "import sys; from inference import flags\n"
        f"try: flags.parse({words!r})\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'pandas', 'jinja2'} & set(sys.modules), 'slow imports'"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0 and b"usage: python predict.py" in done.stdout
