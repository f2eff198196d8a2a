import os

import numpy as np
import pytest

from nets import pretrained
from nets.factory import network_fn
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
    np.savez(str(folder / "model.npz"), **values)
    return {"ckpt": checkpoint, "npz": str(folder / "model.npz"), "values": values}


@pytest.mark.parametrize("kind", ["ckpt", "npz"])
@pytest.mark.parametrize("classes", [7, 4])
def test_everything_but_the_heads_is_restored(published, kind, classes):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(6)
        variables = mobile(classes, session)
        before = dict(zip([v.op.name for v in variables], session.run(variables)))
        report = pretrained.restore(session, published[kind], variables, HEADS)
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
        report = pretrained.restore(session, path, mobile(7, session), HEADS)
    assert missing in report.new and report.different_shape == (reshaped,)
    assert "other/weights" in report.unused and len(report.restored) == 133
    assert report.layers_without_weights() == [
        "MobilenetV1/Conv2d_0",
        "MobilenetV1/Conv2d_13_pointwise",
    ]
    text = "\n".join(report.lines())
    assert "133 variables restored\n" in text and f"1 variables different shape: {reshaped}" in text
    assert missing in text and "other/weights" in text


def test_unusable_files_get_one_sentence(published, tmp_path):
    whole = published["ckpt"]
    broken = str(tmp_path / "broken.ckpt")
    with open(broken + ".index", "wb") as file:
        file.write(b"not an index")
    text = str(tmp_path / "text.npz")
    with open(text, "w") as file:
        file.write("no zip")
    foreign = str(tmp_path / "foreign.npz")
    np.savez(foreign, **{"vgg/conv1/weights": np.zeros(3)})
    cases = {
        whole + ".index": f"give {whole}",
        str(tmp_path / "none.ckpt"): "there is no checkpoint",
        str(tmp_path / "none.npz"): "there is no file",
        broken: "can't be read",
        text: "can't be read",
        foreign: "nothing in",
    }
    for path, words in cases.items():
        with tf.Graph().as_default(), tf.Session() as session:
            with pytest.raises(UserError) as caught:
                pretrained.restore(session, path, mobile(7, session), HEADS)
        assert words in str(caught.value) and "\n" not in str(caught.value)
    assert os.path.exists(whole + ".index")
