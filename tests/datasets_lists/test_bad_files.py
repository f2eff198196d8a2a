"""Each official file missing, empty, truncated or another one: one sentence, and no list."""

import os
import shutil

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from config.datasets import DATASETS
from datasets_lists import lists, mat_file, official
from reproduction import synthetic
from tests.datasets_lists.helpers import message_of, write_lines
from utils.errors import UserError

DATA = "fgvc-aircraft-2013b/data/"
FILES = {
    "aircrafts": [DATA + f"images_variant_{s}.txt" for s in ("train", "val", "trainval", "test")]
    + [DATA + "variants.txt"],
    "flowers": ["imagelabels.mat", "setid.mat"],
    "cars": ["devkit/cars_train_annos.mat", "devkit/cars_test_annos_withlabels.mat"],
    "cars_one_file": ["cars_annos.mat"],
    "dogs": ["train_list.mat", "test_list.mat"],
    "birds": ["images.txt", "image_class_labels.txt", "train_test_split.txt", "classes.txt"],
    "cub": ["images.txt", "image_class_labels.txt", "train_test_split.txt"],
}
CASES = [(name, file) for name, files in FILES.items() for file in files]


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Tree -> its folder; generated, of few images."""
    parent = tmp_path_factory.mktemp("official")
    made = {}
    for name in FILES:
        made[name] = synthetic.write(name, str(parent / name), num_classes=3, images_per_class=6)
    return made


@pytest.fixture
def root_of(trees, tmp_path, monkeypatch):
    """A function from a tree's name to a copy of it that has the counts that are published."""

    def copy(tree):
        name = tree.split("_")[0]
        spec = DATASETS[name]
        rows = official.read(name, trees[tree], subset=True).splits
        counts = {split: len(rows[split]) for split in spec.counts}
        small = spec._replace(counts=counts, num_classes=3)
        monkeypatch.setitem(DATASETS, name, small)
        if name == "aircrafts":
            monkeypatch.setattr(official.reader_of(name), "LEVELS", {"variant": 3})
        return shutil.copytree(trees[tree], str(tmp_path / tree))

    return copy


def make(tree, root):
    lists.write(root, official.read(tree.split("_")[0], root))


def refused(tree, root, *words):
    message = message_of(make, tree, root)
    for word in words:
        assert word in message, message
    assert not os.path.exists(os.path.join(root, "lists"))
    return message


@pytest.mark.parametrize("tree", FILES)
def test_whole_files_pass(root_of, tree):
    root = root_of(tree)
    make(tree, root)
    assert os.path.exists(os.path.join(root, "lists", "train_all_sub_list.csv"))


@pytest.mark.parametrize("tree, file", CASES)
def test_missing(root_of, tree, file):
    root = root_of(tree)
    os.remove(os.path.join(root, file))
    if tree == "cars_one_file":
        refused(tree, root, "car_ims", "cars_annos.mat")
    elif "withlabels" in file:
        refused(tree, root, os.path.join(root, "devkit/cars_test_annos.mat"), "has no labels")
    else:
        refused(tree, root, f"there is no {os.path.join(root, file)}", "README")


@pytest.mark.parametrize("tree, file", CASES)
def test_empty(root_of, tree, file):
    root = root_of(tree)
    open(os.path.join(root, file), "w").close()
    refused(tree, root, os.path.join(root, file), "is empty")


@pytest.mark.parametrize("tree, file", CASES)
@pytest.mark.parametrize("share", [pytest.param(0.3, marks=pytest.mark.slow), 0.95])
def test_truncated_at_any_byte(root_of, tree, file, share):
    root = root_of(tree)
    path = os.path.join(root, file)
    with open(path, "r+b") as out:
        out.truncate(int(share * os.path.getsize(path)))
    refused(tree, root, root, os.path.basename(file).split("_")[0])


@pytest.mark.parametrize("tree, file", [case for case in CASES if case[1].endswith(".txt")])
def test_truncated_between_two_lines(root_of, tree, file):
    root = root_of(tree)
    path = os.path.join(root, file)
    with open(path) as whole:
        lines = whole.read().splitlines()
    write_lines(path, lines[:-1])
    part_of_trainval = file.endswith(("variant_train.txt", "variant_val.txt"))
    named = path.replace("train.txt", "trainval.txt").replace("_val.txt", "_trainval.txt")
    refused(tree, root, named if part_of_trainval else path)


