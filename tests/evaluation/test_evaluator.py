import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from config import stored
from evaluation import evaluator, network, retrieval, spaces
from evaluation import files as eval_files
from tests.conftest import write_image, write_tree
from tests.training.test_trainer import config_of, message_of
from training import preflight, trainer
from utils import checkpoints, logs
from utils.tf1 import tf

pytestmark = pytest.mark.usefixtures("small_graphs")

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


def recall_and_map(vectors, labels):
    values, _ = retrieval.retrieval_values(vectors, labels)
    return [retrieval.mean_of(values[name]) for name in ("recall@1", "map@r")]


def test_files_of_an_evaluation_agree_with_each_other(runs):
    report = evaluator.evaluate_run(str(runs / "hard"), "test", batch_size=7)
    assert set(os.listdir(str(runs / "hard" / "eval" / "test"))) == FILES
    stored, table, arrays = read(runs / "hard", "test")
    assert stored == report
    assert (report["split"], report["num_images"], report["step"]) == ("test", 20, 8)
    assert report["checkpoint"] == "model.ckpt-8" and report["embedding"] == "head"
    labels, logits, embeddings = (arrays[name] for name in ("labels", "logits", "embeddings"))
    outputs = {k: a for k, a in arrays.items() if k not in ("files", "identity")}
    assert {name: (a.shape, a.dtype) for name, a in outputs.items()} == {
        "labels": ((20,), np.int32),
        "logits": ((20, 4), np.float32),
        "embeddings": ((20, 256), np.float32),
        "pooled": ((20, 16), np.float32),
    }
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-4)
    assert arrays["files"].tolist() == table["file"].tolist()
    assert [name.split("/")[1] for name in table["file"]] == table["class"].tolist()
    np.testing.assert_array_equal(table["label"], labels)
    assert report["accuracy"] == pytest.approx((table["class"] == table["predicted"]).mean())
    assert report["accuracy"] == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert [report["recall@1"], report["map@r"]] == recall_and_map(embeddings, labels)
    both = spaces.vectors_of(arrays, "both")
    found = report["spaces"]["both"]
    assert [found["recall@1"], found["map@r"]] == recall_and_map(both, labels)
    assert report["chosen_on"] is None and report["heads"]["fusion_weight_chosen_on"] == "val"
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


@pytest.mark.usefixtures("no_pictures")
def test_other_splits_checkpoints_and_embeddings(runs):
    run = str(runs / "hard")
    report = evaluator.evaluate_run(run, "val", checkpoint="best", embedding="pooled")
    assert report["num_images"] == 12 and report["checkpoint"].startswith("best/")
    _, _, arrays = read(run, "val")
    pooled = recall_and_map(spaces.unit_rows(arrays["pooled"]), arrays["labels"])
    assert report["map@r"] == report["spaces"]["pooled"]["map@r"] == pytest.approx(pooled[1])
    assert report["chosen_on"] == "test"
    assert "(best on the test list)" in eval_files.as_table(report)
    assert report["heads"]["fusion_weight_chosen_on"] is None  # it is the list that is scored
    prefix = os.path.join(run, "model.ckpt-8")
    assert evaluator.evaluate_run(run, "train", checkpoint=prefix)["num_images"] == 24


@pytest.mark.usefixtures("no_pictures")
def test_a_vanilla_run_is_compared_by_its_pooled_features(runs):
    report = evaluator.evaluate_run(str(runs / "vanilla"), "test")
    assert report["embedding"] == "pooled"
    _, _, arrays = read(runs / "vanilla", "test")
    np.testing.assert_allclose(arrays["embeddings"], spaces.unit_rows(arrays["pooled"]), atol=1e-6)
    assert set(report["spaces"]) == {"pooled"}
    for word in ("head", "both"):
        message = message_of(evaluator.evaluate_run, str(runs / "vanilla"), "test", embedding=word)
        assert "vanilla" in message


