"""A run whose evaluation lists have no class of training, from its first step to its report."""

import os
import re

import numpy as np
import pytest

from evaluation import evaluator
from evaluation import files as eval_files
from evaluation.report import run as report
from inference import gallery
from inference.predictor import Predictor
from tests.conftest import write_tree
from tests.evaluation.report.test_page import Tree
from tests.evaluation.test_evaluator import recall_and_map
from tests.training.test_trainer import config_of
from training import trainer
from utils import advice_file, logs

KNOWN, UNSEEN = ("ant", "bee"), ("cat", "dog", "elk")
OF_KNOWN_CLASSES = {
    "accuracy", "top5_accuracy", "mean_per_class_accuracy", "train_knn_accuracy", "heads",
    "calibration", "selective", "unknown",
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("small_graphs")


@pytest.fixture(scope="module")
def run(tmp_path_factory, small_graphs):
    """The folder of a run of two steps, evaluated after each on three classes not in training."""
    root = tmp_path_factory.mktemp("unseen")
    for split, classes in (("train", KNOWN), ("val", KNOWN), ("test", UNSEEN)):
        write_tree(str(root / "tree" / split), 4, classes)
    trainer.train(config_of(str(root / "tree"), root / "run"))
    return str(root / "run")


@pytest.fixture(scope="module")
def scores(run):
    """Those of the test list, in whose folder an evaluation of known classes left predictions."""
    os.makedirs(os.path.join(run, "eval", "test"))
    with open(os.path.join(run, "eval", "test", eval_files.PREDICTIONS), "w"):
        pass
    return evaluator.evaluate_run(run, "test")


def test_training_says_so_and_chooses_by_map_at_r(run):
    with open(os.path.join(run, "log.txt")) as file:
        text = file.read()
    assert "no class of the test list is in training: only retrieval" in text
    assert "the best checkpoint is the one with the highest map@r" in text
    rows = [row for row in logs.read_metrics(run) if row["split"] == "test"]
    values = [float(row["map@r"]) for row in rows]
    assert len(rows) == 2 and {row["accuracy"] for row in rows} == {""}
    best = 1 + int(np.argmax(np.float32(values)))
    assert f"best map@r {max(values):.4f} at step {best}" in text
    assert os.path.exists(os.path.join(run, "best", f"model.ckpt-{best}.index"))
    assert "one_class_predicted" not in {entry["name"] for entry in advice_file.read(run)}


def test_only_what_needs_no_known_class_is_scored(run, scores):
    assert scores["unseen_classes"] == 3 and scores["num_classes"] == 2
    assert not OF_KNOWN_CLASSES & (set(scores) | set(scores["spaces"]["embedding"]))
    assert {"recall@1", "map@r", "r_precision", "nmi", "knn_accuracy"} <= set(scores)
    folder = os.path.join(run, "eval", "test")
    assert {"metrics.json", "embeddings.npz", "embedding_map.png", "neighbours.png"} == set(
        os.listdir(folder)
    ) - {eval_files.PAGE}
    assert not os.path.exists(os.path.join(run, "eval", "cache"))  # training is not searched
    arrays = dict(np.load(os.path.join(folder, "embeddings.npz")))
    assert "logits" not in arrays and sorted(set(arrays["labels"])) == [2, 3, 4]
    found = [scores["recall@1"], scores["map@r"]]
    assert found == recall_and_map(arrays["embeddings"], arrays["labels"])
    assert eval_files.read_report(folder) == scores
    table = eval_files.as_table(scores)
    assert "retrieval only: none of its 3 classes is in training" in table
    assert "MAP@R" in table and "top-5" not in table and "calibration" not in table


def test_a_list_of_known_classes_is_scored_as_ever(run, no_pictures):
    report_of_val = evaluator.evaluate_run(run, "val")
    assert report_of_val["unseen_classes"] == 0
    assert OF_KNOWN_CLASSES <= set(report_of_val)


def test_the_report_shows_what_remains(run, scores):
    with open(report.write_report(run, "test", scores), encoding="utf-8") as file:
        text = file.read()
    tree = Tree(text)
    ids = [attributes["id"] for attributes, _ in tree.all("section")]
    assert ids == ["scores", "galleries", "spaces", "training"]
    links = [attributes["href"] for attributes, _ in tree.all("a")]
    assert [link for link in links if link != "#main"] == [f"#{name}" for name in ids]
    assert "No class of this list is" in text
    assert [words for _, words in tree.all("option")] == ["all classes", *UNSEEN]
    rows = [re.sub(r"\s+", " ", words).strip() for _, words in tree.all("tr")]
    assert any(row.startswith("MAP@R") for row in rows)


def test_unseen_classes_can_be_a_gallery(run):
    with Predictor(run) as predictor:
        index, _ = gallery.build_index(predictor, "test")
        assert index.classes == (*KNOWN, *UNSEEN) and set(index.labels) == {2, 3, 4}
        found, _ = gallery.open_gallery(predictor, "test", num_neighbours=1)
        (answer,) = predictor.predict([index.paths[0]], found)
    assert answer.label == "cat" and answer.source == "neighbours"