@pytest.mark.parametrize("tree, file", CASES)
def test_another_file_of_that_name(root_of, tree, file):
    root = root_of(tree)
    path = os.path.join(root, file)
    if file.endswith(".mat"):
        savemat(path, {"something": np.arange(5)})
        refused(tree, root, path, "has no variable")
    write_lines(path, ["<!DOCTYPE html>", "<html><body>Not found</body></html>"])
    refused(tree, root, root)
    with open(path, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n\xff\xfe" * 40)
    refused(tree, root, path)


@pytest.mark.parametrize("tree", ["birds", "cub"])
def test_cut_within_the_last_word(root_of, tree):
    root = root_of(tree)
    path = os.path.join(root, "image_class_labels.txt")
    with open(path) as whole:
        lines = whole.read().splitlines()
    with open(path, "w") as out:
        out.write("\n".join(lines)[:-1] + ("7" if tree == "birds" else "2"))
    refused(tree, root, path, "in two folders")


def changed(path, **variables):
    found = {name: value for name, value in loadmat(path).items() if name[0] != "_"}
    savemat(path, dict(found, **variables))


def test_flower_numbers_without_a_label(root_of):
    root = root_of("flowers")
    changed(os.path.join(root, "setid.mat"), tstid=np.uint16([[3, 99]]))
    refused("flowers", root, "setid.mat numbers images up to 99", "18 labels")


@pytest.mark.parametrize(
    "split, other", [("trnid", "tstid"), ("valid", "tstid"), ("trnid", "valid")]
)
def test_a_flower_in_two_splits(root_of, split, other):
    root = root_of("flowers")
    path = os.path.join(root, "setid.mat")
    ids = {name: loadmat(path)[name].copy() for name in (split, other)}
    ids[other][0, 0] = ids[split][0, 0]
    changed(path, **ids)
    refused("flowers", root, path, f"image_{ids[split][0, 0]:05d}.jpg into")


def test_a_flower_twice_in_a_split(root_of):
    root = root_of("flowers")
    path = os.path.join(root, "setid.mat")
    ids = loadmat(path)["trnid"]
    ids[0, 0] = ids[0, 1]
    changed(path, trnid=ids)
    refused("flowers", root, path, f"image_{ids[0, 0]:05d}.jpg twice")


@pytest.mark.parametrize("tree", ["birds", "cub"])
def test_cut_within_the_last_file_name(root_of, tree):
    root = root_of(tree)
    path = os.path.join(root, "images.txt")
    with open(path, "r+b") as out:
        out.truncate(os.path.getsize(path) - len("pg\n"))
    refused(tree, root, path, ".j' as its", "which is not an image")


def test_a_split_that_is_neither_train_nor_test(root_of):
    root = root_of("birds")
    path = os.path.join(root, "train_test_split.txt")
    with open(path) as whole:
        lines = whole.read().splitlines()
    write_lines(path, [lines[0][:-1] + "2"] + lines[1:])
    refused("birds", root, path, "other than 0 and 1")


@pytest.mark.parametrize("label", [0, 4])
def test_a_car_of_no_class(root_of, label):
    root = root_of("cars")
    path = os.path.join(root, "devkit", "cars_train_annos.mat")
    annotations = loadmat(path)["annotations"]
    annotations["class"][0, 3] = label
    changed(path, annotations=annotations)
    refused("cars", root, path, f"has the label {label}, but there are 3 classes")


def test_a_car_without_a_name(root_of):
    root = root_of("cars")
    path = os.path.join(root, "devkit", "cars_train_annos.mat")
    annotations = loadmat(path)["annotations"]
    annotations["fname"][0, 3] = np.zeros(0)
    changed(path, annotations=annotations)
    refused("cars", root, path, "an entry without a value")


def test_dogs_whose_labels_contradict_the_folders(root_of):
    root = root_of("dogs")
    path = os.path.join(root, "test_list.mat")
    labels = loadmat(path)["labels"]
    labels[0] = 3 if labels[0] != 3 else 2
    changed(path, labels=labels)
    refused("dogs", root, path, "this label is for")
    changed(path, labels=labels[:-1])
    refused("dogs", root, path, "9 files and 8 labels")


def test_a_class_of_birds_that_has_no_name_or_is_no_number(root_of):
    root = root_of("birds")
    path = os.path.join(root, "classes.txt")
    write_lines(path, ["0 Birds", "295 One"])
    refused("birds", root, path, "no class 297")
    labels = os.path.join(root, "image_class_labels.txt")
    with open(labels) as whole:
        lines = whole.read().splitlines()
    write_lines(labels, [lines[0].rsplit(" ", 1)[0] + " wren"] + lines[1:])
    refused("birds", root, labels, "row 1", "'wren'")


def test_a_class_without_a_training_image(root_of):
    root = root_of("cub")
    path = os.path.join(root, "train_test_split.txt")
    with open(path) as whole:
        lines = whole.read().splitlines()
    # The first class gives its training images to the second, so that the counts stay.
    ones = [i for i, line in enumerate(lines[:6]) if line.endswith("1")]
    zeros = [i for i, line in enumerate(lines) if 6 <= i < 12 and line.endswith("0")]
    for i, j in zip(ones, zeros):
        lines[i], lines[j] = lines[i][:-1] + "0", lines[j][:-1] + "1"
    write_lines(path, lines)
    refused("cub", root, "no training image of the class 001.Bird_of_kind_0")


def test_an_aircraft_of_a_class_without_a_name(root_of):
    root = root_of("aircrafts")
    path = os.path.join(root, DATA, "variants.txt")
    with open(path) as whole:
        lines = whole.read().splitlines()
    write_lines(path, lines[1:] + ["999"])
    refused("aircrafts", root, f"has the class {lines[0]}")
    write_lines(path, lines + ["999"])
    refused("aircrafts", root, "4 classes, but")


def test_cars_without_an_entry(root_of):
    root = root_of("cars")
    for file in ("cars_train_annos.mat", "cars_test_annos_withlabels.mat"):
        path = os.path.join(root, "devkit", file)
        changed(path, annotations=loadmat(path)["annotations"][:, :0])
    refused("cars", root, "cars_train_annos.mat", "an entry without a value")


def test_flowers_without_a_label(root_of):
    root = root_of("flowers")
    changed(os.path.join(root, "imagelabels.mat"), labels=np.zeros((0, 0)))
    refused("flowers", root, "imagelabels.mat", "an entry without a value")


@pytest.mark.parametrize("value", [np.inf, np.nan, 1.5, 1e300])
def test_a_class_that_is_no_whole_number(root_of, value):
    root = root_of("cars")
    path = os.path.join(root, "devkit", "cars_train_annos.mat")
    annotations = loadmat(path)["annotations"]
    annotations["class"][0, 3] = value
    changed(path, annotations=annotations)
    refused("cars", root, path)


NAMES = ["../../a.jpg", "/etc/a.jpg", "a\nb.jpg", "\x1b[2Ja.jpg"]


@pytest.mark.promise("a .mat file names an image outside its folder", "it is refused")
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_no_path_below_the_folder(root_of, name):
    root = root_of("cars_one_file")
    path = os.path.join(root, "cars_annos.mat")
    annotations = loadmat(path)["annotations"]
    annotations["relative_im_path"][0, 3] = name
    changed(path, annotations=annotations)
    message = refused("cars_one_file", root, path, repr(name), "not a path below the image folder")
    assert message.isprintable()


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "001.A/../../b.jpg", "001.A/a\0b.jpg"])
def test_a_name_in_a_text_file_that_is_no_path_below_the_folder(root_of, name):
    root = root_of("cub")
    path = os.path.join(root, "images.txt")
    with open(path) as whole:
        lines = whole.read().splitlines()
    folder = os.path.dirname(lines[0].split()[1])
    name = name.replace("001.A", folder)
    lines = [line for line in lines if folder not in line] + [f"1 {name}"]
    write_lines(path, lines)
    for file in ("image_class_labels.txt", "train_test_split.txt"):
        with open(os.path.join(root, file)) as whole:
            ids = {line.split()[0]: line for line in whole.read().splitlines()}
        write_lines(os.path.join(root, file), [ids[line.split()[0]] for line in lines])
    message = message_of(official.read, "cub", root, subset=True)
    assert path in message and repr(name) in message


