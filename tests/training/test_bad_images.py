"""--on_bad_image skip: what takes the place of a training image that can't be read."""

import errno
import os
import shutil

import numpy as np
import pytest

from config import resolve
from data import lists, pipeline
from data.bad_images import BadImages
from evaluation import evaluator, network
from tests.conftest import write_image, write_tree
from tests.training.test_trainer import SMALL, config_of, message_of, train
from training import build, hooks
from utils import checkpoints
from utils.errors import MachineError
from utils.tf1 import tf

# Row of the tree below -> row of the next readable image of its class.
REPLACED = {3: 4, 11: 6, 13: 15, 14: 15}


def tree_with_bad_images(root):
    """Four classes of six images; one bad in two classes, and two in a row in one."""
    tree = write_tree(root, per_class=6)
    damage(tree, "ant/3.jpg", cut=400)
    damage(tree, "bee/5.jpg", cut=0)
    damage(tree, "cat/1.jpg", cut=400)
    os.remove(os.path.join(tree, "cat/2.jpg"))
    return tree


def damage(tree, name, cut):
    with open(os.path.join(tree, name), "r+b") as file:
        file.truncate(cut)


def list_of(tree):
    rows = [f"{name}/{i}.jpg" for name in ("ant", "bee", "cat", "dog") for i in range(6)]
    return lists.ImageList(tree, rows, np.repeat(np.arange(4, dtype=np.int32), 6))


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """The tree, and one where the next image of its class lies under the name of each bad one."""
    folder = tmp_path_factory.mktemp("bad")
    tree = tree_with_bad_images(str(folder / "bad"))
    files = list_of(tree).files
    oracle = write_tree(str(folder / "oracle"), per_class=6)
    for bad, good in REPLACED.items():
        shutil.copyfile(os.path.join(oracle, files[good]), os.path.join(oracle, files[bad]))
    return tree, oracle


def drawn(tree, first, count, index=0, replicas=1, **changes):
    """Batches of the training input from a position of the stream on."""
    config = resolve.resolve(
        dict(SMALL, depth_multiplier=0.25, dataset_path=tree, run_dir="run", **changes), {}, {}
    )
    images = list_of(tree)
    bad_images = build.bad_images_of(config, images)
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = build.train_input(config, images, first, index, replicas, bad_images)
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        return [session.run(batch) for _ in range(count)]


@pytest.mark.promise(
    "a training image can't be read, with --on_bad_image skip",
    "the next one of its class takes its place, after a resume and on several devices too",
)
def test_the_next_image_of_the_class_takes_the_place(trees, tmp_path):
    tree, oracle = trees
    expected = drawn(oracle, 0, 3)
    given = dict(on_bad_image="skip", cache=str(tmp_path / "kept"))
    resumed = drawn(tree, 1, 2, **given)
    halves = [drawn(tree, 0, 3, index, 2, **given) for index in range(2)]
    shared = [[np.concatenate(parts) for parts in zip(*pair)] for pair in zip(*halves)]
    for other, steps in ((resumed, expected[1:]), (shared, expected)):
        for got, wanted in zip(other, steps):
            np.testing.assert_array_equal(got[0], wanted[0])
            np.testing.assert_array_equal(got[1], wanted[1])


def test_images_that_turn_bad_or_good_are_seen(tmp_path):
    tree = tree_with_bad_images(str(tmp_path / "tree"))
    images = list_of(tree)
    bad_images = BadImages(images, build.augmentation_of(config_of(tree, tmp_path / "run")))
    everything = np.arange(24)
    expected = np.array([REPLACED.get(i, i) for i in everything])
    np.testing.assert_array_equal(bad_images.replace(everything), expected)
    assert sorted(bad_images.reasons) == sorted(REPLACED) and bad_images.num_replaced == 4
    assert bad_images.reasons[14] == "No such file or directory"
    assert bad_images.others().files == [f for i, f in enumerate(images.files) if i not in REPLACED]
    damage(tree, "dog/0.jpg", cut=300)
    write_image(os.path.join(tree, "bee", "5.jpg"), (9, 9, 9))
    np.testing.assert_array_equal(bad_images.replace([18, 11]), [19, 11])
    for i in range(6):
        damage(tree, f"dog/{i}.jpg", cut=300)
    assert "all 6 training images of the class of" in message_of(bad_images.replace, [18])
    os.rename(tree, str(tmp_path / "elsewhere"))
    assert f"the image folder {tree} is gone" in message_of(bad_images.replace, [0])


