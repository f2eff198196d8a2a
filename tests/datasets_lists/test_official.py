"""Official files, written here by hand in the formats of the sites, and what is read of them."""

import os

import numpy as np
import pytest
from scipy.io import savemat

from config.datasets import DATASETS
from datasets_lists import official
from reproduction import synthetic
from tests.datasets_lists.helpers import message_of, write_lines

AIRCRAFTS = {
    "images_variant_train.txt": ["0000031 Z 9", "0000017 F/A-18", "0000025 707-320"],
    "images_variant_val.txt": ["0000012 707-320", "0000099 F/A-18"],
    "images_variant_trainval.txt": [
        "0000012 707-320",
        "0000025 707-320",
        "0000017 F/A-18",
        "0000099 F/A-18",
        "0000031 Z 9",
    ],
    "images_variant_test.txt": ["0000001 Z 9"],
    "variants.txt": ["707-320", "F/A-18", "Z 9"],
}
FAMILIES = {
    name.replace("variant", "family"): [line.replace("Z 9", "F/A-18") for line in lines]
    for name, lines in AIRCRAFTS.items()
    if name.startswith("images")
}


def aircrafts_at(root, *more):
    for files in (AIRCRAFTS, *more):
        for name, lines in files.items():
            write_lines(os.path.join(str(root), "fgvc-aircraft-2013b", "data", name), lines)
    return str(root)


def cells(*values):
    made = np.empty((len(values), 1), object)
    made[:, 0] = values
    return made


def records(**fields):
    made = np.zeros(
        (1, len(fields["fname" if "fname" in fields else "test"])), [(f, "O") for f in fields]
    )
    for field, values in fields.items():
        made[field][0, :] = values
    return made


def test_aircrafts_train_is_train_then_val_in_the_order_of_the_files(tmp_path):
    found = official.read("aircrafts", aircrafts_at(tmp_path), subset=True)
    train = [(2, "0000031.jpg"), (1, "0000017.jpg"), (0, "0000025.jpg")]
    val = [(0, "0000012.jpg"), (1, "0000099.jpg")]
    assert found.splits == {
        "train": train + val,
        "val": val,
        "trainval": train + val,
        "test": [(2, "0000001.jpg")],
    }
    assert found.class_names == ("707-320", "F/A-18", "Z 9")


def test_aircraft_labels_follow_the_file_of_names_and_not_the_alphabet(tmp_path):
    names = ["Z 9", "707-320", "F/A-18"]
    root = aircrafts_at(tmp_path, {"variants.txt": names})
    found = official.read("aircrafts", root, subset=True)
    assert found.class_names == tuple(names)
    assert [label for label, _ in found.splits["train"]] == [0, 2, 1, 1, 2]


def test_aircraft_levels(tmp_path):
    root = aircrafts_at(tmp_path, FAMILIES)
    found = official.read("aircrafts", root, "family", subset=True)
    assert found.class_names == ("707-320", "F/A-18")  # sorted: there is no families.txt
    assert [label for label, _ in found.splits["train"]] == [1, 1, 0, 0, 1]
    data = os.path.join(root, "fgvc-aircraft-2013b", "data")
    write_lines(os.path.join(data, "families.txt"), ["F/A-18", "707-320"])
    found = official.read("aircrafts", root, "family", subset=True)
    assert [label for label, _ in found.splits["train"]] == [0, 0, 1, 1, 0]
    message = message_of(official.read, "aircrafts", root, "manufacturer", subset=True)
    assert "images_manufacturer_train.txt" in message
    assert official.class_counts("aircrafts") == {"variant": 100, "family": 70, "manufacturer": 30}


def test_flowers(tmp_path):
    savemat(str(tmp_path / "imagelabels.mat"), {"labels": np.uint8([[3, 1, 2, 2, 1, 3, 1]])})
    ids = {
        "trnid": np.uint16([[3, 1, 5]]),
        "valid": np.uint16([[7, 4]]),
        "tstid": np.uint16([[6, 2]]),
    }
    savemat(str(tmp_path / "setid.mat"), ids)
    found = official.read("flowers", str(tmp_path), subset=True)
    train = [(1, "image_00003.jpg"), (2, "image_00001.jpg"), (0, "image_00005.jpg")]
    val = [(0, "image_00007.jpg"), (1, "image_00004.jpg")]
    test = [(2, "image_00006.jpg"), (0, "image_00002.jpg")]
    assert found.splits == {"train": train, "val": val, "trainval": train + val, "test": test}
    assert found.class_names == ("pink primrose", "hard-leaved pocket orchid", "canterbury bells")


