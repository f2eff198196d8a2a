import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from evaluation import evaluator, metrics, spaces
from evaluation import files as eval_files
from tests.conftest import write_image, write_tree
from tests.training.test_trainer import config_of, message_of
from training import trainer
from utils import logs
from utils.tf1 import tf

FILES = {
    "metrics.json", "predictions.csv", "embeddings.npz", "confusion.png", "embedding_map.png",
    "neighbours.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A data set with folders per split, and a two-head and a vanilla run on it."""
    root = tmp_path_factory.mktemp("evaluator")
    tree = str(root / "tree")
    for split, count in (("train", 6), ("val", 3), ("test", 5)):
        write_tree(os.path.join(tree, split), count)
    for mode in ("hard", "vanilla"):
        config = config_of(
            tree, root / mode, train_mode=mode, train_iters=8, learning_rate=0.05,
            eval_every_steps=4, eval_split="test",
            depth_multiplier=1.0,  # a thin network maps several of the images to one point
        )  # fmt: skip
        trainer.train(config)
    return root


def read(run, split):
    folder = os.path.join(str(run), "eval", split)
    with open(os.path.join(folder, "metrics.json")) as file:
        report = json.load(file)
    table = pd.read_csv(os.path.join(folder, "predictions.csv"))
    arrays = dict(np.load(os.path.join(folder, "embeddings.npz"), allow_pickle=False))
    return report, table, arrays


def test_files_of_an_evaluation_agree_with_each_other(runs):
    report = evaluator.evaluate_run(str(runs / "hard"), "test", batch_size=7)
    assert set(os.listdir(str(runs / "hard" / "eval" / "test"))) == FILES
    stored, table, arrays = read(runs / "hard", "test")
    assert stored == report
    assert (report["split"], report["num_images"], report["step"]) == ("test", 20, 8)
    assert report["checkpoint"] == "model.ckpt-8" and report["embedding"] == "head"
    labels, logits, embeddings = (arrays[name] for name in ("labels", "logits", "embeddings"))
    assert {name: (a.shape, a.dtype) for name, a in arrays.items() if name != "files"} == {
        "labels": ((20,), np.int32),
        "logits": ((20, 4), np.float32),
        "embeddings": ((20, 256), np.float32),
        "pooled": ((20, 1024), np.float32),
    }
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-4)
    assert arrays["files"].tolist() == table["file"].tolist()
    assert [name.split("/")[1] for name in table["file"]] == table["class"].tolist()
    np.testing.assert_array_equal(table["label"], labels)
    assert report["accuracy"] == pytest.approx((table["class"] == table["predicted"]).mean())
    assert report["accuracy"] == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert report["recall@1"] == metrics.retrieval(embeddings, labels)["recall@1"]
    np.testing.assert_allclose(table["probability"], table["top1_probability"])
    assert list(table.columns[-2:]) == ["top4", "top4_probability"]
    for name in FILES:
        if name.endswith(".png"):
            with Image.open(str(runs / "hard" / "eval" / "test" / name)) as image:
                assert min(image.size) > 300 and len(image.convert("L").getcolors()) > 20


def test_training_and_eval_report_the_same_numbers(runs):
    report = evaluator.evaluate_run(str(runs / "hard"), "test", batch_size=3)
    row = [r for r in logs.read_metrics(str(runs / "hard")) if r["split"] == "test"][-1]
    assert row["step"] == "8"
    for name in eval_files.SCORES:
        assert float(row[name]) == pytest.approx(report[name], rel=1e-5), name


def test_other_splits_checkpoints_and_embeddings(runs):
    run = str(runs / "hard")
    report = evaluator.evaluate_run(run, "val", which="best", embedding="pooled")
    assert report["num_images"] == 12 and report["checkpoint"].startswith("best/")
    _, _, arrays = read(run, "val")
    pooled = metrics.retrieval(spaces.unit_rows(arrays["pooled"]), arrays["labels"])
    assert report["map@r"] == pytest.approx(pooled["map@r"])
    prefix = os.path.join(run, "model.ckpt-8")
    assert evaluator.evaluate_run(run, "train", which=prefix)["num_images"] == 24


def test_a_vanilla_run_is_compared_by_its_pooled_features(runs):
    report = evaluator.evaluate_run(str(runs / "vanilla"), "test")
    assert report["embedding"] == "pooled"
    _, _, arrays = read(runs / "vanilla", "test")
    np.testing.assert_allclose(arrays["embeddings"], spaces.unit_rows(arrays["pooled"]), atol=1e-6)
    message = message_of(evaluator.evaluate_run, str(runs / "vanilla"), "test", embedding="head")
    assert "vanilla" in message


def test_missing_runs_checkpoints_and_splits(runs, tmp_path):
    run = str(runs / "hard")
    cases = [
        ((str(tmp_path), "test"), {}, "no args.json"),
        ((run, "test"), {"which": "model.ckpt-9"}, "model.ckpt-9"),
        ((run, "test"), {"overrides": {"dataset_path": str(tmp_path / "gone")}}, "gone"),
    ]
    for args, options, word in cases:
        assert word in message_of(evaluator.evaluate_run, *args, **options)
    copy = str(tmp_path / "copy")
    shutil.copytree(run, copy)
    shutil.rmtree(os.path.join(copy, "best"))
    assert "no checkpoint" in message_of(evaluator.evaluate_run, copy, "test", which="best")
    data = [n for n in os.listdir(copy) if n.startswith("model.ckpt-8.data")][0]
    with open(os.path.join(copy, data), "r+b") as file:
        file.truncate(1000)
    assert "model.ckpt-8" in message_of(evaluator.evaluate_run, copy, "test")


def test_a_moved_run_and_a_moved_data_set(runs, tmp_path):
    shutil.copytree(str(runs / "hard"), str(tmp_path / "run"))
    shutil.copytree(str(runs / "tree"), str(tmp_path / "tree"))
    overrides = {"dataset_path": str(tmp_path / "tree")}
    report = evaluator.evaluate_run(str(tmp_path / "run"), "test", overrides=overrides)
    assert report == evaluator.evaluate_run(str(runs / "hard"), "test")


def test_other_classes_are_refused(runs, tmp_path):
    shutil.copytree(str(runs / "tree"), str(tmp_path / "tree"))
    for split in ("train", "val", "test"):
        write_image(str(tmp_path / "tree" / split / "ape" / "0.jpg"), (0, 0, 0))
    overrides = {"dataset_path": str(tmp_path / "tree")}
    message = message_of(evaluator.evaluate_run, str(runs / "hard"), "test", overrides=overrides)
    assert "class 1 was bee, now it is ape" in message


def test_scores_that_cannot_be_asked_are_null(runs, tmp_path):
    shutil.copytree(str(runs / "tree"), str(tmp_path / "tree"))
    for name in os.listdir(str(tmp_path / "tree" / "test")):
        for i in range(1, 5):
            os.remove(str(tmp_path / "tree" / "test" / name / f"{i}.jpg"))
    shutil.copytree(str(runs / "hard"), str(tmp_path / "run"))
    overrides = {"dataset_path": str(tmp_path / "tree")}
    report = evaluator.evaluate_run(str(tmp_path / "run"), "test", overrides=overrides)
    assert report["num_images"] == 4 and report["recall@1"] is None
    assert read(tmp_path / "run", "test")[0]["map@r"] is None
    assert "none can be asked" in eval_files.as_table(report)


def test_no_graph_is_left_behind(runs):
    before = len(tf.get_default_graph().get_operations())
    evaluator.evaluate_run(str(runs / "hard"), "val")
    assert len(tf.get_default_graph().get_operations()) == before
