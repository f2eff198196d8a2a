"""The check on small trees into which one problem after the other is put that it has to find."""

import io
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from data.lists import list_path, load
from datasets_lists import inspection, lists, official
from datasets_lists import report as reports
from datasets_lists.report import Problem, as_json, as_text
from reproduction import synthetic
from tests.conftest import write_tree
from tests.datasets_lists.helpers import contents_of, message_of, rows_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Data set -> the folder of its generated copy, with lists."""
    parent = str(tmp_path_factory.mktemp("sets"))
    roots = {}
    for name in ("aircrafts", "flowers", "cars"):
        roots[name] = synthetic.write(name, parent, num_classes=3, images_per_class=6)
        lists.write(roots[name], official.read(name, roots[name], subset=True))
    return roots


@pytest.fixture
def flowers(made, tmp_path):
    return shutil.copytree(made["flowers"], str(tmp_path / "flower102"))


def check(root, name="flowers", **options):
    return inspection.inspect_dataset(name, root, **dict({"subset": True}, **options))


def found(root, **options):
    return [tuple(problem) for problem in check(root, **options).problems]


def image_of(root, split, row=0):
    """The path of a row's image, and its name."""
    file = rows_of(list_path(root, split))[row][1]
    return os.path.join(root, "jpg", file), file


@pytest.mark.parametrize("name", ["aircrafts", "flowers", "cars"])
def test_a_clean_set(made, name):
    before = contents_of(made[name])
    report = check(made[name], name)
    assert report.problems == () and report.repaired == ()
    assert contents_of(made[name]) == before
    images_per_class = {"aircrafts": 4, "flowers": 2, "cars": 3}[name]
    assert [count for _, count in report.images_per_class] == [images_per_class] * 3
    spec = inspection.DATASETS[name]
    dataset = load(made[name], ["train"], spec.image_folders)
    assert report.class_map == dataset.class_map.digest
    assert [n for n, _ in report.images_per_class] == list(dataset.class_map.names)
    assert as_text(report).endswith("clean: no problem found")


def test_val_inside_train_is_as_published_for_aircrafts_alone(made, flowers):
    report = check(made["aircrafts"], "aircrafts")
    assert report.notes == ("val is part of train, as the first release trains",)
    assert report.counts == {"train": 12, "val": 6, "test": 6}
    shutil.copy(list_path(flowers, "val"), list_path(flowers, "train"))
    assert ("two_splits", "is in train and in val") in [
        (problem.kind, problem.detail) for problem in check(flowers).problems
    ]


def test_counts_are_compared_with_the_published(flowers):
    assert found(flowers, subset=False)[:4] == [
        ("counts", "train", "has 6 images, not 1020"),
        ("counts", "val", "has 6 images, not 1020"),
        ("counts", "test", "has 6 images, not 6149"),
        ("counts", "train", "has 3 classes, not 102"),
    ]
    os.remove(list_path(flowers, "val"))
    assert ("counts", "val", "has 0 images, not 1020") in found(flowers, subset=False)


def test_every_level_of_aircrafts_is_published(made, monkeypatch):
    monkeypatch.setattr(official.reader_of("aircrafts"), "LEVELS", {"variant": 9, "family": 3})
    report = check(made["aircrafts"], "aircrafts", subset=False)
    assert "classes" not in str(report.problems)
    monkeypatch.setattr(official.reader_of("aircrafts"), "LEVELS", {"variant": 9, "family": 4})
    report = check(made["aircrafts"], "aircrafts", subset=False)
    assert Problem("counts", "train", "has 3 classes, not 9 or 4") in report.problems


def test_missing_and_unlisted_images(flowers):
    path, file = image_of(flowers, "test")
    os.rename(path, os.path.join(flowers, "jpg", "other.JPG"))
    (one, two) = found(flowers)
    assert one == ("missing", file, "") and two == ("unlisted", "other.JPG", "")
    for name in ("notes.txt", ".hidden.jpg"):
        open(os.path.join(flowers, "jpg", name), "w").close()
    os.makedirs(os.path.join(flowers, "jpg", ".backup"))
    shutil.copy(os.path.join(flowers, "jpg", "other.JPG"), os.path.join(flowers, "jpg", ".backup"))
    assert found(flowers) == [one, two]


