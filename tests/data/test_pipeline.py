import io
import os
import re
import shutil
import socket
import struct

import numpy as np
import pytest
from PIL import Image

from data import augment, lists, pipeline
from data.augment import Augmentation
from data.sampling import SAMPLERS
from training import build
from utils.errors import UserError
from utils.tf1 import tf

AUGMENTATION = Augmentation("img", 24, 28, 40, 32, True, "inception", 200 * 10**6)
HUGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 20001, 10000) + bytes(50)


@pytest.fixture(scope="module")
def split(shared_tree):
    return lists.load(shared_tree, ["train"]).splits["train"]


def batches(split, first, count, seed=1, style="img", sampler="pk", parallel_calls=0):
    batch_at = SAMPLERS[sampler](split.labels, 8, 4, seed)
    with tf.Graph().as_default(), tf.Session() as session:
        augmentation = AUGMENTATION._replace(style=style)
        dataset = pipeline.training_batches(
            split, batch_at, 8, augmentation, seed, first, parallel_calls
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


def scored(split, parallel_calls=0):
    """What evaluation gives, batch by batch."""
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.evaluation_batches(split, 5, AUGMENTATION, parallel_calls)
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        parts = []
        with pytest.raises(tf.errors.OutOfRangeError):
            while True:
                parts.append(session.run(batch))
    return parts


def test_evaluation_gives_each_image_once_in_order(split):
    parts = scored(split)
    assert [len(labels) for _, labels in parts] == [5, 5, 5, 5, 5, 3]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in parts]), split.labels)
    with tf.Graph().as_default(), tf.Session() as session:
        contents = tf.placeholder(tf.string, [])
        frame = augment.evaluation_frame(contents, AUGMENTATION)
        for path, image in zip(split.paths, np.concatenate([images for images, _ in parts])):
            with open(path, "rb") as file:
                alone = session.run(frame, {contents: file.read()})
            np.testing.assert_allclose(alone, image, atol=1e-6)


@pytest.mark.parametrize("parallel_calls", [1, 8])
def test_nothing_depends_on_the_number_of_parallel_calls(split, parallel_calls):
    train = zip(batches(split, 3, 4), batches(split, 3, 4, parallel_calls=parallel_calls))
    for one, other in [*train, *zip(scored(split), scored(split, parallel_calls))]:
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_the_graph_does_not_grow_with_the_list(split):
    def num_bytes(copies):
        long = lists.ImageList(split.folder, split.files * copies, np.tile(split.labels, copies))
        with tf.Graph().as_default() as graph:
            train = SAMPLERS["shuffle"](long.labels, 8, None, 0)
            for dataset in (
                pipeline.training_batches(long, train, 8, AUGMENTATION, 0, 0),
                pipeline.evaluation_batches(long, 8, AUGMENTATION),
            ):
                tf.data.make_one_shot_iterator(dataset)
            return graph.as_graph_def().ByteSize()

    assert abs(num_bytes(1000) - num_bytes(1)) < 1000


def test_a_file_name_that_is_no_utf8(split, tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(split.paths[0], os.path.join(str(tmp_path), name))
    one = lists.ImageList(str(tmp_path), [name], split.labels[:1])
    assert [len(labels) for _, labels in scored(one)] == [1]
    assert pipeline.first_unreadable(one.paths, AUGMENTATION) is None


def stops_at(split, path):
    """Whether training and evaluation stop at a file, the eighth of two batches of four."""
    bad = lists.ImageList("", split.paths[:7] + [path], split.labels[:8])
    with pytest.raises(tf.errors.OpError):
        batches(bad, 0, 1, sampler="shuffle")
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.evaluation_batches(bad, 4, AUGMENTATION)
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        assert len(session.run(batch)[1]) == 4
        with pytest.raises(tf.errors.OpError):
            session.run(batch)
    return True


def reason_of(split, path):
    """Why a file can't be used, where it is the last of eight."""
    name, reason = pipeline.first_unreadable(split.paths[:7] + [path], AUGMENTATION)
    assert name == path and "\n" not in reason
    return reason


def encoded(kind, size=(50, 60)):
    stream = io.BytesIO()
    pixels = np.random.RandomState(0).randint(0, 256, size[::-1] + (3,)).astype(np.uint8)
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data, words",
    [
        (encoded("JPEG")[:900], "Invalid JPEG data"),
        (encoded("PNG")[:300], "Invalid PNG data, size 300"),
        (encoded("BMP")[:700], "Input size should match|Incomplete bmp content"),
        (b"hello", "Unknown image file format|Unable to decode bytes as JPEG, PNG"),
        (b"", "Input is empty|Unable to decode bytes as JPEG, PNG"),
        (HUGE_PNG, "it has more than 200 megapixels"),
    ],
    ids=["cut.jpg", "cut.png", "cut.bmp", "text", "empty", "huge"],
)
def test_the_reason_is_told(split, tmp_path, data, words):
    path = str(tmp_path / "bad.jpg")
    with open(path, "wb") as file:
        file.write(data)
    reason = reason_of(split, path)
    assert re.search(words, reason) and len(reason) < 100
    assert not re.search("node|Graph execution|assertion|{{", reason)
    if data in (b"hello", HUGE_PNG):
        assert stops_at(split, path)


@pytest.mark.promise("a listed image is a pipe, a device or a folder", "it is never opened")
def test_what_is_no_image_file_is_never_opened(split, tmp_path, monkeypatch):
    paths = {name: str(tmp_path / name) for name in ("fifo", "zero", "socket", "folder", "none")}
    os.mkfifo(paths["fifo"])
    os.symlink("/dev/zero", paths["zero"])
    os.mkdir(paths["folder"])
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        server.bind("socket")
    for name in ("fifo", "zero", "socket", "folder"):
        assert reason_of(split, paths[name]) == "it is not a regular file"
    assert reason_of(split, paths["none"]) == "No such file or directory"
    assert stops_at(split, paths["fifo"]) and stops_at(split, paths["zero"])


def test_a_file_larger_than_any_image_is_not_read(split, tmp_path):
    path = str(tmp_path / "large.jpg")
    shutil.copy(split.paths[0], path)
    os.truncate(path, pipeline.MAX_BYTES)
    assert pipeline.first_unreadable([path], AUGMENTATION) is None
    os.truncate(path, pipeline.MAX_BYTES + 1)
    assert reason_of(split, path) == "it is larger than 256 MB"


def test_webp_is_read_or_named(split, tmp_path):
    path = str(tmp_path / "a.webp")
    with open(path, "wb") as file:
        file.write(encoded("WEBP"))
    found = pipeline.first_unreadable([path], AUGMENTATION)
    with open(path, "rb") as file, tf.Graph().as_default(), tf.Session() as session:
        try:
            session.run(tf.image.decode_image(file.read()))
        except tf.errors.OpError:
            assert found[0] == path and "JPEG, PNG" in found[1]
            with pytest.raises(UserError, match="convert it to JPEG or PNG"):
                build.raise_unreadable(None, [path], AUGMENTATION)
        else:
            assert found is None and len(scored(lists.ImageList("", [path], split.labels[:1]))) == 1
