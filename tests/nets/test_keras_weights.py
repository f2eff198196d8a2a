"""Keras weights under slim names give Keras' own outputs, or are refused with the reason."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from config import weights_cli
from config.networks import NETWORKS
from nets import keras_files, weight_files, weights_command
from nets.factory import network_fn
from utils.errors import UserError
from utils.tf1 import tf

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras_model.py")


def make_model(folder, *words):
    out = str(folder / words[0])
    subprocess.run([sys.executable, SCRIPT, words[0], words[1], out, *words[2:]], check=True)
    return out


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory):
    """The stem of the files of a MobileNet v1 0.25."""
    return make_model(tmp_path_factory.mktemp("keras"), "MobileNet", "64", "0.25")


def convert(*words):
    return list(weights_command.perform(weights_cli.parse(["convert", *words])))


def log_probabilities(weights, images, net, multiplier=None):
    with tf.Graph().as_default(), tf.Session() as session:
        logits, _ = network_fn(net, depth_multiplier=multiplier)(tf.constant(images), 7, False)
        session.run(tf.global_variables_initializer())
        report = weight_files.restore(session, weights, tf.model_variables(), ())
        assert not report.unused and not report.different_shape
        assert all("AuxLogits" in name for name in report.new)
        return session.run(tf.nn.log_softmax(logits))


@pytest.mark.parametrize("source, target", [(".h5", "out.npz"), (".keras", "new/out.ckpt")])
def test_mobilenet_gives_the_same_outputs(mobilenet, tmp_path, source, target):
    out = str(tmp_path / target)
    lines = convert(mobilenet + source, out, "--net", "mobile_0.25")
    assert lines == [f"137 variables of mobile_0.25 written to {out}; use it as --pretrained {out}"]
    known = np.load(mobilenet + ".npz")
    found = log_probabilities(out, known["images"], "mobile", 0.25)
    np.testing.assert_allclose(found, known["log_probabilities"], rtol=1e-4, atol=1e-5)
    spread = np.ptp(known["log_probabilities"], axis=1)
    assert (spread > 0.1).all()  # so that a constant would not pass


def test_inception_v3_gives_the_same_outputs(tmp_path):
    stem = make_model(tmp_path, "InceptionV3", "75")
    out = str(tmp_path / "out.npz")
    convert(stem + ".h5", out, "--net", "inc3")
    names = {name: value.shape for name, value in np.load(out).items()}
    assert len(names) == 378
    with tf.Graph().as_default():  # 75 pixels are too few for the auxiliary classifier
        with tf.Session() as session:
            logits = without_auxiliary(np.load(stem + ".npz")["images"])
            session.run(tf.global_variables_initializer())
            report = weight_files.restore(session, out, tf.model_variables(), ())
            assert report.new == report.unused == report.different_shape == ()
            found = session.run(tf.nn.log_softmax(logits))
    known = np.load(stem + ".npz")["log_probabilities"]
    np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-5)
    assert (np.ptp(known, axis=1) > 0.1).all()


def without_auxiliary(images):
    from nets import inception

    base = inception.slim_nets.inception.inception_v3_base
    rest = (tf.constant(images), 7, False, None, 0.9997)
    return inception.inception(base, "InceptionV3", "Conv2d_1c_1x1", *rest)[0]


@pytest.mark.parametrize(
    "net, words",
    [
        ("resnet50_v1", ["strides", "1x1", "biases", "pooling"]),
        ("densenet161", ["121", "169", "201", "pad"]),
        ("inc4", ["no equal of inc4"]),
        ("resnet50", ["no equal of resnet50"]),
    ],
)
def test_networks_that_keras_builds_otherwise_are_refused(mobilenet, tmp_path, net, words):
    with pytest.raises(UserError) as caught:
        convert(mobilenet + ".h5", str(tmp_path / "out.npz"), "--net", net)
    for word in [*words, "only inc3 and mobile"]:
        assert word in str(caught.value)
    assert os.listdir(str(tmp_path)) == []


def test_files_that_are_not_of_the_network_are_refused(mobilenet, tmp_path):
    with open(mobilenet + ".h5", "rb") as file:
        contents = file.read()

    def put(name, data):
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    other_zip = str(tmp_path / "other.keras")
    with zipfile.ZipFile(other_zip, "w") as package:
        package.writestr("config.json", json.dumps({"config": {"layers": []}}))
    cases = {
        (str(tmp_path / "none.h5"), "mobile"): "there is no file",
        (put("half.h5", contents[: len(contents) // 2]), "mobile"): "can't be read",
        (put("text.h5", b"hello"), "mobile"): "can't be read",
        (put("other.npz", b"hello"), "mobile"): "can't be read",
        (other_zip, "mobile"): "can't be read",
        (mobilenet + ".h5", "mobile_0.5"): "is not of mobile_0.5: MobilenetV1/Conv2d_0/weights",
        (mobilenet + ".h5", "inc3"): "is not of inc3: InceptionV3/Conv2d_1a_3x3/weights",
    }
    for (path, net), words in cases.items():
        with pytest.raises(UserError) as caught:
            convert(path, str(tmp_path / "out.npz"), "--net", net)
        assert words in str(caught.value) and path in str(caught.value), path
        assert "\n" not in str(caught.value)
    blocked = put("file", b"")
    with pytest.raises(UserError, match="can't be written"):
        convert(mobilenet + ".h5", blocked + "/out.npz", "--net", "mobile_0.25")


def test_a_file_without_its_classifier_is_taken(mobilenet, tmp_path, monkeypatch):
    layers = keras_files.read_layers(mobilenet + ".h5")
    del layers["conv_preds"]
    monkeypatch.setattr("nets.keras_weights.read_layers", lambda path: layers)
    assert "135 variables" in convert("x.h5", str(tmp_path / "out.npz"), "--net", "mobile_0.25")[0]
    del layers["conv_pw_13"]
    with pytest.raises(UserError, match="Conv2d_13_pointwise/weights .* missing"):
        convert("x.h5", str(tmp_path / "out.npz"), "--net", "mobile_0.25")
    assert set(NETWORKS) >= {"inc3", "mobile"}