def test_no_image_at_all(flowers):
    shutil.rmtree(os.path.join(flowers, "jpg"))
    report = check(flowers)
    assert len(report.problems) == 18 and report.smallest is None
    assert "listed images that are missing: 18" in as_text(report)


def test_cars_that_share_a_name_are_two_images(made, tmp_path):
    root = shutil.copytree(made["cars"], str(tmp_path / "stanford_cars"))
    os.remove(os.path.join(root, "cars_test", "00001.jpg"))
    assert [tuple(f) for f in check(root, "cars").problems] == [
        ("missing", "cars_test/00001.jpg", "")
    ]


def add_row(root, split, label, file):
    rows = rows_of(list_path(root, split))
    with open(list_path(root, split), "a") as out:
        out.write(f"{len(rows)},{label},{file}\n")


def test_the_same_file_in_two_splits(flowers):
    _, file = image_of(flowers, "test")
    add_row(flowers, "train", 1, file)
    assert found(flowers) == [("two_splits", file, "is in test and in train")]


def test_the_same_content_in_two_splits_whatever_the_file(flowers):
    test, test_file = image_of(flowers, "test")
    for split, row in (("train", 1), ("train", 2), ("val", 3)):
        path, _ = image_of(flowers, split, row)
        shutil.copy(test, path)
    with open(image_of(flowers, "train", 2)[0], "ab") as out:
        out.write(b"another comment")
    ((kind, file, detail),) = found(flowers)
    files = sorted(
        [test_file]
        + [image_of(flowers, s, r)[1] for s, r in (("train", 1), ("train", 2), ("val", 3))]
    )
    assert kind == "same_content" and file == files[0]
    for name in files[1:]:
        assert name in detail
    assert detail.count("(train)") == 2 and detail.count("(val)") == detail.count("(test)") == 1


def test_many_files_of_one_content_are_counted(flowers):
    first, _ = image_of(flowers, "train")
    for split in ("train", "val"):
        for row in range(1, 6):
            shutil.copy(first, image_of(flowers, split, row)[0])
    ((_, _, detail),) = found(flowers)
    assert detail.count(".jpg") == 4 and detail.endswith(" and 6 more")


def test_the_same_content_within_a_split_is_no_leak(flowers):
    shutil.copy(image_of(flowers, "train", 1)[0], image_of(flowers, "train", 2)[0])
    assert found(flowers) == []


def test_a_label_that_training_does_not_know(flowers):
    path, file = image_of(flowers, "test", 4)
    shutil.copy(path, os.path.join(flowers, "jpg", "new.jpg"))
    Image.open(path).rotate(180).save(path)
    add_row(flowers, "test", 7, "new.jpg")
    assert found(flowers) == [("label", "new.jpg", "has the label 7 in the test list")]


def test_images_without_their_contents(flowers):
    path, _ = image_of(flowers, "train")
    open(path, "w").close()
    assert found(flowers, read_images=False) == []
    assert [kind for kind, _, _ in found(flowers)] == ["unreadable"]


def test_sizes(flowers):
    names = {}
    for row, size in enumerate([(9, 2), (3, 7), (70, 50), (90, 10)]):
        path, names[size] = image_of(flowers, "train", row)
        Image.new("RGB", size, (9 * row, 2, 3)).save(path)
    report = check(flowers)
    assert report.smallest == (9, 2, names[9, 2])
    assert report.largest == (70, 50, names[70, 50])


