"""Lists whose classes are split: --split unseen, its folds, and Stanford Online Products."""

import os

import pytest

from config.resolve import resolve
from datasets_lists import commands, flags, inspection, official, unseen
from datasets_lists.annotations import Annotations
from reproduction import synthetic
from tests.conftest import write_tree
from tests.datasets_lists.helpers import contents_of, message_of, rows_of, write_lines
from training import preflight


def make(*words):
    """Runs a command; returns what it says and whether it found no problem."""
    said = []
    clean = commands.run(*flags.parse(list(words)), said.append)
    return "\n".join(said), clean


def annotations_of(num_classes):
    rows = [(label, f"{label}.jpg") for label in range(num_classes)]
    names = tuple(map(str, range(num_classes)))
    splits = {"train": rows, "val": rows[:1], "test": [(n, f"t{n}.jpg") for n, _ in rows]}
    return Annotations(names, splits, dict.fromkeys(splits, "source"))


def classes_of(annotations, split):
    return sorted({label for label, _ in annotations.splits[split]})


@pytest.mark.parametrize("num_classes, trained", [(200, 100), (196, 98), (555, 277)])
def test_the_first_half_of_the_classes_is_for_training_with_all_its_images(num_classes, trained):
    whole, folds = unseen.split(annotations_of(num_classes))
    assert classes_of(whole, "train") == list(range(trained))
    assert classes_of(whole, "test") == list(range(trained, num_classes))
    assert len(whole.splits["train"]) == 2 * trained  # those of the official test list too
    assert set(whole.splits) == {"train", "test"}
    held_out = [classes_of(fold, "val") for fold in folds]
    assert sum(held_out, []) == list(range(trained))  # contiguous, each class once
    assert len(folds) == 4 and {len(part) // (trained // 4) for part in held_out} == {1}
    for fold, part in zip(folds, held_out):
        assert classes_of(fold, "train") == sorted(set(range(trained)) - set(part))
        assert fold.splits["test"] == whole.splits["test"]


def test_few_classes_have_no_folds_and_one_class_no_split():
    assert unseen.split(annotations_of(16))[1] and not unseen.split(annotations_of(15))[1]
    assert "at least two classes" in message_of(unseen.split, annotations_of(1))


def test_make_and_check_of_an_official_data_set(tmp_path):
    root = synthetic.write("cub", str(tmp_path), num_classes=16, images_per_class=6)
    words = ["cub", "--datasets_dir", str(tmp_path), "--subset"]
    text, clean = make("make", *words, "--split", "unseen")
    assert clean and "8 classes to train on, 8 others to search; fold0 to fold3" in text
    assert "none of the 8 classes of test is in train: retrieval only" in text
    folder = os.path.join(root, "lists_unseen")
    parts = {"", "fold0", "fold1", "fold2", "fold3"}
    for part in parts:
        names = {name for name in os.listdir(os.path.join(folder, part)) if name.endswith(".csv")}
        val = {"val_all_sub_list.csv"} if part else set()
        assert names == {"train_all_sub_list.csv", "test_all_sub_list.csv", "classes.csv"} | val
    rows = rows_of(os.path.join(folder, "train_all_sub_list.csv"))
    assert len(rows) == 48 and {label for label, _ in rows} == set(range(8))
    assert not os.path.exists(os.path.join(root, "lists"))
    before = contents_of(folder)
    assert "is unchanged" in make("make", *words, "--split", "unseen", "--skip_images")[0]
    assert contents_of(folder) == before
    with open(os.path.join(folder, "fold2", "val_all_sub_list.csv"), "a") as file:
        file.write("0,0,a.jpg\n")
    message = message_of(make, "make", *words, "--split", "unseen", "--skip_images")
    assert "fold2" in message and "--overwrite" in message
    make("make", *words, "--split", "unseen", "--skip_images", "--overwrite")
    assert contents_of(folder) == before
    assert make("check", *words, "--lists_folder", "lists_unseen/fold1")[1]
    message = message_of(make, "check", *words)
    assert "no folder lists;" in message and "make cub" in message
    message = message_of(make, "check", *words, "--lists_folder", "nowhere")
    assert "no folder nowhere;" in message and "--split unseen" in message


def test_folders_of_classes(tmp_path):
    tree = write_tree(str(tmp_path / "tree"), 3)
    words = ["custom", "--dataset_path", tree]
    text, clean = make("make", *words, "--split", "unseen")
    assert clean and "2 classes to train on, 2 others to search; no folds" in text
    given = {"dataset": "custom", "dataset_path": tree, "eval_split": "test"}
    config = resolve(dict(given, lists_folder="lists_unseen"), environ={}, local={})
    dataset = preflight.load_dataset(config, ["train", "test"])
    assert dataset.class_map.names == ("ant", "bee")
    assert dataset.splits["test"].unseen == ("cat", "dog")
    # The folder of lists is no class, neither of training nor of the next split.
    usual = preflight.load_dataset(resolve(given, environ={}, local={}), ["train"])
    assert usual.class_map.names == ("ant", "bee", "cat", "dog")
    make("make", *words, "--split", "0.5", "0", "0.5", "--skip_images")
    assert "is unchanged" in make("make", *words, "--split", "unseen", "--skip_images")[0]


def test_lists_that_are_missing_are_named_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(preflight.digits, "write", lambda root: None)
    tree = write_tree(str(tmp_path / "tree"), 1)
    given = {"dataset": "custom", "dataset_path": tree, "lists_folder": "lists_unseen"}
    config = resolve(given, environ={}, local={})
    message = message_of(preflight.with_eval_split, config)
    assert "no folder lists_unseen;" in message
    assert f"make custom --dataset_path {tree} --split unseen creates" in message
    (tmp_path / "digits").mkdir()
    given = {"dataset": "digits", "datasets_dir": str(tmp_path), "lists_folder": "lists_unseen"}
    message = message_of(preflight.with_eval_split, resolve(given, environ={}, local={}))
    assert "leave --lists_folder out" in message


def test_a_fold_of_aircrafts_is_held_out(tmp_path):
    """Its usual validation list is a part of training."""
    synthetic.write("aircrafts", str(tmp_path), num_classes=16, images_per_class=6)
    words = ["aircrafts", "--datasets_dir", str(tmp_path), "--subset", "--skip_images"]
    make("make", *words)
    make("make", *words, "--split", "unseen")
    given = {"dataset": "aircrafts", "datasets_dir": str(tmp_path)}
    for folder, split in (("lists", "test"), ("lists_unseen/fold0", "val")):
        config = resolve(dict(given, lists_folder=folder), environ={}, local={})
        assert preflight.with_eval_split(config).eval_split == split


HEADER = "image_id class_id super_class_id path"


def sop(root, train=("1 1 1 bicycle_final/11_0.JPG",), test=("2 2 1 lamp_final/22_0.JPG",)):
    for split, rows in (("train", train), ("test", test)):
        write_lines(os.path.join(str(root), f"Ebay_{split}.txt"), [HEADER, *rows])
    return str(root)


def test_stanford_online_products_has_a_split_of_its_own(tmp_path):
    root = sop(
        tmp_path,
        ["1 1 1 bicycle_final/111085122871_0.JPG", "2 1 1 bicycle_final/111085122871_1.JPG"],
        ["3 11319 12 toaster_final/22_0.JPG"],
    )
    found = official.read("sop", root, subset=True)
    assert found.class_names == ("bicycle 111085122871", "toaster 22")
    assert [label for label, _ in found.splits["train"]] == [0, 0]
    assert found.splits["test"] == [(1, "toaster_final/22_0.JPG")]
    whole, _ = unseen.split(found)
    assert whole.splits == found.splits
    message = message_of(official.read, "sop", root)
    assert "2 train images" in message and "59551" in message


def test_the_whole_of_stanford_online_products(tmp_path):
    def rows(start, images, classes):
        return [f"{i} {start + i % classes} 1 a_final/{start + i % classes}_{i}.JPG"
                for i in range(images)]  # fmt: skip

    root = sop(tmp_path, rows(1, 59551, 11318), rows(11319, 60502, 11316))
    found = official.read("sop", root)
    assert len(found.class_names) == 22634
    _, folds = unseen.split(found)
    assert [len(classes_of(fold, "val")) for fold in folds] == [2829, 2830, 2829, 2830]


def test_damaged_files_of_stanford_online_products(tmp_path):
    both = message_of(official.read, "sop", sop(tmp_path / "a", test=["2 1 1 x/1.JPG"]), None, True)
    assert "Ebay_test.txt has the class 1" in both
    number = sop(tmp_path / "b", train=["1 one 1 x/1.JPG"])
    assert "row 2: 'one'" in message_of(official.read, "sop", number, None, True)
    cut = sop(tmp_path / "c", train=["1 1"])
    assert "row 2" in message_of(official.read, "sop", cut, None, True)
    headless = sop(tmp_path / "d")
    write_lines(os.path.join(headless, "Ebay_train.txt"), ["1 1 1 bicycle_final/11_0.JPG"])
    assert "begins with" in message_of(official.read, "sop", headless, None, True)


def test_lists_of_stanford_online_products_are_checked(tmp_path):
    synthetic.write("sop", str(tmp_path), num_classes=3, images_per_class=6)
    words = ["sop", "--datasets_dir", str(tmp_path)]
    text, clean = make("make", *words, "--subset")
    assert clean and "none of the 3 classes of test is in train" in text
    root = official.existing_folder_of("sop", str(tmp_path))
    report = inspection.inspect_dataset("sop", root, read_images=False)
    details = " ".join(problem.detail for problem in report.problems)
    assert "has 9 images, not 59551" in details and "has 6 classes, not 22634" in details
