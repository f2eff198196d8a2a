import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import export as script
from config import stored
from evaluation import network
from inference import comparison, export_flags, exporter, formats
from tests.conftest import CLASSES, write_image, write_tree
from tests.training.test_trainer import config_of, message_of
from training import graphs, preflight, trainer
from utils import checkpoints, tf1
from utils.errors import UserError
from utils.tf1 import tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The program of somebody who has TensorFlow and no file of this repository.
PLAIN = """
import json, os, sys
import tensorflow as tf
folder, paths = sys.argv[1], sys.argv[2:]
contents = [open(path, "rb").read() for path in paths]
if tf.__version__.startswith("1."):
    with tf.Session() as session:
        signature = tf.saved_model.loader.load(session, ["serve"], folder)
        signature = signature.signature_def["serving_default"]
        outputs = {name: info.name for name, info in signature.outputs.items()}
        answers = session.run(outputs, {signature.inputs["images"].name: contents})
else:
    loaded = tf.saved_model.load(folder)
    outputs = loaded.signatures["serving_default"](images=tf.constant(contents))
    answers = {name: tensor.numpy() for name, tensor in outputs.items()}
    assets = [asset.asset_path.numpy().decode() for asset in loaded.asset_paths]
    assert "classes.csv" in map(os.path.basename, assets)
ours = [name for name in ("inference", "utils", "data", "export") if name in sys.modules]
answers["classes"] = answers["classes"].astype("U")
print(json.dumps(dict({n: a.tolist() for n, a in answers.items()}, path=sys.path, ours=ours)))
"""


def write_phone_photo(path):
    """A photo that says it was taken with the camera on its side."""
    exif = Image.Exif()
    exif[274] = 6
    pixels = np.random.RandomState(5).randint(0, 256, (18, 24, 3)).astype(np.uint8)
    photo = Image.fromarray(pixels).resize((240, 180), Image.BICUBIC)
    photo.save(path, quality=80, exif=exif)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A two-head and a vanilla run on JPEGs, a PNG and a phone photo; embeddings of 16 numbers."""
    root = tmp_path_factory.mktemp("exporter")
    tree = str(root / "tree")
    for split, count in (("train", 4), ("test", 3)):
        write_tree(os.path.join(tree, split), count)
    write_image(os.path.join(tree, "test", "ant", "drawn.png"), (20, 200, 90), size=(50, 41))
    write_phone_photo(os.path.join(tree, "test", "cat", "phone.jpg"))
    # After a few steps more than two the network tells images apart, so errors show.
    steps = dict(train_iters=30, learning_rate=0.02, eval_every_steps=30, log_every_steps=30)
    trainer.train(config_of(tree, root / "hard", emb_dim=16, **steps))
    trainer.train(config_of(tree, root / "vanilla", train_mode="vanilla"))
    return root


@pytest.fixture(scope="module")
def expected(root):
    """What evaluation's own pass gives for the test images: probabilities, unit vectors, pixels."""
    config = stored.read(str(root / "hard"))[0]
    images = preflight.load_dataset(config, ["test"]).splits["test"]
    with tf.Graph().as_default(), tf.Session() as session:
        graph = graphs.build_eval_graph(config, images, len(CLASSES), 5)
        checkpoints.restore(tf.train.Saver(), session, checkpoints.find(str(root / "hard"), "last"))
        arrays = network.run_network(session, graph, images)
        session.run(graph.start)
        pixels = session.run(graph.images)
    exponents = [[np.exp(float(x)) for x in row] for row in arrays["logits"]]
    pooled = np.array([row / np.sqrt(np.sum(row**2)) for row in arrays["pooled"].astype(float)])
    both = np.hstack([arrays["embeddings"], pooled]) / np.sqrt(2)
    return {
        "paths": images.paths,
        "contents": [open(path, "rb").read() for path in images.paths],
        "pixels": pixels,
        "probabilities": np.array([[e / sum(row) for e in row] for row in exponents]),
        "vectors": {"embedding": arrays["embeddings"], "pooled": pooled, "both": both},
    }


@pytest.fixture(scope="module")
def saved(root):
    """The two-head run as a SavedModel."""
    exporter.export(str(root / "hard"), str(root / "saved"))
    return root / "saved"


def names_of(classes):
    return [c.decode("utf-8") if isinstance(c, bytes) else c for c in classes]


