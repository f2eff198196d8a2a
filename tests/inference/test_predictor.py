import os
import shutil

import numpy as np
import pytest
from PIL import Image

from config import stored
from evaluation import network
from evaluation.spaces import unit_rows
from inference import output
from inference.predictor import Predictor
from tests.conftest import write_image
from training import graphs, preflight
from utils import checkpoints
from utils.errors import UserError
from utils.tf1 import tf


@pytest.fixture(scope="module")
def expected(run):
    """What evaluation gives for the training images, of each as it is and of its mirror image."""
    return evaluated(run)


def evaluated(folder):
    config = stored.read(folder)[0]
    images = preflight.load_dataset(config, ["train"]).splits["train"]
    with tf.Graph().as_default(), tf.Session() as session:
        graph = graphs.build_eval_graph(config, images, 4, batch_size=len(images.files))
        checkpoints.restore(tf.train.Saver(), session, checkpoints.find(folder, "last"))
        plain = network.run_network(session, graph, images)
        session.run(graph.start)
        frames = session.run(graph.images)[:, :, ::-1]
        fetches = [t for t in (graph.logits, graph.pooled, graph.embeddings) if t is not None]
        mirrored = session.run(fetches, {graph.images: frames})
    return images, plain, mirrored


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def check_answers(answers, images, probabilities, pooled, embeddings):
    assert [answer.path for answer in answers] == images.paths
    names = np.array(("ant", "bee", "cat", "dog"))
    for row, answer in enumerate(answers):
        order = np.argsort(-probabilities[row])
        assert [name for name, _ in answer.top] == names[order].tolist()
        ranked = [probability for _, probability in answer.top]
        np.testing.assert_allclose(ranked, probabilities[row, order], atol=1e-5)
        assert (answer.label, answer.probability) == answer.top[0] and answer.source == "softmax"
        np.testing.assert_allclose(answer.pooled, pooled[row], atol=1e-5)
        if embeddings is None:
            assert answer.embedding is None
        else:
            np.testing.assert_allclose(answer.embedding, embeddings[row], atol=1e-5)
        assert answer.error is answer.agree is answer.unknown is None and not answer.neighbours


def test_answers_are_what_evaluation_gives(predictor, expected):
    images, plain, _ = expected
    answers = predictor.predict(images.paths)  # in batches of 3, the last of 1
    check_answers(
        answers, images, softmax(plain["logits"]), unit_rows(plain["pooled"]), plain["embeddings"]
    )


def test_an_image_and_its_mirror_image_are_averaged(run, expected):
    images, plain, (logits, pooled, embeddings) = expected
    with Predictor(run, tta="flip", batch_size=5) as predictor:
        answers = predictor.predict(images.paths)
    probabilities = (softmax(plain["logits"]) + softmax(logits)) / 2
    pooled = unit_rows(plain["pooled"] + pooled)
    means = unit_rows(plain["embeddings"] + embeddings)
    check_answers(answers, images, probabilities, pooled, means)
    assert np.abs(means - plain["embeddings"]).max() > 1e-4
    np.testing.assert_allclose([np.linalg.norm(a.embedding) for a in answers], 1, atol=1e-6)


def test_a_vanilla_run_has_only_pooled_vectors(vanilla_run):
    images, plain, _ = evaluated(vanilla_run)
    with Predictor(vanilla_run) as predictor:
        assert predictor.spaces == ("pooled",)
        answers = predictor.predict(images.paths)
    check_answers(answers, images, softmax(plain["logits"]), unit_rows(plain["pooled"]), None)


