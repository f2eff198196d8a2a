import os

import numpy as np
import pytest

from data import lists, pipeline
from data.augment import Augmentation
from data.sampling import SAMPLERS
from utils.tf1 import tf

AUGMENTATION = Augmentation("img", 24, 28, 40, 32, True, "inception")


@pytest.fixture(scope="module")
def split(shared_tree):
    return lists.load(shared_tree, ["train"]).splits["train"]


def batches(split, first, count, seed=1, style="img", sampler="pk"):
    batch_at = SAMPLERS[sampler](split.labels, 8, 4, seed)
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.training_batches(
            split.paths, split.labels, batch_at, 8, AUGMENTATION._replace(style=style), seed, first
        )
        images, labels = tf.data.make_one_shot_iterator(dataset).get_next()
        assert images.shape.as_list() == [8, 24, 24, 3] and labels.shape.as_list() == [8]
        return [session.run((images, labels)) for _ in range(count)]


@pytest.mark.parametrize("style", ["img", "batch"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_depends_on_seed_and_position_alone(split, style, sampler):
    whole = batches(split, 0, 6, style=style, sampler=sampler)
    resumed = batches(split, 4, 2, style=style, sampler=sampler)
    for (images, labels), (images_again, labels_again) in zip(whole[4:], resumed):
        np.testing.assert_array_equal(images, images_again)
        np.testing.assert_array_equal(labels, labels_again)
    other = batches(split, 4, 1, seed=2, style=style, sampler=sampler)[0]
    assert not np.array_equal(other[0], whole[4][0])


def test_draws_are_uniform_and_keyed_by_position():
    one = [pipeline.frame_draws("img", 8, 3, batch) for batch in range(400)]
    assert all(d.dtype == np.float32 and d.shape == (8, 4) for d in one)
    values = np.concatenate(one)
    assert values.min() >= 0 and values.max() < 1
    np.testing.assert_allclose(values.mean(axis=0), 0.5, atol=0.03)
    np.testing.assert_allclose(np.corrcoef(values.T), np.eye(4), atol=0.06)
    # Two batches of 8 are one of 16, so accumulated gradients see the same frames.
    np.testing.assert_array_equal(pipeline.frame_draws("img", 16, 3, 1), np.concatenate(one[2:4]))
    assert not np.array_equal(pipeline.frame_draws("img", 8, 4, 0), one[0])


def test_batch_style_shares_the_crop_but_not_the_flip():
    draws = pipeline.frame_draws("batch", 8, 3, 5)
    assert len(set(draws[:, 1])) == len(set(draws[:, 2])) == 1
    assert len(set(draws[:, 3])) == 8
    assert draws[0, 1] != pipeline.frame_draws("batch", 8, 3, 6)[0, 1]


def test_labels_are_those_of_the_sampled_images(split):
    (_, labels) = batches(split, 5, 1)[0]
    np.testing.assert_array_equal(labels, split.labels[SAMPLERS["pk"](split.labels, 8, 4, 1)(5)])


def test_the_same_image_looks_different_in_each_pass(split):
    one = lists.ImageList(split.folder, split.files[:1], split.labels[:1])
    images = np.concatenate([b[0] for b in batches(one, 0, 2, sampler="shuffle")])
    assert len({image.tobytes() for image in images}) > 12  # of 16


def test_evaluation_gives_each_image_once_in_order(split):
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.evaluation_batches(split.paths, split.labels, 5, AUGMENTATION)
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        parts = []
        with pytest.raises(tf.errors.OutOfRangeError):
            while True:
                parts.append(session.run(batch))
    assert [len(labels) for _, labels in parts] == [5, 5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in parts]), split.labels)


def test_first_unreadable_names_file_and_reason(split, tmp_path):
    with open(split.paths[0], "rb") as file:
        contents = file.read()
    bad = [os.path.join(str(tmp_path), name) for name in ("cut.jpg", "text.jpg", "empty.png")]
    for path, data in zip(bad, (contents[: len(contents) // 2], b"hello", b"")):
        with open(path, "wb") as file:
            file.write(data)
        name, reason = pipeline.first_unreadable(split.paths[:2] + [path] + split.paths[2:])
        assert name == path and reason
    assert pipeline.first_unreadable(split.paths) is None
    assert pipeline.first_unreadable(["/nowhere.jpg"])[0] == "/nowhere.jpg"