def test_a_class_name_that_is_no_text(root_of):
    root = root_of("cars_one_file")
    path = os.path.join(root, "cars_annos.mat")
    names = loadmat(path)["class_names"]
    names[0, 1] = "Acura\nRL"
    changed(path, class_names=names)
    refused("cars_one_file", root, path, "class 1", "not text")


@pytest.mark.promise(
    "a .mat file crashes or hangs SciPy",
    "one sentence; SciPy runs in a process of its own",
    "120 s and 4 GB",
)
@pytest.mark.parametrize(
    "code, words",
    [
        ("import os; os.kill(os.getpid(), 11)", "exited with status -11"),
        ("while True: pass", "more than 1 second"),
    ],
)
def test_a_mat_file_at_which_its_reader_crashes_or_hangs(
    root_of, tmp_path, monkeypatch, code, words
):
    root = root_of("flowers")
    (tmp_path / "reader.py").write_text(code)
    monkeypatch.setattr(mat_file, "_READER", str(tmp_path / "reader.py"))
    monkeypatch.setattr(mat_file, "TIMEOUT_SECONDS", 1)
    refused("flowers", root, "imagelabels.mat is damaged", words)


def test_any_byte_of_a_mat_file_may_be_wrong(root_of):
    root = root_of("dogs")
    path = os.path.join(root, "test_list.mat")
    with open(path, "rb") as whole:
        data = whole.read()
    rng = np.random.RandomState(0)
    for _ in range(6):
        spoilt = np.frombuffer(data, np.uint8).copy()
        spoilt[rng.randint(128, len(data), 8)] = rng.randint(0, 256, 8)
        with open(path, "wb") as out:
            out.write(spoilt.tobytes())
        try:
            official.read("dogs", root, subset=True)
        except UserError as error:
            assert str(error).isprintable()