@pytest.mark.promise(
    "all images of a class are bad, with --on_bad_image skip", "one sentence ends the run"
)
def test_a_run_skips_until_a_class_has_no_image_left(tmp_path, monkeypatch):
    tree = write_tree(str(tmp_path / "tree" / "train"), per_class=4)
    write_tree(str(tmp_path / "tree" / "test"), per_class=2)
    damage(tree, "ant/1.jpg", cut=300)
    beat = hooks.Heartbeat.after_step

    def lose_the_bees(hook, loop, terms):
        for i in range(4 * (loop.done == 2)):
            os.rename(os.path.join(tree, f"bee/{i}.jpg"), os.path.join(tree, f"dog/bee{i}.jpg"))
        beat(hook, loop, terms)

    monkeypatch.setattr(hooks.Heartbeat, "after_step", lose_the_bees)
    given = dict(on_bad_image="skip", eval_every_steps=99, batch_size=16, train_mode="vanilla")
    given.update(train_iters=99, save_every_steps=1)
    message = message_of(train, str(tmp_path / "tree"), tmp_path / "run", **given)
    assert "all 4 training images of the class of" in message and "bee" in message
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("is a bad image (Invalid JPEG data") == 1
    assert "5 bad training images; others took their places " in log
    for i in range(4):
        os.rename(os.path.join(tree, f"dog/bee{i}.jpg"), os.path.join(tree, f"bee/{i}.jpg"))
    for split, compared in (("test", 15), ("train", 16)):
        with pytest.raises(InterruptedError) as caught:
            monkeypatch.setattr(network, "outputs_of", stop_with_the_dataset)
            evaluator.evaluate_run(str(tmp_path / "run"), split)
        assert len(caught.value.args[0].splits["train"].files) == compared


def stop_with_the_dataset(config, prefix, dataset, *_, **__):
    raise InterruptedError(dataset)


@pytest.mark.promise(
    "the data set is moved or unmounted in mid-run",
    "one sentence names what is gone, and the last checkpoint is kept",
    "exit code 1",
)
def test_a_data_set_that_is_gone_is_named(tmp_path, monkeypatch):
    tree, beat = write_tree(str(tmp_path / "all" / "tree")), hooks.Heartbeat.after_step

    def move(hook, loop, terms):
        beat(hook, loop, terms)
        if loop.done == 2:
            os.rename(str(tmp_path / "all"), str(tmp_path / "elsewhere"))

    monkeypatch.setattr(hooks.Heartbeat, "after_step", move)
    given = dict(train_iters=99, eval_every_steps=99, save_every_steps=2, train_mode="vanilla")
    with pytest.raises(MachineError, match="run the same command again") as caught:
        train(tree, tmp_path / "run", **given)
    assert f" is gone: there is no {tmp_path / 'all'} any more" in str(caught.value)
    assert checkpoints.latest(str(tmp_path / "run")) is not None


@pytest.mark.promise(
    "an image on a network file system can't be reached for a while",
    "it is tried again after 1 s and 5 s, and each time is logged",
    "3 tries",
)
def test_a_file_system_gets_three_tries(tmp_path, monkeypatch):
    left, pauses, image = [errno.ESTALE, errno.EIO], [], str(tmp_path / "a.jpg")
    write_image(image, (9, 9, 9))
    monkeypatch.setattr(pipeline.time, "sleep", pauses.append)

    def stat(path):
        if left and path == image:
            raise OSError(left.pop(), "Stale file handle", path)
        return real(path)

    real = os.stat
    monkeypatch.setattr(pipeline.os, "stat", stat)
    pipeline.check_file(image)
    assert pauses == [1, 5]
    for number, tries in ((errno.EIO, 3), (errno.ENOENT, 1)):
        left[:] = [number] * 5
        with pytest.raises(OSError):
            pipeline.check_file(image)
        assert len(left) == 5 - tries


def test_images_that_can_be_read_again_are_told_from_other_errors(tmp_path):
    image = str(tmp_path / "a.jpg")
    write_image(image, (9, 9, 9))
    os.rename(image, image + ".away")
    augmentation = build.augmentation_of(config_of(str(tmp_path), tmp_path / "run"))
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.evaluation_batches(
            lists.ImageList(str(tmp_path), ["a.jpg"], np.zeros([1], np.int32)), 1, augmentation
        )
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        other = tf.errors.ResourceExhaustedError(None, tf.no_op(), "OOM\n\t [[IteratorGetNext/_3]]")
        with pytest.raises(tf.errors.OpError) as caught:
            session.run(batch)
    os.rename(image + ".away", image)
    assert build.raise_unreadable(other, [image], augmentation) is None
    with pytest.raises(MachineError, match=r"could not be read \(.*No such file.*they can be now"):
        build.raise_unreadable(caught.value, [image], augmentation)