def spoil(root):
    """One image of each kind of problem; returns kind -> file."""
    chosen = {}
    kinds = ("png", "half", "grey", "empty", "webp", "clean")
    for row, kind in enumerate(kinds):
        path, file = image_of(root, "train", row)
        image = Image.open(path).copy()
        if kind == "half":
            with open(path, "r+b") as out:
                out.truncate(os.path.getsize(path) * 2 // 3)
        elif kind == "empty":
            open(path, "w").close()
        elif kind in ("png", "webp"):
            encoded = io.BytesIO()
            image.save(encoded, kind.upper(), **({"lossless": True} if kind == "webp" else {}))
            with open(path, "wb") as out:
                out.write(encoded.getvalue())
        elif kind == "grey":
            image.convert("L").save(path)
        chosen[kind] = file
    return chosen


KINDS = {
    "png": "misnamed",
    "half": "truncated",
    "grey": "not_rgb",
    "empty": "unreadable",
    "webp": "misnamed",
}


def test_fix_writes_images_with_a_problem_anew_and_touches_nothing_else(flowers):
    chosen = spoil(flowers)
    assert {file: kind for kind, file, _ in found(flowers)} == {
        chosen[name]: kind for name, kind in KINDS.items()
    }
    before = contents_of(flowers)
    pixels = {
        k: np.asarray(Image.open(os.path.join(flowers, "jpg", chosen[k])).convert("RGB"), int)
        for k in ("png", "webp", "grey")
    }
    report = check(flowers, fix=True)
    assert [tuple(f)[:2] for f in report.problems] == [("unreadable", chosen["empty"])]
    after = contents_of(flowers)
    repaired = {os.path.join("jpg", chosen[k]) for k in ("png", "half", "grey", "webp")}
    assert {file for file, _ in report.repaired} == {
        chosen[k] for k in ("png", "half", "grey", "webp")
    }
    assert {n for n in before if before[n] != after[n]} == repaired
    assert set(after) - set(before) == {name + ".orig" for name in repaired}
    for name in repaired:
        assert after[name + ".orig"] == before[name]
    for kind, was in pixels.items():
        image = Image.open(os.path.join(flowers, "jpg", chosen[kind]))
        assert image.format == "JPEG" and image.mode == "RGB"
        assert np.abs(np.asarray(image, int) - was).mean() < 4
    texts = dict(report.repaired)
    assert "the missing part is grey" in texts[chosen["half"]]
    assert "grey" not in texts[chosen["png"]] and ".orig" in texts[chosen["png"]]
    # A second time there is nothing to do, and the backups are no images of the set.
    again = check(flowers, fix=True)
    assert again.repaired == () and len(again.problems) == 1
    assert contents_of(flowers) == after


def test_fix_keeps_an_older_backup(flowers):
    path, _ = image_of(flowers, "train")
    with open(path + ".orig", "w") as out:
        out.write("older")
    Image.open(path).convert("L").save(path)
    check(flowers, fix=True)
    with open(path + ".orig") as old:
        assert old.read() == "older"
    assert Image.open(path + ".orig2").mode == "L" and Image.open(path).mode == "RGB"


def test_fix_that_can_not_write_leaves_the_image(flowers, monkeypatch):
    path, _ = image_of(flowers, "train")
    Image.open(path).convert("L").save(path)
    before = contents_of(flowers)[os.path.relpath(path, flowers)]

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left" in message_of(check, flowers, fix=True)
    assert contents_of(flowers)[os.path.relpath(path, flowers)] == before


@pytest.mark.parametrize(
    "ending, kind, mode",
    [("png", "PNG", "RGBA"), ("png", "PNG", "P"), ("bmp", "BMP", "L"), ("png", "PNG", "I;16")],
)
def test_fix_keeps_the_format_that_the_name_says(tmp_path, ending, kind, mode):
    root = write_tree(str(tmp_path / "own"), per_class=3)
    colour = np.uint8(np.random.RandomState(0).rand(6, 5, 3) * 255)
    image = Image.fromarray(colour)
    if mode == "I;16":
        image = Image.fromarray(np.uint16(colour[..., 0]) * 256 + 99)
        colour = np.repeat(colour[..., :1], 3, axis=2)
    else:
        image = image.convert(mode)
        colour = np.asarray(image.convert("RGB"))
    path = os.path.join(root, "bee", f"odd.{ending}")
    image.save(path, kind)
    assert [problem.kind for problem in check(root, "custom").problems] == ["not_rgb"]
    report = check(root, "custom", fix=True)
    assert report.problems == () and len(report.repaired) == 1
    fixed = Image.open(path)
    assert (fixed.format, fixed.mode) == (kind, "RGB")
    np.testing.assert_array_equal(np.asarray(fixed), colour)


def test_what_can_not_be_named_rgb_is_left(tmp_path):
    root = write_tree(str(tmp_path / "own"), per_class=3)
    os.makedirs(os.path.join(root, "lists"))
    for split in ("train", "test"):
        with open(list_path(root, split), "w") as out:
            out.write(f",label,file_name\n0,0,{split}.tif\n")
        Image.new("RGB", (9, 9), (len(split), 0, 0)).save(os.path.join(root, f"{split}.tif"))
    before = contents_of(root)
    report = check(root, "custom", fix=True)
    kinds = [problem.kind for problem in report.problems]
    assert kinds.count("unreadable") == 2 and report.repaired == () and contents_of(root) == before


def test_a_folder_a_class_without_lists(tmp_path):
    root = write_tree(str(tmp_path / "own"))
    report = check(root, "custom")
    assert report.problems == () and report.counts == {"train": 28, "val": 4, "test": 8}
    splits = load(root, ["train", "test"]).splits
    shutil.copy(splits["train"].paths[0], splits["test"].paths[7])
    assert [problem.kind for problem in check(root, "custom").problems] == ["same_content"]


def test_what_can_not_be_checked(tmp_path, flowers):
    os.remove(list_path(flowers, "train"))
    assert "no list" in message_of(check, flowers)
    shutil.rmtree(os.path.join(flowers, "lists"))
    assert "python -m datasets_lists make flowers" in message_of(check, flowers)
    assert "neither lists" in message_of(check, str(tmp_path / "flower102" / "jpg"), "custom")


def test_the_report_as_text_and_as_json(flowers):
    chosen = spoil(flowers)
    report = check(flowers, subset=False)
    text = as_text(report)
    for words in (
        "Oxford Flowers-102",
        "train         6 images  (published: 1020)",
        f"3 classes, class map {report.class_map}",
        "smallest image 60 x 48",
        "9 problems",
        "images with the extension of another format: 2",
        f"    {chosen['png']} is a PNG file",
    ):
        assert words in text
    value = json.loads(json.dumps(as_json(report), allow_nan=False))
    assert value["clean"] is False and value["counts"] == {"train": 6, "val": 6, "test": 6}
    assert {"kind": "misnamed", "file": chosen["png"], "detail": "is a PNG file"} in value[
        "problems"
    ]
    assert value["images_per_class"][0] == {"class": "pink primrose", "images": 2}
    assert set(f["kind"] for f in value["problems"]) <= set(reports.KINDS)


def test_the_histogram():
    assert reports._histogram([3, 3, 3]) == ["            3 " + "#" * 40 + " 3"]
    lines = reports._histogram([1, 2, 2, 2, 2, 30])
    assert lines[0] == "          1-4 " + "#" * 40 + " 5"
    assert lines[-1] == "        29-30 " + "#" * 8 + " 1" and len(lines) == 8
    numbers = np.random.RandomState(0).randint(5, 400, 200)
    lines = reports._histogram(list(numbers))
    assert sum(int(line.split()[-1]) for line in lines) == 200 and len(lines) <= 8


def test_many_problems_are_shortened_in_the_text_alone(flowers):
    shutil.rmtree(os.path.join(flowers, "jpg"))
    report = check(flowers)
    text = as_text(report)
    assert "and 13 more" in text and len(text.splitlines()) < 20
    assert len(as_json(report)["problems"]) == 18


def test_images_of_other_formats_are_problems_and_what_a_system_leaves_is_a_note(tmp_path):
    root = write_tree(str(tmp_path / "own"), per_class=3)
    for name in ("ant/a.heic", "bee/b.HEIC", "cat/scan.tiff", "ant/.DS_Store", "ant/notes.txt"):
        open(os.path.join(root, name), "w").close()
    shutil.copytree(os.path.join(root, "ant"), os.path.join(root, "__MACOSX"))
    report = check(root, "custom")
    assert [tuple(problem) for problem in report.problems] == [
        ("unread", "ant/a.heic", ""),
        ("unread", "bee/b.HEIC", ""),
        ("unread", "cat/scan.tiff", ""),
    ]
    (note,) = report.notes
    assert note.startswith("left out: 2 .heic files such as ant/a.heic (convert")
    assert "2 system files or folders such as __MACOSX" in note and "1 other file" in note
    text = as_text(report)
    assert "clean" not in text and note in text and "convert them to JPEG or PNG: 3" in text


def test_the_same_beside_lists(flowers):
    open(os.path.join(flowers, "jpg", "image_00099.heic"), "w").close()
    open(os.path.join(flowers, "jpg", "readme.txt"), "w").close()
    report = check(flowers)
    assert [tuple(problem) for problem in report.problems] == [("unread", "image_00099.heic", "")]
    assert len(report.notes) == 1 and "other file" not in report.notes[0]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_a_listed_name_that_is_no_regular_file_is_not_opened(flowers, kind):
    path, file = image_of(flowers, "train")
    os.remove(path)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        os.symlink("/dev/zero", path)
    else:
        os.mkdir(path)
    assert found(flowers) == [("missing", file, "is not a regular file of this folder")]


def test_loops_of_links_end(flowers):
    folder = os.path.join(flowers, "jpg")
    for i in range(7):
        os.mkdir(os.path.join(folder, str(i)))
        for j in range(7):
            os.symlink(os.path.join("..", str(j)), os.path.join(folder, str(i), f"to{j}"))
        os.symlink("..", os.path.join(folder, str(i), "up"))
    report = check(flowers)
    assert report.problems == () and "links to folders that are read already" in report.notes[0]


def test_a_photo_is_compared_and_repaired_upright(flowers):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    train, train_file = image_of(flowers, "train")
    test, test_file = image_of(flowers, "test")
    colours = np.uint8(np.random.RandomState(0).rand(5, 8, 3) * 255)
    photo = Image.fromarray(np.kron(colours, np.ones((8, 8, 1), np.uint8)))
    for path, image, more in (
        (train, photo.rotate(90, expand=True), {"exif": exif}),
        (test, photo, {}),
    ):
        image.save(path, "PNG", **more)
    by_kind = {}
    for kind, file, _ in found(flowers):
        by_kind.setdefault(kind, []).append(file)
    assert by_kind["same_content"] == [min(train_file, test_file)]
    assert sorted(by_kind["misnamed"]) == sorted([train_file, test_file])
    check(flowers, fix=True)
    with Image.open(train) as repaired:
        assert repaired.getexif().get(0x0112, 1) == 1 and repaired.size == photo.size
        assert np.abs(np.asarray(repaired, int) - np.asarray(photo, int)).mean() < 12


def test_an_image_of_too_many_pixels_is_reported_and_left(flowers):
    path, file = image_of(flowers, "train")
    Image.new("RGB", (1001, 1000), (1, 2, 3)).save(path)
    before = contents_of(flowers)
    ((kind, name, detail),) = found(flowers, fix=True, max_megapixels=1)
    assert (kind, name) == ("too_large", file) and "megapixels" in detail
    assert contents_of(flowers) == before


def test_no_list_reaches_an_image_outside_by_a_link(flowers, tmp_path):
    path, file = image_of(flowers, "train")
    outside = str(tmp_path / "outside.jpg")
    os.rename(path, outside)
    os.symlink(outside, path)
    before = contents_of(flowers)
    assert found(flowers, fix=True) == [("missing", file, "is not a regular file of this folder")]
    assert contents_of(flowers) == before and os.path.islink(path)