def cars_folders_at(root, test_at="devkit/cars_test_annos_withlabels.mat"):
    os.makedirs(os.path.join(root, "devkit"), exist_ok=True)
    train = records(
        bbox_x1=[4, 5, 6], **{"class": [2, 1, 2]}, fname=["00001.jpg", "00002.jpg", "00003.jpg"]
    )
    savemat(os.path.join(root, "devkit", "cars_train_annos.mat"), {"annotations": train})
    test = records(**{"class": [1, 2]}, fname=["00001.jpg", "00002.jpg"])
    savemat(os.path.join(root, test_at), {"annotations": test})
    return root


FOLDER_ROWS = {
    "train": [
        (1, "cars_train/00001.jpg"),
        (0, "cars_train/00002.jpg"),
        (1, "cars_train/00003.jpg"),
    ],
    "test": [(0, "cars_test/00001.jpg"), (1, "cars_test/00002.jpg")],
}


@pytest.mark.parametrize(
    "test_at", ["devkit/cars_test_annos_withlabels.mat", "cars_test_annos_withlabels.mat"]
)
def test_cars_in_two_folders_that_share_file_names(tmp_path, test_at):
    root = cars_folders_at(str(tmp_path), test_at)
    found = official.read("cars", root, subset=True)
    assert found.splits == FOLDER_ROWS
    assert found.class_names == ("1", "2")
    names = np.empty((1, 2), object)
    names[0, :] = ["Acura RL", "BMW, M3"]
    savemat(os.path.join(root, "devkit", "cars_meta.mat"), {"class_names": names})
    assert official.read("cars", root, subset=True).class_names == ("Acura RL", "BMW, M3")


def one_file_at(root, path="cars_annos.mat"):
    names = np.empty((1, 2), object)
    names[0, :] = ["Acura RL", "BMW M3"]
    annotations = records(
        relative_im_path=[f"car_ims/{i:06d}.jpg" for i in (1, 2, 3, 4)],
        **{"class": [1, 2, 2, 1]},
        test=[0, 1, 0, 1],
    )
    savemat(os.path.join(root, path), {"annotations": annotations, "class_names": names})
    return root


ONE_FILE_ROWS = {
    "train": [(0, "car_ims/000001.jpg"), (1, "car_ims/000003.jpg")],
    "test": [(1, "car_ims/000002.jpg"), (0, "car_ims/000004.jpg")],
}


def test_cars_in_one_folder(tmp_path):
    found = official.read("cars", one_file_at(str(tmp_path)), subset=True)
    assert found.splits == ONE_FILE_ROWS
    assert found.class_names == ("Acura RL", "BMW M3")


def test_the_two_forms_of_cars_are_never_mixed(tmp_path):
    root = one_file_at(cars_folders_at(str(tmp_path)))
    assert official.read("cars", root, subset=True).splits == FOLDER_ROWS  # no car_ims here
    (tmp_path / "car_ims").mkdir()
    assert official.read("cars", root, subset=True).splits == ONE_FILE_ROWS
    (tmp_path / "cars_annos.mat").unlink()
    message = message_of(official.read, "cars", root, subset=True)
    assert "car_ims" in message and "cars_annos.mat" in message
    (tmp_path / "cars_train").mkdir()
    assert official.read("cars", root, subset=True).splits == FOLDER_ROWS


@pytest.mark.parametrize("name", ["cars_test_annos.mat", "cars_test_annos_withlabels.mat"])
def test_the_cars_without_labels_are_told_from_those_with(tmp_path, name):
    root = cars_folders_at(str(tmp_path))
    os.remove(os.path.join(root, "devkit", "cars_test_annos_withlabels.mat"))
    path = os.path.join(root, "devkit", name)
    savemat(path, {"annotations": records(fname=["00001.jpg", "00002.jpg"])})
    message = message_of(official.read, "cars", root, subset=True)
    for words in (path, "has no labels", "cars_test_annos_withlabels.mat", "http"):
        assert words in message


def test_dogs(tmp_path):
    chihuahua, dingo = (
        "n02085620-Chihuahua/n02085620_{}.jpg",
        "n02115641-German_dingo/n02115641_{}.jpg",
    )
    for split, files, labels in (
        ("train", [dingo.format(5), chihuahua.format(7), dingo.format(1)], [[2], [1], [2]]),
        ("test", [chihuahua.format(2)], [[1]]),
    ):
        path = str(tmp_path / f"{split}_list.mat")
        savemat(path, {"file_list": cells(*files), "labels": np.float64(labels)})
    found = official.read("dogs", str(tmp_path), subset=True)
    assert found.splits == {
        "train": [(1, dingo.format(5)), (0, chihuahua.format(7)), (1, dingo.format(1))],
        "test": [(0, chihuahua.format(2))],
    }
    assert found.class_names == ("Chihuahua", "German_dingo")


