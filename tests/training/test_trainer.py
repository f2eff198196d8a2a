import csv
import glob
import os
import re
import shutil

import numpy as np
import pytest

from config import resolve
from data import augment
from tests.conftest import whole_frame, write_image, write_tree
from training import build, detectors, trainer
from training.step import batch_norm_updates
from utils import advice_file, checkpoints, logs
from utils.errors import UserError
from utils.tf1 import tf

SMALL = dict(
    dataset="custom", net="mobile", pretrained="none", frame_size=32, resize_min=34, resize_max=40,
    batch_size=8, train_iters=2, bn_decay=0.5, log_every_steps=1, eval_every_steps=1,
    eval_split="test",
)  # fmt: skip


def config_of(tree, run, **changes):
    given = dict(SMALL, dataset_path=tree, run_dir=str(run), **changes)
    if given["net"] == "mobile":
        given.setdefault("depth_multiplier", 0.25)  # a quarter of the channels saves quickly
    if given.get("train_mode") == "vanilla":
        given.pop("emb_dim", None)
    return resolve.resolve(given, environ={}, local={})


def train(tree, run, **changes):
    config = config_of(tree, run, **changes)
    trainer.train(config)
    return config


def weights_of(prefix):
    reader = tf.train.NewCheckpointReader(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def last_weights(run):
    return weights_of(checkpoints.latest(str(run)))


@pytest.fixture(scope="module")
def trained(shared_tree, tmp_path_factory):
    """The folder of a finished run of two steps; tests that continue with it take a copy."""
    run = tmp_path_factory.mktemp("trained") / "run"
    train(shared_tree, run)
    return run


@pytest.fixture
def copy_of_trained(trained, tmp_path):
    shutil.copytree(str(trained), str(tmp_path / "run"))
    return tmp_path / "run"


def message_of(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    logs.stop_log()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_centers_move_in_training(shared_tree, tmp_path):
    train(shared_tree, tmp_path / "a", train_mode="center", train_iters=1)
    train(shared_tree, tmp_path / "b", train_mode="center", train_iters=1, center_alpha=0.0)
    moved, still = (last_weights(tmp_path / name)["centers"] for name in "ab")
    changed = np.abs(moved - still).max(axis=1) > 1e-3
    assert changed.sum() == 2  # batches of P = 2 classes
    np.testing.assert_array_equal(moved[~changed], still[~changed])


@pytest.mark.promise(
    "a run is stopped and resumed",
    "it ends with the weights of an unbroken run, bit for bit on the CPU",
)
@pytest.mark.parametrize("net, changes", [
    pytest.param("resnet50", dict(emb_dim=8, learning_rate=0.02), marks=pytest.mark.slow),
    ("mobile", dict(accumulate_batches=2, learning_rate=0.02)),
    ("mobile", dict(learning_rate=0.02, recipe="strong", warmup_steps=1)),  # with dropout
    ("mobile", dict(learning_rate=0.02, memory=20, memory_start=1)),
    ("mobile", dict(train_mode="magnet", magnet_refresh_steps=2, magnet_clusters=2)),
])  # fmt: skip
def test_resuming_gives_the_same_weights_bit_for_bit(shared_tree, tmp_path, net, changes):
    given = dict(changes, net=net, log_every_steps=4, train_iters=3)
    train(shared_tree, tmp_path / "whole", save_every_steps=2, **given)
    folder = tmp_path / "whole"
    halfway = [p for p in map(str, folder.glob("model.ckpt-2.index"))][0][: -len(".index")]
    (tmp_path / "resumed").mkdir()
    config = config_of(shared_tree, tmp_path / "resumed", **given)
    for path in glob.glob(halfway + "*") + [str(folder / "args.json"), str(folder / "classes.csv")]:
        os.link(path, str(tmp_path / "resumed" / os.path.basename(path)))
    (tmp_path / "resumed" / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2"\n')
    trainer.train(config)
    expected, resumed = last_weights(folder), last_weights(tmp_path / "resumed")
    assert expected.keys() == resumed.keys() and expected["global_step"] == 3
    for name in set(expected) - {"best"}:
        np.testing.assert_array_equal(expected[name], resumed[name], err_msg=name)


def test_accumulating_two_halves_is_one_batch(shared_tree, tmp_path, trained, monkeypatch):
    monkeypatch.setattr(augment, "_frame", whole_frame)  # each batch has crops of its own
    given = dict(
        train_mode="vanilla",
        freeze_bn=True,
        pretrained=checkpoints.latest(str(trained)),
        bn_decay=None,
        train_iters=1,
        learning_rate=1.0,
    )
    train(shared_tree, tmp_path / "one", batch_size=16, **given)
    train(shared_tree, tmp_path / "two", batch_size=8, accumulate_batches=2, **given)
    train(shared_tree, tmp_path / "half", batch_size=8, **given)
    one, two, half = (last_weights(tmp_path / name) for name in ("one", "two", "half"))
    moved = 0
    for name in set(one) - {"best"}:
        np.testing.assert_allclose(one[name], two[name], atol=1e-5, rtol=1e-4, err_msg=name)
        moved += name.endswith("weights") and np.abs(one[name] - half[name]).max() > 1e-3
    assert moved == 6  # half of it is another step


def test_weight_decay_is_logged_and_shrinks_the_weights(shared_tree, tmp_path):
    for name, decay, rate in (("with", 0.1, 0.1), ("without", 0.0, 0.1), ("start", 0.0, 0.0)):
        train(shared_tree, tmp_path / name, weight_decay=decay, train_iters=1, learning_rate=rate)
    after, without, start = (last_weights(tmp_path / n) for n in ("with", "without", "start"))
    row = logs.read_metrics(str(tmp_path / "with"))[0]
    total = sum(float(row[name]) for name in ("cross_entropy", "ranking_loss", "weight_decay"))
    assert float(row["loss"]) == pytest.approx(total, rel=1e-4)
    decayed = [n for n in start if n.endswith("/weights")]
    penalty = sum(0.1 * 0.5 * np.sum(np.square(start[n].astype(float))) for n in decayed)
    assert float(row["weight_decay"]) == pytest.approx(penalty, rel=1e-4)
    for name in ("MobilenetV1/Conv2d_13_pointwise/weights", "embedding/weights"):
        np.testing.assert_allclose(after[name], without[name] - 0.01 * start[name], atol=1e-5)
    name = "MobilenetV1/Conv2d_13_depthwise/depthwise_weights"
    np.testing.assert_allclose(after[name], without[name], atol=1e-6)


def test_best_and_newest_checkpoints_are_kept(shared_tree, tmp_path):
    run = tmp_path / "run"
    train(
        shared_tree, run, train_iters=5, save_every_steps=1, keep_checkpoints=2, learning_rate=0.05
    )
    assert sorted(path.name for path in run.glob("*.index")) == [
        "model.ckpt-4.index",
        "model.ckpt-5.index",
    ]
    rows = [r for r in logs.read_metrics(str(run)) if r["split"] == "test"]
    best = max(float(row["accuracy"]) for row in rows)
    first = next(int(row["step"]) for row in rows if float(row["accuracy"]) == best)
    saved = weights_of(checkpoints.latest(str(run / "best")))
    assert saved["global_step"] == first
    np.testing.assert_allclose(saved["best"], [best, first], rtol=1e-5)


@pytest.mark.promise(
    "the command of a finished run is given again",
    "its metrics and checkpoints stay as they are, and no file is added",
)
def test_a_finished_run_is_left_as_it_is(shared_tree, copy_of_trained):
    before = (copy_of_trained / "metrics.csv").read_text()
    names = sorted(os.listdir(str(copy_of_trained)))
    train(shared_tree, copy_of_trained)
    assert (copy_of_trained / "metrics.csv").read_text() == before
    assert sorted(os.listdir(str(copy_of_trained))) == names
    with open(str(copy_of_trained / "metrics.csv"), newline="") as file:
        rows = list(csv.reader(file))
    assert len({len(row) for row in rows}) == 1 and len(rows[0]) == len(set(rows[0]))


def test_nobody_is_watched_while_the_session_closes(shared_tree, copy_of_trained, monkeypatch):
    events, close = [], tf.Session.close

    class Watch(trainer.Watch):
        def __exit__(self, *error):
            events.append("no longer watched")

    def closed(session):
        events.append("closed")
        close(session)

    monkeypatch.setattr(trainer, "Watch", Watch)
    monkeypatch.setattr(tf.Session, "close", closed)
    train(shared_tree, copy_of_trained)
    assert events[:2] == ["no longer watched", "closed"]


@pytest.mark.promise(
    "a run has metrics but no checkpoint", "a warning says that it begins again at step 0"
)
def test_a_run_without_checkpoints_says_that_it_begins_again(shared_tree, copy_of_trained):
    log = copy_of_trained / "log.txt"
    assert "begins again" not in log.read_text()
    for path in copy_of_trained.glob("model.ckpt-*"):
        path.unlink()
    train(shared_tree, copy_of_trained)
    assert "its metrics reach step 2: it begins again at step 0" in log.read_text()


@pytest.mark.promise(
    "args.json is damaged",
    "the run resumes with the settings of the command line; the damaged file is kept",
)
def test_damaged_settings_do_not_stop_a_resume(shared_tree, copy_of_trained):
    (copy_of_trained / "args.json").write_text("[1, 2]")
    train(shared_tree, copy_of_trained, train_iters=3)
    log = (copy_of_trained / "log.txt").read_text()
    assert "args.json can't be read as the settings of a run: it holds [1, 2]; the settings" in log
    assert f"kept as {copy_of_trained}/args.json.damaged" in log and "2 of 3 steps done" in log
    assert (copy_of_trained / "args.json.damaged").read_text() == "[1, 2]"
    (copy_of_trained / "args.json").write_text("{")
    message = message_of(train, shared_tree, copy_of_trained, train_iters=1)
    assert "--train_iters 1 is less than the 3 steps" in message


@pytest.mark.promise(
    "classes.csv, the log or the event files are damaged",
    "a resume goes on; classes.csv is written anew where args.json shows the same classes, and the"
    " damaged file is kept",
)
def test_a_damaged_class_map_does_not_stop_a_resume(shared_tree, copy_of_trained):
    path = copy_of_trained / "classes.csv"
    whole = path.read_text()
    path.write_text(whole[:20])
    for other in [*copy_of_trained.glob("events*"), copy_of_trained / "log.txt"]:
        other.write_bytes(b"\0\xff damaged")
    train(shared_tree, copy_of_trained)
    assert path.read_text() == whole
    assert (copy_of_trained / "classes.csv.damaged").read_text() == whole[:20]
    assert b"classes.csv.damaged" in (copy_of_trained / "log.txt").read_bytes()
    path.unlink()
    (copy_of_trained / "args.json").write_text("null")
    assert "classes.csv" in message_of(train, shared_tree, copy_of_trained)


def test_a_longer_run_goes_on_and_keeps_its_best(shared_tree, copy_of_trained):
    before = last_weights(copy_of_trained)["best"]
    train(shared_tree, copy_of_trained, train_iters=3, learning_rate=0.0)
    after = last_weights(copy_of_trained)
    assert after["global_step"] == 3 and after["best"][0] >= before[0] >= 0
    log = (copy_of_trained / "log.txt").read_text()
    assert "--train_iters 3, before: 2" in log and "--learning_rate 0.0, before: 0.01" in log


@pytest.mark.promise("a run is resumed with other settings", "they are refused and named")
def test_settings_that_make_another_run_are_refused(shared_tree, copy_of_trained):
    for changes in ({"margin": 0.5}, {"seed": 1}, {"train_mode": "vanilla"}, {"net": "resnet50"}):
        name = list(changes)[0]
        message = message_of(train, shared_tree, copy_of_trained, **changes)
        assert f"--{name}" in message and str(changes[name]) in message
    train(shared_tree, copy_of_trained, seed=1, train_iters=1, on_exist="overwrite")
    assert last_weights(copy_of_trained)["global_step"] == 1


@pytest.mark.promise(
    "a run is resumed on other lists or classes", "it is refused before anything is written"
)
def test_a_data_set_with_other_classes_is_refused(tmp_path):
    tree = write_tree(str(tmp_path / "tree"))
    train(tree, tmp_path / "run")
    os.rename(os.path.join(tree, "dog"), os.path.join(tree, "eel"))
    assert "class 3 was dog, now it is eel" in message_of(
        train, tree, tmp_path / "run", train_iters=3
    )


def test_more_classes_a_batch_than_there_are(shared_tree, tmp_path):
    message = message_of(train, shared_tree, tmp_path / "run", batch_size=40)
    assert "10 classes per batch" in message and "has 4" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.promise(
    "a data set or weights are missing",
    "one sentence says what was looked for and where, and nothing is written",
)
def test_missing_folders_and_weights_leave_nothing_behind(shared_tree, tmp_path):
    run = tmp_path / "run"
    message = message_of(train, str(tmp_path / "none"), run)
    assert str(tmp_path / "none") in message and "--dataset_path" in message
    message = message_of(train, shared_tree, run, pretrained=str(tmp_path / "x.ckpt"))
    assert "x.ckpt" in message
    given = dict(SMALL, dataset_path=shared_tree, run_dir=str(run), pretrained=None)
    config = resolve.resolve(given, environ={"PRETRAINED_DIR": str(tmp_path)}, local={})
    message = message_of(trainer.train, config)
    for word in ("mobilenet_v1_1.0_224.ckpt", "PRETRAINED_DIR", "http", "--pretrained none"):
        assert word in message
    message = message_of(train, shared_tree, run, feature_map="block4")
    assert "--feature_map block4" in message and "Conv2d_13_pointwise" in message
    assert not run.exists()


def test_pretrained_weights_are_restored_and_reported(shared_tree, tmp_path, trained):
    start = checkpoints.latest(str(trained))
    given = dict(train_iters=1, pretrained=start, learning_rate=0.0, bn_decay=0.0)
    train(shared_tree, tmp_path / "run", **given)
    name = "MobilenetV1/Conv2d_1_pointwise/weights"
    np.testing.assert_array_equal(last_weights(trained)[name], last_weights(tmp_path / "run")[name])
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "25 variables restored" in log and "4 variables new: MobilenetV1/Logits" in log
    assert "lag" not in log


def test_slow_statistics_are_said_at_the_start(trained):
    log = (trained / "log.txt").read_text()
    assert "--bn_decay 0.5 forgets too slowly for --train_iters 2" in log


def test_a_gap_between_training_and_evaluation_is_measured_and_explained(shared_tree, tmp_path):
    given = dict(train_mode="vanilla", train_iters=30, learning_rate=0.02, eval_every_steps=30)
    gaps = {}
    for decay in (0.9999, 0.5):
        run = tmp_path / str(decay)
        train(shared_tree, run, bn_decay=decay, **given)
        log = (run / "log.txt").read_text()
        found = re.search(r"the same batch: accuracy ([\d.]+) with .*, ([\d.]+) in evaluation", log)
        gaps[decay] = float(found.group(1)) - float(found.group(2))
        assert ("have not caught up" in log) == (gaps[decay] > detectors.LARGE_GAP)
    assert gaps[0.9999] > gaps[0.5]


@pytest.mark.promise(
    "the loss is not finite",
    "one sentence gives the step and the terms, and the last checkpoint is kept",
)
def test_an_infinite_loss_stops_the_run_and_keeps_the_last_checkpoint(shared_tree, copy_of_trained):
    good = last_weights(copy_of_trained)
    given = dict(train_iters=30, learning_rate=1e38, save_every_steps=1)
    message = message_of(train, shared_tree, copy_of_trained, **given)
    assert "not finite" in message and "step" in message and "model.ckpt-" in message
    kept = last_weights(copy_of_trained)
    assert all(np.isfinite(value).all() for value in kept.values())
    assert kept["global_step"] >= good["global_step"]


def test_a_loss_that_is_not_finite_is_listed_with_its_images(shared_tree, copy_of_trained):
    given = dict(train_iters=30, learning_rate=1e38, eval_every_steps=30)
    message = message_of(train, shared_tree, copy_of_trained, **given)
    assert "the loss of step" in message and "not finite (loss" in message
    assert "model.ckpt-2 is kept" in message and " and 6 others in advice.json" in message
    (entry,) = [e for e in advice_file.read(str(copy_of_trained)) if e["name"] == "loss_not_finite"]
    assert entry["sentence"] == message and f"step {entry['step']} " in message
    assert len(entry["numbers"]["files"]) == 8 and entry["numbers"]["files"][0] in message
    assert entry["numbers"]["loss"] in ("NaN", "Infinity")


@pytest.mark.promise(
    "an image can't be decoded",
    "one sentence gives the file, the reason and the command that finds all of them",
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_damaged_image_is_named_when_it_is_met(tmp_path, split):
    tree = write_tree(str(tmp_path / "all"))
    for part in ("train", "test"):
        write_tree(os.path.join(tree, part))
    path = os.path.join(tree, split, "bee", "3.jpg")
    with open(path, "rb") as file:
        contents = file.read()
    with open(path, "wb") as file:
        file.write(contents[:300])
    message = message_of(train, tree, tmp_path / "run", train_iters=40, eval_every_steps=1)
    assert path in message and "datasets_lists check" in message


def test_auxiliary_statistics_do_not_run_with_the_step(shared_tree, tmp_path):
    config = config_of(
        shared_tree, tmp_path, net="inc3", frame_size=107, resize_min=110, resize_max=120
    )
    with tf.Graph().as_default():
        build.build_tower(config, tf.zeros([2, 107, 107, 3]), 4, is_training=True)
        updates = batch_norm_updates(config)
        everything = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    assert len(everything) - len(updates) == 4
    assert not any("AuxLogits" in op.name for op in updates)


@pytest.mark.ci
def test_a_run_with_copies_logs_their_cost_and_resumes_to_the_same_weights(tmp_path):
    tree = write_tree(str(tmp_path / "tree"), per_class=4)
    for path in glob.glob(os.path.join(tree, "*", "*.jpg")):
        write_image(path, (90, 160, 40), size=(90, 60))
    kept = str(tmp_path / "kept")
    train(tree, tmp_path / "whole", cache=kept)
    log = (tmp_path / "whole" / "log.txt").read_text()
    assert "100% of 12 images are larger than 40 pixels; their copies (JPEG, quality 95)" in log
    assert re.search(r"--cache .*kept: \d+ copies, ", log)
    shutil.rmtree(kept)
    train(tree, tmp_path / "parts", cache=kept, train_iters=1)
    train(tree, tmp_path / "parts", cache=kept)
    whole, parts = last_weights(tmp_path / "whole"), last_weights(tmp_path / "parts")
    assert whole["global_step"] == parts["global_step"] == 2
    train(tree, tmp_path / "again", cache=kept)
    for name, value in last_weights(tmp_path / "again").items():
        np.testing.assert_array_equal(value, whole[name], name)
