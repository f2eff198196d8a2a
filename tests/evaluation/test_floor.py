import dataclasses
import os

import numpy as np
import pytest

from evaluation import floor, floor_flags, probe, spaces
from pretrained import weights
from tests.conftest import CLASSES, write_tree
from tests.training.test_trainer import message_of
from training import build, graphs, preflight
from utils.tf1 import open_session, tf


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A data set with a folder for each split, and start weights of a thin MobileNet."""
    root = tmp_path_factory.mktemp("floor")
    for split, count in (("train", 6), ("val", 3), ("test", 5)):
        write_tree(os.path.join(str(root), "tree", split), count)
    flags = f"""--dataset custom --dataset_path {root}/tree --net mobile --depth_multiplier 0.25
        --frame_size 32 --resize_min 34 --gpu -1 --pretrained {root}/weights"""
    config = floor_flags.parse(flags.split())
    with tf.Graph().as_default(), open_session("-1") as session:
        images = tf.zeros([1, 32, 32, 3])
        build.build_tower(config, images, 7, is_training=False)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, f"{root}/weights")
        names = [v for v in tf.global_variables() if "Conv2d_13_pointwise/weights" not in v.name]
        tf.train.Saver(names).save(session, f"{root}/incomplete")
    return config, flags


def test_the_scores_are_those_of_the_untouched_features(given, monkeypatch):
    config, _ = given
    nearest, noted = probe.nearest_accuracy, []
    monkeypatch.setattr(
        probe, "nearest_accuracy", lambda *args: noted.append(args) or nearest(*args)
    )
    lines = floor.floor_lines(config)
    dataset = preflight.load_dataset(config, ["train", "test"])
    for position, split in ((0, "train"), (2, "test")):
        with tf.Graph().as_default(), tf.Session() as session:
            graph = graphs.build_eval_graph(config, dataset.splits[split], 4, 40)
            variables = [v for v in tf.global_variables() if "Logits" not in v.name]
            tf.train.Saver(variables).restore(session, config.pretrained)
            session.run(graph.start)
            pooled, labels = session.run([graph.pooled, graph.labels])
        np.testing.assert_allclose(noted[0][position], spaces.unit_rows(pooled), atol=1e-5)
        np.testing.assert_array_equal(noted[0][position + 1], labels)
    assert "256 pooled features at 32 pixels; images: 20 test, 24 train, 12 val" in lines[0]
    assert "chosen on the val list" in lines[1]
    scores = {line[:40].strip(): float(line[40:]) for line in lines[2:]}
    assert set(scores) == {
        "accuracy of a linear probe", "accuracy of the nearest training image", "Recall@1", "MAP@R",
    }  # fmt: skip
    assert all(0 <= score <= 1 for score in scores.values())


def test_what_has_no_floor(given):
    _, flags = given
    message = message_of(floor.floor_lines, floor_flags.parse(
        flags.replace("/weights", "/incomplete").split()
    ))  # fmt: skip
    assert "lacks MobilenetV1/Conv2d_13_pointwise/weights, one of 1" in message
    assert "--learning_rate" in message_of(floor_flags.parse, ["--learning_rate", "1"])
    assert "--pretrained" in message_of(floor_flags.parse, ["--net", "mobile"])  # the digits


def write_lists(config, folder, **classes):
    """Lists of the images in the folder train, of some classes each."""
    root = os.path.join(config.dataset_dir, folder)
    os.makedirs(root)
    for split, names in classes.items():
        rows = [f"{i},{name},train/{name}/{i}.jpg" for name in names for i in range(6)]
        with open(os.path.join(root, f"{split}_all_sub_list.csv"), "w") as file:
            file.write("\n".join([",label,file_name", *rows]) + "\n")


@pytest.mark.usefixtures("small_graphs")
def test_lists_whose_scores_need_care(given, monkeypatch):
    config, _ = given
    write_lists(config, "lists_unseen", train=("ant", "bee"), test=("cat", "dog"))
    write_lists(config, "lists_shared", train=CLASSES, val=("ant",), test=CLASSES)
    write_lists(config, "lists_no_test", train=CLASSES, val=("ant", "bee"))
    monkeypatch.setattr(weights, "restore", lambda *args: weights.RestoreReport([], [], [], []))
    lines = floor.floor_lines(dataclasses.replace(config, lists_folder="lists_unseen"))
    assert lines[1] == "no class of the test list is in training: retrieval only"
    assert [line.split()[0] for line in lines[2:]] == ["Recall@1", "MAP@R"]
    lines = floor.floor_lines(dataclasses.replace(config, lists_folder="lists_shared"))
    assert "chosen on folds of train" in lines[1]
    without_test = dataclasses.replace(config, lists_folder="lists_no_test")
    test_left_alone = dataclasses.replace(config, final_split="val")
    for changed in (without_test, test_left_alone):
        lines = floor.floor_lines(changed)
        assert "images: 24 train, 12 val" in lines[0]
        assert "chosen on folds of train" in lines[1]
