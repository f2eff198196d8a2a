import numpy as np
import pytest

from config import resolve
from tests.conftest import write_image
from training import preflight
from utils.errors import UserError

# Image folder below the data set's, prefix in the lists, and first label, as its users have them.
RELEASE = {
    "cars": ("stanford_cars", "", "car_ims/", 1),
    "flowers": ("flower102", "jpg", "", 0),
    "aircrafts": ("aircrafts", "fgvc-aircraft-2013b/data/images", "", 0),
    "dogs": ("Stanford_dogs", "Images", "n02085620-Chihuahua/", 0),
    "birds": ("nabirds", "images", "0817/", 0),
}


@pytest.mark.parametrize("name", RELEASE)
def test_users_of_the_first_release_keep_their_folders(tmp_path, name):
    folder, images, prefix, first = RELEASE[name]
    root = tmp_path / folder
    (root / "lists").mkdir(parents=True)
    for split in ("train", "test"):
        rows = [",label,file_name"]
        for i in range(4):
            rows.append(f"{i},{first + i // 2},{prefix}{split}{i}.jpg")
            write_image(str(root / images / prefix / f"{split}{i}.jpg"), (25 * i, 90, 10))
        (root / "lists" / f"{split}_all_sub_list.csv").write_text("\n".join(rows) + "\n")
    config = resolve.resolve({"dataset": name, "datasets_dir": str(tmp_path)}, {}, {})
    dataset = preflight.load_dataset(config, ["train", "test"])
    assert dataset.splits["test"].labels.tolist() == [0, 0, 1, 1]
    assert dataset.splits["train"].files[3] == f"{prefix}train3.jpg"
    assert dataset.class_map.labels == (first, first + 1)


def test_a_missing_folder_says_where_who_and_how():
    config = resolve.resolve({"dataset": "dogs"}, {"DATASETS_DIR": "/data"}, {})
    with pytest.raises(UserError) as caught:
        preflight.load_dataset(config, ["train"])
    for word in ("/data/Stanford_dogs", "DATASETS_DIR", "Stanford Dogs", "http"):
        assert word in str(caught.value)


def test_an_imbalance_thins_the_training_list_alone(shared_tree):
    given = {"dataset": "custom", "dataset_path": shared_tree, "imbalance_ratio": 7.0}
    config = resolve.resolve(given, {}, {})
    dataset = preflight.load_dataset(config, ["train", "test"])
    assert sorted(np.bincount(dataset.splits["train"].labels)) == [1, 2, 4, 7]
    assert len(dataset.splits["test"].files) == 8 and len(dataset.class_map.labels) == 4


def test_shots_thin_the_training_list_alone_and_depend_on_the_seed(shared_tree):
    chosen = set()
    for seed in range(5):
        given = {"dataset": "custom", "dataset_path": shared_tree, "shots": 2, "seed": seed}
        dataset = preflight.load_dataset(resolve.resolve(given, {}, {}), ["train", "test"])
        assert np.bincount(dataset.splits["train"].labels).tolist() == [2, 2, 2, 2]
        assert len(dataset.splits["test"].files) == 8
        chosen.add(tuple(dataset.splits["train"].files))
    assert len(chosen) > 1


@pytest.mark.parametrize("given, expected", [(None, "test"), ("test", "test"), ("val", "val")])
def test_the_final_evaluation_is_on_the_test_list_unless_it_is_to_be_left_alone(
    shared_tree, given, expected
):
    flags = {"dataset": "custom", "dataset_path": shared_tree, "final_split": given}
    assert preflight.final_split(resolve.resolve(flags, {}, {})) == expected
