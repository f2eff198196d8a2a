import os
import shutil

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from datasets_lists import inspection, lists, split
from tests.conftest import write_tree
from tests.datasets_lists.helpers import message_of

SHARES = (0.7, 0.1, 0.2)


def singles(number):
    return [[i] for i in range(number)]


def shares_of(assigned, labels):
    return [
        np.bincount(assigned[labels == c], minlength=3).tolist() for c in range(labels.max() + 1)
    ]


@pytest.mark.parametrize(
    "shares, expected",
    [
        (SHARES, [[7, 1, 2], [28, 4, 8], [2, 0, 1], [1, 0, 0]]),
        ((0.8, 0.2, 0), [[8, 2, 0], [32, 8, 0], [2, 1, 0], [1, 0, 0]]),
        ((0.5, 0, 0.5), [[5, 0, 5], [20, 0, 20], [1, 0, 2], [1, 0, 0]]),
        ((1, 0, 0), [[10, 0, 0], [40, 0, 0], [3, 0, 0], [1, 0, 0]]),
    ],
)
def test_each_class_is_split_by_itself(shares, expected):
    labels = np.repeat(np.arange(4), [10, 40, 3, 1])
    assert shares_of(split.assign(labels, singles(54), shares, 0), labels) == expected


def test_the_split_is_drawn_by_the_seed():
    labels = np.repeat(np.arange(3), 20)
    one, same, other = (split.assign(labels, singles(60), SHARES, seed) for seed in (0, 0, 1))
    assert one.tolist() == same.tolist() != other.tolist()
    assert shares_of(one, labels) == shares_of(other, labels)
    assert one.tolist() != sorted(one.tolist())


@pytest.mark.parametrize("seed", range(20))
def test_groups_stay_whole_and_each_class_can_be_trained(seed):
    rng = np.random.RandomState(seed)
    labels = np.sort(rng.randint(0, 5, 60))
    order = rng.permutation(60)
    cuts = np.sort(rng.choice(np.arange(1, 60), 25, replace=False))
    groups = [part.tolist() for part in np.split(order, cuts)]  # over classes too
    shares = ((0.7, 0.1, 0.2), (0.1, 0.1, 0.8), (0.34, 0.33, 0.33))[seed % 3]
    assigned = split.assign(labels, groups, shares, seed)
    for group in groups:
        assert len(set(assigned[group])) == 1
    assert set(assigned) <= {0, 1, 2}
    for label in set(labels):
        assert 0 in assigned[labels == label]


def test_a_class_of_one_group_is_for_training():
    labels = np.repeat([0, 1], 10)
    assigned = split.assign(
        labels, [list(range(10))] + [[i] for i in range(10, 20)], (0.1, 0.1, 0.8), 0
    )
    assert assigned[:10].tolist() == [0] * 10


def test_near_duplicates_are_linked_through_others():
    hashes = np.zeros((6, 64), bool)
    hashes[1, :8] = True  # 8 from 0
    hashes[2, :16] = True  # 8 from 1, 16 from 0
    hashes[3, 20:29] = True  # 9 from 0
    hashes[4] = True
    hashes[5] = hashes[4]
    hashes[5, 3] = False
    assert split.near_duplicates(hashes) == [[0, 1, 2], [3], [4, 5]]
    assert split.near_duplicates(hashes, 0) == [[i] for i in range(6)]


def test_near_duplicates_over_block_borders():
    hashes = np.random.RandomState(0).rand(2500, 64) > 0.5
    hashes[2400] = hashes[3]
    hashes[1030] = hashes[1020]
    groups = split.near_duplicates(hashes)
    assert [g for g in groups if len(g) > 1] == [[3, 2400], [1020, 1030]]
    assert sorted(sum(groups, [])) == list(range(2500))