@pytest.mark.promise(
    "some images for predict.py can't be read", "they are named, and the others are labelled"
)
def test_broken_images_are_named_and_the_others_are_done(predictor, photos, tmp_path):
    good = sorted(os.path.join(photos, name, "0.jpg") for name in os.listdir(photos))
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").write_text("")
    os.mkfifo(str(tmp_path / "pipe.jpg"))
    with open(good[0], "rb") as file:
        (tmp_path / "cut.jpg").write_bytes(file.read()[:300])
    bad = [str(tmp_path / name) for name in ("text.jpg", "empty.jpg", "pipe.jpg", "cut.jpg")]
    bad += [str(tmp_path / "none.jpg"), str(tmp_path)]
    paths = [bad[0], good[0], bad[1], bad[2], good[1], good[2], bad[3], good[3], *bad[4:]]
    answers = predictor.predict(paths)
    assert [answer.path for answer in answers] == paths
    errors = {answer.path: answer.error for answer in answers if answer.error is not None}
    assert sorted(errors) == sorted(bad)
    assert errors[bad[0]].startswith("it can't be decoded: ") and "\n" not in errors[bad[0]]
    assert errors[bad[1]] == "the file is empty"
    assert errors[bad[2]] == errors[bad[5]] == "it is not a regular file"
    assert errors[bad[3]].startswith("it can't be decoded: ")
    assert errors[bad[4]] == "no such file or directory"
    for answer in predictor.predict(good):
        (again,) = [other for other in answers if other.path == answer.path]
        np.testing.assert_allclose(again.embedding, answer.embedding, atol=1e-5)
    assert predictor.predict([]) == [] and predictor.predict(bad[:1])[0].error


def test_names_with_any_characters(predictor, photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = os.path.join(photos, "cat", "0.jpg")
    names = ["a b.jpg", "[1]*?.jpg", "new\nline.jpg", "ü.jpg", os.fsdecode(b"\xff.jpg"), "-x.jpg"]
    for name in names:
        shutil.copy(source, name)
    answers = predictor.predict(names)
    assert [answer.path for answer in answers] == names
    (right,) = predictor.predict([source])
    for answer in answers:
        assert answer.error is None and answer.label == right.label
        np.testing.assert_allclose(answer.embedding, right.embedding, atol=1e-6)


def test_the_identity_tells_networks_apart(run, predictor, vanilla_run, tmp_path):
    moved = shutil.copytree(run, str(tmp_path / "moved"))
    with Predictor(moved) as other:
        same = {n: v for n, v in other.identity.items() if n != "run_dir"}
        assert same == {n: v for n, v in predictor.identity.items() if n != "run_dir"}
        assert other.identity["run_dir"] == moved
    with Predictor(vanilla_run) as other:
        assert other.identity["checkpoint_hash"] != predictor.identity["checkpoint_hash"]
    identity = predictor.identity
    assert identity["step"] == 40 and identity["checkpoint"] == "model.ckpt-40"
    with Predictor(run, checkpoint="best") as other:
        assert other.identity["checkpoint"].startswith("best" + os.sep)
    assert stored.read(run)[1]["class_map"] == identity["class_map"]


def test_runs_that_cannot_answer(run, tmp_path):
    def message_of(folder, *args):
        with pytest.raises(UserError) as caught:
            Predictor(str(folder), *args)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "no args.json" in message_of(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(run, str(copy))
    assert "there is no checkpoint x" in message_of(copy, "x")
    (copy / "classes.csv").write_text("index,label,name\n0,a\n")
    assert "classes.csv" in message_of(copy) and "damaged" in message_of(copy)
    os.remove(str(copy / "classes.csv"))
    assert "classes.csv" in message_of(copy)
    shutil.copy(os.path.join(run, "classes.csv"), str(copy))
    with open(str(copy / "classes.csv"), "a") as file:
        file.write("4,eel,eel\n")
    assert "another network or class count" in message_of(copy)
    for path in copy.glob("model.ckpt-*"):
        path.unlink()
    (copy / "checkpoint").unlink()
    assert "holds no checkpoint; train the run first" in message_of(copy)


def test_a_small_and_a_grey_image(predictor, tmp_path):
    write_image(str(tmp_path / "small.png"), (9, 90, 200), size=(3, 5))
    (answer,) = predictor.predict([str(tmp_path / "small.png")])
    assert answer.error is None and np.isfinite(answer.pooled).all()


def test_an_image_of_too_many_pixels_is_not_decoded(run, tmp_path):
    path = str(tmp_path / "large.png")
    Image.new("RGB", (1001, 1000)).save(path)
    with Predictor(run, overrides={"max_megapixels": 1}) as predictor:
        (answer,) = predictor.predict([path])
    assert answer.error == "it can't be decoded: it has more than 1 megapixels"
    assert output.thumbnail(path, 20, 1) is None and output.thumbnail(path, 20, 2) is not None