def assert_answers(answers, expected, count, space="embedding"):
    assert set(answers) == {"probabilities", "classes", "embedding"}
    close = dict(rtol=0, atol=1e-5)
    probabilities = expected["probabilities"][:count]
    np.testing.assert_allclose(answers["probabilities"], probabilities, **close)
    np.testing.assert_allclose(answers["embedding"], expected["vectors"][space][:count], **close)
    best = np.argmax(answers["probabilities"], axis=1)
    assert names_of(answers["classes"]) == [CLASSES[i] for i in best]


def test_there_are_jpegs_a_png_and_a_phone_photo(expected):
    names = {os.path.basename(path) for path in expected["paths"]}
    assert len(expected["paths"]) == 14 and {"drawn.png", "phone.jpg"} <= names
    assert np.ptp(expected["vectors"]["embedding"], axis=0).max() > 1e-2  # they are told apart


@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_saved_model_answers_as_the_evaluation_does(saved, expected, batch_size):
    run = formats.FORMATS["savedmodel"].load(str(saved))["serving_default"]
    batches = [expected["contents"][i : i + batch_size] for i in range(0, 14, batch_size)]
    parts = [run(batch) for batch in batches]
    answers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert_answers(answers, expected, 14)
    assert {part["embedding"].shape for part in parts} == {(batch_size, 16)}