BIRDS = {
    "images.txt": [
        "b-2 0817/b2.jpg",
        "a-1 0299/a1.jpg",
        "c-3 1000/c3.jpg",
        "d-4 0817/d4.jpg",
        "e-5 0299/e5.jpg",
        "f-6 1000/f6.jpg",
    ],
    "image_class_labels.txt": ["a-1 299", "b-2 817", "c-3 1000", "d-4 817", "e-5 299", "f-6 1000"],
    "train_test_split.txt": ["f-6 1", "a-1 1", "b-2 1", "c-3 0", "d-4 0", "e-5 0"],
    "classes.txt": ["0 Birds", "299 Eared Grebe (Breeding)", "817 Oak Titmouse", "1000 Wren"],
}
BIRD_ROWS = {
    "train": [(1, "0817/b2.jpg"), (0, "0299/a1.jpg"), (2, "1000/f6.jpg")],
    "test": [(2, "1000/c3.jpg"), (1, "0817/d4.jpg"), (0, "0299/e5.jpg")],
}


def birds_at(root, **changed):
    for name, lines in BIRDS.items():
        write_lines(os.path.join(str(root), name), changed.get(name.split(".")[0], lines))
    return str(root)


def test_birds_have_their_leaf_classes_in_the_order_of_their_numbers(tmp_path):
    found = official.read("birds", birds_at(tmp_path), subset=True)
    assert found.splits == BIRD_ROWS
    assert found.class_names == ("Eared Grebe (Breeding)", "Oak Titmouse", "Wren")


def test_cub_with_the_three_text_files_alone(tmp_path):
    files = [
        "002.Auk/Auk_0001_1.jpg",
        "001.Albatross/A_0001_2.jpg",
        "002.Auk/Auk_0002_3.jpg",
        "001.Albatross/A_0002_4.jpg",
    ]
    write_lines(tmp_path / "images.txt", [f"{i} {file}" for i, file in enumerate(files, 1)])
    write_lines(tmp_path / "image_class_labels.txt", ["1 2", "2 1", "3 2", "4 1"])
    write_lines(tmp_path / "train_test_split.txt", ["1 0", "2 1", "3 1", "4 0"])
    found = official.read("cub", str(tmp_path), subset=True)
    assert found.splits == {
        "train": [(0, files[1]), (1, files[2])],
        "test": [(1, files[0]), (0, files[3])],
    }
    assert found.class_names == ("001.Albatross", "002.Auk")


def test_cub_of_2010_is_refused(tmp_path):
    write_lines(tmp_path / "lists" / "files.txt", ["001.Black_footed_Albatross/B_0001.jpg"])
    message = message_of(official.read, "cub", str(tmp_path), subset=True)
    assert "of 2010" in message and "CUB-200-2011" in message and str(tmp_path) in message
    lines = [f"{i} 001.Albatross/{i}.jpg" for i in range(6033)]
    write_lines(tmp_path / "images.txt", lines)
    assert "of 2010" in message_of(official.read, "cub", str(tmp_path), subset=True)
    write_lines(tmp_path / "images.txt", lines[1:])
    assert "of 2010" not in message_of(official.read, "cub", str(tmp_path), subset=True)


@pytest.mark.parametrize("name", synthetic.WRITERS)
def test_a_generated_copy_is_read_and_is_not_taken_for_the_whole(tmp_path, name):
    root = synthetic.write(name, str(tmp_path), num_classes=3, images_per_class=6)
    name = name.split("_")[0]
    assert root == official.existing_folder_of(name, str(tmp_path))
    found = official.read(name, root, subset=True)
    assert len(found.class_names) == (6 if name == "sop" else 3)
    listed = {file for rows in found.splits.values() for _, file in rows}
    assert len(listed) == 18
    spec = DATASETS[name]
    folders = [os.path.join(root, folder) for folder in spec.image_folders]
    assert all(any(os.path.isfile(os.path.join(f, file)) for f in folders) for file in listed)
    message = message_of(official.read, name, root)
    assert str(spec.counts["train"]) in message and "--subset" in message and root in message


def test_every_row_of_the_table_has_a_module_that_can_do_its_part():
    for name in official.NAMES:
        module = official.reader_of(name)
        assert callable(module.read) and DATASETS[name].counts and DATASETS[name].num_classes
        assert isinstance(module.DOWNLOADS, tuple)
        assert module.DOWNLOADS or "{root}" in module.BY_HAND
        for wanted in module.DOWNLOADS:
            assert wanted.size > 0 and wanted.gives and (wanted.sha256 or wanted.md5)
    assert set(official.NAMES) == {"aircrafts", "flowers", "cars", "dogs", "birds", "cub", "sop"}


def test_a_missing_folder_says_where_who_and_how(tmp_path):
    message = message_of(official.existing_folder_of, "cub", str(tmp_path))
    for words in (str(tmp_path / "CUB_200_2011"), "--datasets_dir", "download cub"):
        assert words in message
