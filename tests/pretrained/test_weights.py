import os

import numpy as np
import pytest

from nets.factory import network_fn
from pretrained import weights as weight_files
from utils.errors import UserError
from utils.tf1 import tf

HEADS = ("MobilenetV1/Logits", "embedding")


def mobile(classes, session):
    network_fn("mobile")(tf.zeros([1, 32, 32, 3]), classes, False)
    session.run(tf.global_variables_initializer())
    return tf.model_variables()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A checkpoint and an .npz of a network with 7 classes, and its values."""
    folder = tmp_path_factory.mktemp("published")
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        variables = mobile(7, session)
        values = dict(zip([v.op.name for v in variables], session.run(variables)))
        checkpoint = tf.train.Saver().save(session, str(folder / "model.ckpt"))
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V1)
        (folder / "old").mkdir()
        old = saver.save(session, str(folder / "old" / "model.ckpt"), write_meta_graph=False)
    np.savez(str(folder / "model.npz"), **values)
    thinner = {name: value[None] for name, value in values.items()}
    np.savez(str(folder / "thin.npz"), **thinner)
    files = {
        kind: str(folder / f"{name}.npz") for kind, name in (("npz", "model"), ("thin", "thin"))
    }
    return dict(files, ckpt=checkpoint, v1=old, values=values)


@pytest.mark.parametrize("kind", ["ckpt", "npz", "v1"])
@pytest.mark.parametrize("classes", [7, 4])
def test_everything_but_the_heads_is_restored(published, kind, classes):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(6)
        variables = mobile(classes, session)
        before = dict(zip([v.op.name for v in variables], session.run(variables)))
        report = weight_files.restore(session, published[kind], variables, HEADS)
        after = dict(zip([v.op.name for v in variables], session.run(variables)))
    heads = [f"MobilenetV1/Logits/Conv2d_1c_1x1/{part}" for part in ("weights", "biases")]
    assert sorted(report.new) == sorted(heads) == sorted(report.unused)
    assert len(report.restored) == 135 and report.different_shape == ()
    for name in report.restored:
        np.testing.assert_array_equal(after[name], published["values"][name])
    for name in report.new:
        np.testing.assert_array_equal(after[name], before[name])


def test_the_report_tells_the_four_kinds_apart(published, tmp_path):
    values = dict(published["values"])
    missing = "MobilenetV1/Conv2d_13_pointwise/weights"
    reshaped = "MobilenetV1/Conv2d_0/weights"
    del values[missing]
    values[reshaped] = np.zeros([3, 3, 3, 16])
    values["other/weights"] = np.zeros(2)
    path = str(tmp_path / "part.npz")
    np.savez(path, **values)
    with tf.Graph().as_default(), tf.Session() as session:
        report = weight_files.restore(session, path, mobile(7, session), HEADS)
    assert missing in report.new and report.different_shape == (reshaped,)
    assert "other/weights" in report.unused and len(report.restored) == 133
    assert report.layers_without_weights() == [
        "MobilenetV1/Conv2d_0",
        "MobilenetV1/Conv2d_13_pointwise",
    ]
    text = "\n".join(report.lines())
    assert "133 variables restored\n" in text and f"1 variables different shape: {reshaped}" in text
    assert missing in text and "other/weights" in text


def damaged(published, folder):
    """Files that are no weights of a MobileNet, and words of the sentence each deserves."""
    whole = published["ckpt"]
    index, data = (read(whole + end) for end in (".index", ".data-00000-of-00001"))

    def put(name, contents):
        path = str(folder / name)
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def pair(name, index_bytes, data_bytes=None):
        put(name + ".index", index_bytes)
        if data_bytes is not None:
            put(name + ".data-00000-of-00001", data_bytes)
        return str(folder / name)

    flipped = data[:1000] + bytes([data[1000] ^ 255]) + data[1001:]
    old = read(published["v1"])
    foreign = {"vgg/conv1/weights": np.zeros(3)}
    np.savez(str(folder / "foreign.npz"), **foreign)
    archive = read(published["npz"])
    return {
        whole + ".index": f"give its prefix, {whole}",
        whole + ".data-00000-of-00001": f"give its prefix, {whole}",
        os.path.dirname(whole): f"is a folder; give the prefix of a checkpoint, such as {whole}",
        str(folder / "none.ckpt"): "there is no checkpoint",
        str(folder / "none.npz"): "there is no file",
        pair("noise.ckpt", b"not an index", data): "can't be read",
        pair("empty.ckpt", b""): "can't be read",
        pair("half.ckpt", index[: len(index) // 2], data): "can't be read",
        pair("alone.ckpt", index): "can't be read",
        pair("short.ckpt", index, data[: len(data) // 2]): "can't be read",
        pair("flipped.ckpt", index, flipped): "can't be read",
        put("text.ckpt", b"hello" * 99): "can't be read",
        put("old.ckpt", old[: len(old) // 2]): "can't be read",
        put("model.bin", b"x"): "can't be read",
        put("text.npz", b"no zip"): "can't be read",
        put("half.npz", archive[: len(archive) // 2]): "can't be read",
        put("flipped.npz", archive[:5000] + b"?" * 9 + archive[5009:]): "can't be read",
        str(folder / "foreign.npz"): "it holds vgg; the network is MobilenetV1",
        published["thin"]: "135 variables of different shape",
    }


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_unusable_files_get_one_sentence(published, tmp_path, capsys):
    with tf.Graph().as_default(), tf.Session() as session:
        variables = mobile(7, session)
        for path, words in damaged(published, tmp_path).items():
            message = f"{path} was taken"
            try:
                weight_files.restore(session, path, variables, HEADS)
            except UserError as error:
                message = str(error)
            assert words in message and path in message and "\n" not in message, path
    assert capsys.readouterr().err == ""