def test_both_signatures_agree(saved, expected):
    signatures = formats.FORMATS["savedmodel"].load(str(saved))
    assert set(signatures) == {"serving_default", "pixels"}
    of_pixels = signatures["pixels"](expected["pixels"])
    of_files = signatures["serving_default"](expected["contents"][:5])
    assert_answers(of_pixels, expected, 5)
    for name in ("probabilities", "embedding"):
        np.testing.assert_allclose(of_pixels[name], of_files[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize("space", ["pooled", "both"])
def test_the_vectors_are_those_of_the_space(root, tmp_path, expected, space):
    exporter.export(str(root / "hard"), str(tmp_path / "model"), space=space)
    run = formats.FORMATS["savedmodel"].load(str(tmp_path / "model"))["serving_default"]
    assert_answers(run(expected["contents"]), expected, 14, space)


def test_a_vanilla_run_gives_its_pooled_vectors(root, tmp_path):
    lines = exporter.export(str(root / "vanilla"), str(tmp_path / "model"))
    assert "space pooled" in lines[0] and "embedding [256]" in lines[1]
    message = message_of(exporter.export, str(root / "vanilla"), str(tmp_path / "b"), space="both")
    assert "--space both" in message and "vanilla" in message
    assert os.listdir(str(tmp_path)) == ["model"]


def test_a_model_carries_its_classes_and_what_it_is(root, saved):
    with open(str(saved / "assets" / "classes.csv"), newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == list(CLASSES)
    with open(str(saved / "assets" / "export.json")) as file:
        record = json.load(file)
    assert (record["run"], record["checkpoint"], record["step"]) == ("hard", "model.ckpt-30", 30)
    assert (record["resize_short_side"], record["central_crop"]) == (34, 32)
    assert record["mean"] == [127.5] * 3 and record["space"] == "embedding"


def test_plain_tensorflow_loads_it_without_any_file_of_ours(saved, expected, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-W", "ignore", "-c", PLAIN, str(saved), *expected["paths"]],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
    )
    assert done.returncode == 0, done.stderr
    assert "reference variable" not in done.stderr
    answers = json.loads(done.stdout)
    assert answers.pop("ours") == [] and ROOT not in answers.pop("path")
    assert_answers({name: np.array(a) for name, a in answers.items()}, expected, 14)


@pytest.mark.parametrize("name", ["onnx", "tflite"])
def test_pixels_in_other_formats(root, tmp_path, expected, name):
    try:
        formats.check_packages(name)
    except UserError as error:
        pytest.skip(str(error))
    lines = exporter.export(str(root / "hard"), str(tmp_path / "model"), format_name=name)
    assert lines[1].startswith("pixels: ") and "on 14 test images" in lines[1]
    run = formats.FORMATS[name].load(str(tmp_path / "model"))["pixels"]
    for count in (1, 5):
        assert_answers(run(expected["pixels"][:count]), expected, count)
    assert sorted(os.listdir(str(tmp_path / "model"))) == ["assets", f"model.{name}"]
    assert set(os.listdir(str(tmp_path / "model" / "assets"))) == {"classes.csv", "export.json"}


@pytest.mark.parametrize("left", ["nothing", "an empty folder"])
def test_generated_images_stand_in_for_a_data_set_that_is_gone(root, tmp_path, left, monkeypatch):
    # After 30 steps, noise is so far from the training images that rounding shows.
    monkeypatch.setattr(comparison, "LIMIT", 1e-4)
    if left == "an empty folder":
        (tmp_path / "gone").mkdir()
    shutil.copytree(str(root / "hard"), str(tmp_path / "run"))
    args = json.loads((tmp_path / "run" / "args.json").read_text())
    args["dataset_path"] = str(tmp_path / "gone")
    (tmp_path / "run" / "args.json").write_text(json.dumps(args))
    lines = exporter.export(str(tmp_path / "run"), str(tmp_path / "model"))
    assert "on 32 generated images" in lines[1]


@pytest.mark.promise(
    "an exported model answers differently from its checkpoint", "nothing is written"
)
def test_other_answers_than_the_checkpoints_leave_nothing(root, tmp_path, monkeypatch):
    def shifted(contents, augmentation):
        return evaluation_frame(contents, augmentation) + 0.01

    evaluation_frame = formats.evaluation_frame
    monkeypatch.setattr(formats, "evaluation_frame", shifted)
    words = ["export.py", "--run_dir", str(root / "hard"), "--out", str(tmp_path / "out" / "1")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as caught:
        script.main()
    message = str(caught.value.code)  # a sentence: it goes to stderr, and the exit code is 1
    assert message.startswith("export.py: error: the outputs of serving_default differ")
    assert "nothing was written" in message and "\n" not in message
    assert os.listdir(str(tmp_path / "out")) == []


def test_answers_that_are_no_numbers_are_refused(root, expected):
    config = stored.read(str(root / "hard"))[0]
    prefix = checkpoints.find(str(root / "hard"), "last")
    answers = dict(expected, embedding=expected["vectors"]["embedding"] * np.nan)
    with pytest.raises(comparison.Differs, match="nan"):
        comparison.compare({"pixels": lambda _: answers}, config, prefix, CLASSES, "embedding")


def test_a_full_disk_leaves_nothing(root, tmp_path, monkeypatch):
    def write(folder, model):
        os.makedirs(folder)
        with open(os.path.join(folder, "half"), "w") as file:
            file.write("half")
        raise OSError(28, "No space left on device")

    row = formats.FORMATS["savedmodel"]._replace(write=write)
    monkeypatch.setitem(formats.FORMATS, "savedmodel", row)
    message = message_of(exporter.export, str(root / "hard"), str(tmp_path / "model"))
    assert "can't be written" in message and "No space left" in message
    assert os.listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    "run, out, expected",
    [
        ("gone", "model", "not a run folder"),
        ("empty", "model", "holds no checkpoint"),
        ("hard", "there", "already exists"),
        ("hard", "file/model", "can't be written"),
    ],
)
def test_mistakes_are_one_sentence_and_touch_nothing(root, tmp_path, run, out, expected):
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    shutil.copy(str(root / "hard" / "args.json"), str(tmp_path / "empty"))
    folder = root / run if run == "hard" else tmp_path / run
    message = message_of(exporter.export, str(folder), str(tmp_path / out))
    assert expected in message
    assert sorted(os.listdir(str(tmp_path))) == ["empty", "file", "there"]
    assert os.listdir(str(tmp_path / "there")) == []


def test_a_missing_package_is_named_with_what_gets_it(root, tmp_path, monkeypatch):
    row = formats.FORMATS["onnx"]._replace(packages=("no_such_package",))
    monkeypatch.setitem(formats.FORMATS, "onnx", row)
    message = message_of(
        exporter.export, str(root / "hard"), str(tmp_path / "model"), format_name="onnx"
    )
    assert "no_such_package" in message and "pip install -r requirements-export.txt" in message


def test_tflite_needs_tensorflow_2(monkeypatch):
    monkeypatch.setattr(tf1, "_IS_TF1", True)
    message = message_of(formats.check_packages, "tflite")
    assert "--format tflite needs TensorFlow 2" in message


def test_flags_are_read_without_tensorflow(tmp_path):
    code = "import sys, inference.export_flags as f; f.parser().format_help();"
    code += "sys.exit('tensorflow' in sys.modules)"
    assert subprocess.call([sys.executable, "-c", code], cwd=ROOT) == 0
    given = export_flags.parse(["--checkpoint_dir", str(tmp_path), "--out", "model/"])
    assert given["folder"] == str(tmp_path) and given["out"] == os.path.abspath("model")
    assert "invalid choice" in message_of(export_flags.parse, ["--run_dir=a", "--space", "no"])
    assert set(export_flags.FORMATS) == set(formats.FORMATS)