def test_missing_runs_checkpoints_and_splits(runs, tmp_path):
    run = str(runs / "hard")
    cases = [
        ((str(tmp_path), "test"), {}, "no args.json"),
        ((run, "test"), {"checkpoint": "model.ckpt-9"}, "model.ckpt-9"),
        ((run, "test"), {"overrides": {"dataset_path": str(tmp_path / "gone")}}, "gone"),
    ]
    for args, options, word in cases:
        assert word in message_of(evaluator.evaluate_run, *args, **options)
    copy = str(tmp_path / "copy")
    shutil.copytree(run, copy)
    shutil.rmtree(os.path.join(copy, "best"))
    message = message_of(evaluator.evaluate_run, copy, "test", checkpoint="best")
    assert "no checkpoint" in message and "eval.py --checkpoint last" in message
    data = [n for n in os.listdir(copy) if n.startswith("model.ckpt-8.data")][0]
    with open(os.path.join(copy, data), "r+b") as file:
        file.truncate(1000)
    assert "model.ckpt-8" in message_of(evaluator.evaluate_run, copy, "test")


@pytest.mark.promise(
    "the best checkpoint is lost", "one warning; the rest of the evaluation is done"
)
@pytest.mark.usefixtures("no_pictures")
def test_a_lost_best_checkpoint_costs_a_run_one_warning(runs, tmp_path, caplog):
    shutil.copytree(str(runs / "hard"), str(tmp_path / "run"))
    config = stored.read(str(tmp_path / "run"))[0]
    both = [report["checkpoint"] for report in evaluator.final_reports(config, "test")]
    assert both[0].startswith("best/") and both[1] == "model.ckpt-8"
    shutil.rmtree(str(tmp_path / "run" / "best"))
    caplog.clear()
    assert [r["checkpoint"] for r in evaluator.final_reports(config, "test")] == both[1:]
    assert any("best checkpoint of the run is gone" in r.getMessage() for r in caplog.records)


@pytest.mark.usefixtures("no_pictures")
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


@pytest.mark.usefixtures("no_pictures")
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
    assert report["spaces"]["both"]["r_precision"] is None
    (line,) = [line for line in eval_files.as_table(report).splitlines() if "MAP@R" in line]
    assert line.split() == ["MAP@R", "-", "-", "-"]


@pytest.mark.usefixtures("no_pictures")
def test_no_graph_is_left_behind(runs):
    before = len(tf.get_default_graph().get_operations())
    evaluator.evaluate_run(str(runs / "hard"), "val")
    assert len(tf.get_default_graph().get_operations()) == before


@pytest.fixture
def copy(runs, tmp_path):
    """A copy of the two-head run without its evaluations, and of its data set."""
    ignored = shutil.ignore_patterns("eval")
    shutil.copytree(str(runs / "hard"), str(tmp_path / "run"), ignore=ignored)
    shutil.copytree(str(runs / "tree"), str(tmp_path / "tree"))
    return tmp_path


@pytest.fixture
def passes(monkeypatch, no_pictures):
    """The number of images of each pass through the network."""
    counts, run = [], network.run_network

    def counting(session, graph, image_list, **start):
        counts.append(len(image_list.files))
        return run(session, graph, image_list, **start)

    monkeypatch.setattr(network, "run_network", counting)
    return counts


def score(copy, split="test", **options):
    overrides = {"dataset_path": str(copy / "tree")}
    return evaluator.evaluate_run(str(copy / "run"), split, overrides=overrides, **options)


def test_outputs_are_read_again_while_nothing_has_changed(copy, passes):
    first = score(copy)
    assert sorted(passes) == [12, 20, 24]
    assert sorted(os.listdir(str(copy / "run" / "eval" / "cache"))) == ["train.npz", "val.npz"]
    assert score(copy) == first
    pooled = score(copy, embedding="pooled", num_neighbours=3)
    assert pooled["spaces"]["embedding"]["map@r"] == first["map@r"]
    assert pooled["map@r"] == first["spaces"]["pooled"]["map@r"]
    assert score(copy, "train")["num_images"] == 24 and score(copy, "val")["num_images"] == 12
    assert len(passes) == 3


