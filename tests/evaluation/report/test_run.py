import os
import re

import numpy as np
import pytest

from evaluation import evaluator
from evaluation.report import run as report
from tests.conftest import write_tree
from tests.evaluation.report.test_page import Tree
from tests.training.test_trainer import config_of
from training import trainer

pytestmark = pytest.mark.usefixtures("small_graphs", "no_pictures")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A two-head and a vanilla run, both with errors left."""
    root = tmp_path_factory.mktemp("report_run")
    tree = str(root / "tree")
    for split, count in (("train", 6), ("val", 3), ("test", 5)):
        write_tree(os.path.join(tree, split), count)
    for mode in ("hard", "vanilla"):
        config = config_of(
            tree, root / mode, train_mode=mode, train_iters=1, frame_size=48, resize_min=50,
            resize_max=60,
        )  # fmt: skip
        trainer.train(config)
    return root


def write(run, split="test", **flags):
    metrics = evaluator.evaluate_run(str(run), split, **flags)
    return report.write_report(str(run), split, metrics), metrics


def test_report_of_a_run(runs):
    path, metrics = write(runs / "hard")
    assert path == str(runs / "hard" / "eval" / "test" / "report.html")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    tree = Tree(text)
    assert tree.all("h1")[0][1] == "hard: test list"
    rows = [re.sub(r"\s+", " ", words).strip() for _, words in tree.all("tr")]
    low, high = metrics["intervals"]["accuracy"]
    wanted = [f"{100 * value:.1f} %" for value in (metrics["accuracy"], low, high)]
    assert "accuracy{}{} to {}".format(*wanted) in rows
    errors = round(20 * (1 - metrics["accuracy"]))
    assert f"wrong on {errors} of 20 images" in text and errors > 0
    alts = [a["alt"] for a, _ in tree.all("img")]
    for head in ("classifier", "embedding"):
        assert sum(f"Where the {head} looks" in alt for alt in alts) == errors
    assert not [name for name in os.listdir(os.path.dirname(path)) if name.endswith(".tmp")]


def test_neighbours_are_those_of_the_spaces(runs):
    metrics = evaluator.evaluate_run(str(runs / "hard"), "test", embedding="both")
    run = report.Run(str(runs / "hard"), "test", metrics)
    inputs = report.inputs_of(run)
    assert inputs.own == "both"
    vectors = run.vectors("test", "both").astype(float)
    for i in range(20):
        order = sorted((np.linalg.norm(vectors[i] - vectors[j]), j) for j in range(20) if j != i)
        expected = [distance for distance, _ in order[:10]]
        np.testing.assert_allclose(inputs.nearest.distances[i], expected, atol=2e-3)
        assert i not in inputs.nearest.rows[i]
    train = run.vectors("train", "pooled").astype(float)
    for place, row in enumerate(inputs.errors):
        query = run.vectors("test", "pooled")[row]
        order = sorted(np.linalg.norm(query - other) for other in train)
        found = inputs.near_errors["pooled"].distances[place]
        np.testing.assert_allclose(found, order[:4], atol=2e-3)
    guesses = np.argmax(inputs.scored.votes, axis=1)
    accuracy = metrics["spaces"]["both"]["train_knn_accuracy"]
    assert np.mean(guesses == inputs.scored.labels) == pytest.approx(accuracy)


def test_training_list_leaves_each_image_out(runs):
    metrics = evaluator.evaluate_run(str(runs / "hard"), "train")
    run = report.Run(str(runs / "hard"), "train", metrics)
    near = report.inputs_of(run).near_errors["embedding"]
    assert near.distances.shape[1] == 4
    assert not np.any(near.rows == report.inputs_of(run).errors[:, np.newaxis])
    path = report.write_report(str(runs / "hard"), "train", metrics)
    with open(path, encoding="utf-8") as file:
        assert "The train list:" not in file.read()


def test_a_vanilla_run_has_one_space_and_one_map(runs):
    metrics = evaluator.evaluate_run(str(runs / "vanilla"), "test")
    run = report.Run(str(runs / "vanilla"), "test", metrics)
    inputs = report.inputs_of(run)
    assert set(inputs.near_errors) == set(inputs.samples) == {"pooled"}
    assert inputs.explanation.embedding.reason == "this run has no embedding head"
    assert inputs.explanation.classifier.maps.shape[1:] == (12, 12)


def test_projector_of_a_run(runs):
    metrics = evaluator.evaluate_run(str(runs / "hard"), "test")
    folder = report.write_projector(str(runs / "hard"), "test", metrics)
    assert folder == str(runs / "hard" / "eval" / "test" / "projector")
    assert sorted(os.listdir(folder)) == [
        "metadata.tsv", "projector_config.pbtxt", "sprite.jpg", "vectors.tsv",
    ]  # fmt: skip
    arrays = np.load(str(runs / "hard" / "eval" / "test" / "embeddings.npz"))
    found = np.loadtxt(os.path.join(folder, "vectors.tsv"), delimiter="\t")
    np.testing.assert_allclose(found, arrays["embeddings"], atol=1e-5)


def test_a_new_evaluation_takes_the_earlier_report_away(runs):
    path, metrics = write(runs / "hard")
    folder = report.write_projector(str(runs / "hard"), "test", metrics)
    evaluator.evaluate_run(str(runs / "hard"), "test")
    assert not os.path.exists(path) and not os.path.exists(folder)