def scene(seed):
    """A picture with shapes of its own, large enough for a perceptual hash."""
    rng = np.random.RandomState(seed)
    coarse = Image.fromarray(np.uint8(rng.rand(6, 8, 3) * 255))
    return coarse.resize((120, 90), Image.BICUBIC)


@pytest.fixture
def photos(tmp_path):
    """Three classes of twelve pictures; the first of each has copies, one of them elsewhere."""
    root = str(tmp_path / "own")
    for c, name in enumerate(("ash", "beech", "cedar")):
        os.makedirs(os.path.join(root, name, "deep"))
        for i in range(12):
            scene(100 * c + i).save(os.path.join(root, name, f"{i}.jpg"))
    first = Image.open(os.path.join(root, "ash", "0.jpg"))
    first.resize((60, 45)).save(os.path.join(root, "ash", "deep", "half.png"))
    first.save(os.path.join(root, "ash", "worse.jpg"), quality=30)
    ImageEnhance.Brightness(first).enhance(1.2).save(os.path.join(root, "beech", "brighter.jpg"))
    return root


GROUP = ["ash/0.jpg", "ash/deep/half.png", "ash/worse.jpg", "beech/brighter.jpg"]


@pytest.mark.parametrize("seed", range(4))
def test_copies_of_a_picture_are_found_and_kept_together(photos, seed):
    annotations, groups = split.split(photos, SHARES, seed)
    assert [sorted(group) for group in groups] == [GROUP]
    split_of = {
        file: split
        for split, rows in annotations.splits.items()
        if split != "trainval"
        for _, file in rows
    }
    assert len(split_of) == 39 and len({split_of[file] for file in GROUP}) == 1
    assert annotations.class_names == ("ash", "beech", "cedar")
    rows = annotations.splits
    assert rows["trainval"] == rows["train"] + rows["val"]
    for label, file in rows["train"] + rows["test"]:
        assert annotations.class_names[label] == file.split("/")[0]


def test_the_lists_are_written_beside_the_folders_and_can_be_made_again(photos):
    annotations, _ = split.split(photos, SHARES, 0)
    assert lists.write(photos, annotations)
    again, _ = split.split(photos, SHARES, 0)
    assert not lists.write(photos, again)
    report = inspection.inspect_dataset("custom", photos)
    assert report.problems == () and report.published == {}
    assert report.counts["train"] == len(annotations.splits["train"])


def test_a_split_without_images_is_not_written(photos):
    annotations, _ = split.split(photos, (0.8, 0, 0.2))
    assert set(annotations.splits) == {"train", "test"}
    annotations, _ = split.split(photos, (0.8, 0.2, 0))
    assert set(annotations.splits) == {"train", "val", "trainval"}


@pytest.mark.parametrize(
    "shares",
    [(0.7, 0.1, 0.1), (0, 0.5, 0.5), (1.2, -0.1, -0.1), (0.7, 0.2, 0.2), (float("nan"), 0, 1)],
)
def test_shares_that_are_none(photos, shares):
    message = message_of(split.split, photos, shares)
    assert "--split" in message and "sum to 1" in message


def test_an_image_that_can_not_be_read(photos):
    path = os.path.join(photos, "beech", "5.jpg")
    with open(path, "r+b") as out:
        out.truncate(300)
    message = message_of(split.split, photos, SHARES)
    assert path in message and "datasets_lists check custom" in message


def test_trees_that_are_none(tmp_path):
    write_tree(str(tmp_path / "done" / "train"), per_class=2)
    message = message_of(split.split, str(tmp_path / "done"), SHARES)
    assert "already split" in message
    (tmp_path / "bare").mkdir()
    assert "subfolder per class" in message_of(split.split, str(tmp_path / "bare"), SHARES)
    root = write_tree(str(tmp_path / "tree"), per_class=2)
    shutil.rmtree(os.path.join(root, "ant"))
    os.makedirs(os.path.join(root, "ant"))
    assert "ant holds no image" in message_of(split.split, root, SHARES)
