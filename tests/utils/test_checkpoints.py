import os

import pytest

from utils import checkpoints
from utils.errors import UserError
from utils.tf1 import tf


def save(prefix, classes, name="net/logits"):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable(name, [3, classes])
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(prefix), global_step=5)


def message_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def restore(prefix):
    with tf.Graph().as_default(), tf.Session() as session:
        value = tf.get_variable("net/logits", [3, 4])
        checkpoints.restore(tf.train.Saver(), session, prefix)
        return session.run(value)


def test_a_checkpoint_of_another_network_or_class_count_is_named(tmp_path):
    assert restore(save(tmp_path / "same", 4)).shape == (3, 4)
    message = message_of(restore, save(tmp_path / "classes", 7))
    for word in ("class count", "net/logits of shape (3, 7)", "this one has (3, 4)", "classes-5"):
        assert word in message
    message = message_of(restore, save(tmp_path / "names", 4, "other/logits"))
    assert "another network" in message and "has no net/logits" in message


def test_damaged_values_are_said(tmp_path):
    prefix = save(tmp_path / "model", 4)
    data = prefix + ".data-00000-of-00001"
    with open(data, "r+b") as file:
        file.truncate(10)
    assert f"{prefix} can't be restored" in message_of(restore, prefix)


def test_finding(tmp_path):
    prefix = save(tmp_path / "model", 4)
    (tmp_path / "best").mkdir()
    best = save(tmp_path / "best" / "model", 4)
    assert checkpoints.find(str(tmp_path), "last") == prefix
    assert checkpoints.find(str(tmp_path), "best") == best
    assert checkpoints.find(str(tmp_path), prefix) == prefix
    for part in (".index", ".meta", ".data-00000-of-00001"):
        assert f"give its prefix, {prefix}" in message_of(
            checkpoints.find, str(tmp_path), prefix + part
        )
    assert "choose last, best" in message_of(checkpoints.find, str(tmp_path), "elsewhere")
    assert "train the run first" in message_of(checkpoints.find, str(tmp_path / "none"), "last")


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_nothing(tmp_path, monkeypatch):
    part = tmp_path / "model.ckpt-7.data-00000-of-00001.tempstate1"

    def save(session, prefix, **_):
        part.write_text("half")
        message = f"Graph execution error:\n\nfound at\n{prefix}; No space left on device"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    with tf.Graph().as_default():
        tf.get_variable("v", [])
        saver = checkpoints.RunSaver(str(tmp_path), "model.ckpt", 3)
    monkeypatch.setattr(saver.last, "save", save)
    with pytest.raises(UserError) as caught:
        saver.save(None, 7)
    assert "model.ckpt-7 can't be written (No space left on device)" in str(caught.value)
    assert os.listdir(str(tmp_path)) == []