def test_outputs_of_other_images_are_not_read(copy, passes):
    first = score(copy)
    write_image(str(copy / "tree" / "test" / "ant" / "0.jpg"), (250, 250, 250))
    assert score(copy) != first and passes[3:] == [20]
    write_image(str(copy / "tree" / "train" / "ant" / "6.jpg"), (60, 60, 60))
    score(copy)
    assert passes[4:] == [25]
    score(copy, checkpoint=str(copy / "run" / "model.ckpt-8"))
    assert len(passes) == 5


def test_a_validation_list_that_shares_an_image_with_training_chooses_nothing(copy):
    path = str(copy / "tree")
    rows = {"train": [], "val": [], "test": []}
    for split in rows:
        for label, name in enumerate(("ant", "bee", "cat", "dog")):
            rows[split] += [
                (label, f"{split}/{name}/{file}")
                for file in sorted(os.listdir(os.path.join(path, split, name)))
            ]
    rows["val"].append(rows["train"][0])
    os.makedirs(os.path.join(path, "lists"))
    for split, listed in rows.items():
        table = pd.DataFrame(listed, columns=["label", "file_name"])
        table.to_csv(os.path.join(path, "lists", f"{split}_all_sub_list.csv"))
    names = pd.DataFrame({"index": range(4), "name": ["ant", "bee", "cat", "dog"]})
    names.to_csv(os.path.join(path, "lists", "classes.csv"), index=False)
    with open(str(copy / "run" / "classes.csv"), "w") as file:
        file.write("index,label,name\n0,0,ant\n1,1,bee\n2,2,cat\n3,3,dog\n")
    report = score(copy)
    assert report["heads"]["fusion_weight_chosen_on"] is None
    assert report["calibration"]["temperature"] is None


@pytest.mark.promise("a plot can't be drawn", "the scores are written all the same")
def test_scores_outlive_a_picture_that_fails(copy, monkeypatch):
    def fail(*args, **kwargs):
        raise ValueError("no picture")

    monkeypatch.setattr(eval_files.plots, "neighbours", fail)
    report = score(copy)
    assert eval_files.read_report(str(copy / "run" / "eval" / "test")) == report
    assert set(os.listdir(str(copy / "run" / "eval" / "test"))) == FILES - {"neighbours.png"}


def test_a_file_named_eval_is_one_sentence_before_the_pass(copy, passes):
    (copy / "run" / "eval").write_text("mine")
    assert "can't be written" in message_of(score, copy)
    assert passes == [] and (copy / "run" / "eval").read_text() == "mine"


def test_outputs_do_not_depend_on_the_lists_beside(runs):
    """No batch spans two lists, for the size of a batch decides how its products are rounded."""
    config = stored.read(str(runs / "hard"))[0]
    dataset = preflight.load_dataset(config, ["train", "test"])
    prefix = checkpoints.latest(str(runs / "hard"))
    found = []
    for splits in (["test"], ["train", "test"]):
        lists = {split: dataset.splits[split] for split in splits}
        found.append(network._restore_and_run(config, prefix, lists, 4, 13)["test"])
    for name, values in found[0].items():
        np.testing.assert_array_equal(found[1][name], values, err_msg=name)


@pytest.mark.promise("a run is evaluated with other lists, code or TensorFlow", "one warning each")
@pytest.mark.usefixtures("no_pictures")
def test_what_differs_from_the_run_is_named(runs, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(logs.LOGGER, "warning", lambda text, *words: said.append(text % words))
    copy = shutil.copytree(str(runs / "hard"), str(tmp_path / "run"))
    evaluator.evaluate_run(copy, "test")
    assert said == []
    path = os.path.join(copy, "args.json")
    with open(path) as file:
        stored_values = json.load(file)
    stored_values["lists"]["test"] = "0123456789ab"
    stored_values["provenance"].update(tensorflow="1.2.3", commit="abc")
    with open(path, "w") as file:
        json.dump(stored_values, file)
    evaluator.evaluate_run(copy, "test")
    assert len(said) == 3 and all("the scores may differ" in text for text in said)
    for text, words in zip(said, ("the test list is not", "TensorFlow 1.2.3", "commit abc")):
        assert words in text
