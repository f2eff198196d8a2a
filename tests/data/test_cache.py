import errno
import glob
import io
import logging
import os
import threading

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from data import augment, cache, lists, pipeline
from data.augment import Augmentation
from data.cache import Cache
from data.sampling import SAMPLERS
from tests.data.test_orientation import exif
from utils.errors import UserError
from utils.tf1 import tf

AUGMENTATION = Augmentation("img", 96, 128, 192, 160, True, "inception", 200 * 10**6)
BATCH = AUGMENTATION._replace(style="batch")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Seven large photographs in two formats, and a small one."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(7):
        photo = Image.fromarray(load_sample_images().images[i % 2][10 * i :])
        photo.save(str(folder / (f"{i}.png" if i == 6 else f"{i}.jpg")), quality=92)
    Image.fromarray(load_sample_images().images[0][:150, :300]).save(str(folder / "small.jpg"))
    files = sorted(os.listdir(str(folder)))
    return lists.ImageList(str(folder), files, np.arange(8, dtype=np.int32) // 4)


def frames(photos, kept, count=3, augmentation=AUGMENTATION):
    """Training frames, float32 [count * 8, F, F, 3] in [0, 255]."""
    batch_at = SAMPLERS["shuffle"](photos.labels, 8, None, 0)
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = pipeline.training_batches(photos, batch_at, 8, augmentation, 1, 0, cache=kept)
        images, labels = tf.data.make_one_shot_iterator(dataset).get_next()
        assert images.shape.as_list() == [8, 96, 96, 3] and labels.shape.as_list() == [8]
        batches = [session.run(images) for _ in range(count)]
    return np.concatenate(batches) * 127.5 + 127.5


def copies(folder):
    return sorted(glob.glob(os.path.join(str(folder), "*", "*", "*")))


@pytest.mark.parametrize("augmentation", [AUGMENTATION, BATCH])
def test_frames_are_nearly_those_without_a_cache(photos, tmp_path, augmentation):
    difference = np.abs(
        frames(photos, None, augmentation=augmentation)
        - frames(photos, Cache(str(tmp_path), augmentation), augmentation=augmentation)
    )
    means = difference.mean(axis=(1, 2, 3))
    assert 1 < means.mean() < 8  # of 255, in pictures resized without smoothing
    drawn = [SAMPLERS["shuffle"](photos.labels, 8, None, 0)(batch) for batch in range(3)]
    small = np.concatenate(drawn) == photos.files.index("small.jpg")
    assert small.sum() == 3 and (difference[small] == 0).all() and means[~small].min() > 0.2


def test_frames_do_not_depend_on_what_the_folder_holds(photos, tmp_path, monkeypatch):
    first = frames(photos, Cache(str(tmp_path), AUGMENTATION))
    assert len(copies(tmp_path)) == 7
    os.remove(copies(tmp_path)[2])
    partly = frames(photos, Cache(str(tmp_path), AUGMENTATION))
    read = []
    monkeypatch.setattr(Cache, "copy_of", lambda self, contents: read.append(1) or contents)
    again = frames(photos, Cache(str(tmp_path), AUGMENTATION))
    assert read == [1]  # while the graph is built
    np.testing.assert_array_equal(first, partly)
    np.testing.assert_array_equal(first, again)


def test_copies_are_jpegs_of_the_largest_size(photos, tmp_path):
    for augmentation in (AUGMENTATION, BATCH):
        frames(photos, Cache(str(tmp_path), augmentation), 1, augmentation)
    for style, size in (("img192", None), ("batch160", (160, 160))):
        found = glob.glob(str(tmp_path / style / "*" / "*.jpg"))
        assert len(found) == 7
        for path in found:
            with Image.open(path) as image:
                assert image.format == "JPEG" and min(image.size) in (192, 160)
                assert size in (None, image.size)
    assert len(copies(tmp_path)) == 14  # and nothing half written


def test_a_changed_image_gets_a_new_copy(photos, tmp_path):
    path = str(tmp_path / "a.jpg")
    kept = Cache(str(tmp_path / "kept"), AUGMENTATION)

    def mean_of(value, when):
        Image.fromarray(np.full((300, 200, 3), value, np.uint8)).save(path)
        os.utime(path, ns=(when, when))
        one = lists.ImageList(str(tmp_path), ["a.jpg"] * 8, photos.labels)
        return frames(one, kept, 1).mean(), os.path.getsize(path)

    (dark, size), (bright, same_size) = mean_of(20, 10**18), mean_of(220, 10**18 + 1)
    assert size == same_size and abs(dark - 20) < 1 and abs(bright - 220) < 1
    assert kept.size()[0] == 2


def test_a_copy_is_upright(tmp_path):
    stream = io.BytesIO()
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[:150] = 255  # white at the top, as stored
    Image.fromarray(pixels).save(stream, "JPEG")
    contents = stream.getvalue()
    kept = Cache(str(tmp_path), AUGMENTATION)
    with tf.Graph().as_default(), tf.Session() as session:
        given = tf.placeholder(tf.string, [])
        image = augment.decode(kept.copy_of(given))
        for orientation, white in ((1, np.s_[:140]), (3, np.s_[150:]), (6, np.s_[:, 150:])):
            data = contents[:2] + exif(orientation) + contents[2:]
            upright = session.run(image, {given: data})
            assert upright.shape == ((192, 288, 3) if orientation == 6 else (288, 192, 3))
            assert upright[white].mean() > 240 and abs(upright.mean() - 127) < 3


@pytest.mark.parametrize("left", [0, 1, 700])
def test_a_damaged_copy_is_made_again(photos, tmp_path, left):
    kept = Cache(str(tmp_path), AUGMENTATION)
    before = frames(photos, kept)
    for path in copies(tmp_path):
        os.truncate(path, left)
    np.testing.assert_array_equal(frames(photos, kept), before)
    assert all(os.path.getsize(path) > 1000 for path in copies(tmp_path))


def test_a_full_disk_costs_one_warning_and_no_frame(photos, tmp_path, monkeypatch, caplog):
    expected = frames(photos, Cache(str(tmp_path / "whole"), AUGMENTATION))
    kept = Cache(str(tmp_path / "full"), AUGMENTATION)

    def refuse(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", target)

    monkeypatch.setattr(os, "replace", refuse)
    with caplog.at_level(logging.WARNING, "two_head"):
        np.testing.assert_array_equal(frames(photos, kept), expected)
    assert len(caplog.records) == 1 and "No space left on device" in caplog.text
    assert copies(tmp_path / "full") == [] and kept.size() == (0, 0)


def test_a_folder_that_can_not_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--cache .*file can't be written.*leave --cache out"):
        Cache(str(tmp_path / "file"), AUGMENTATION)


def test_readers_see_copies_whole(tmp_path):
    path, contents = str(tmp_path / "ab" / "a.jpg"), [bytes([i]) * 50000 for i in range(4)]
    seen = set()

    def work(mine):
        for _ in range(50):
            cache._write(path, mine)
            with open(path, "rb") as file:
                seen.add(file.read())

    threads = [threading.Thread(target=work, args=[mine]) for mine in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen <= set(contents) and os.listdir(str(tmp_path / "ab")) == ["a.jpg"]


def test_the_estimate_is_near_the_truth(photos, tmp_path):
    many = lists.ImageList(photos.folder, photos.files * 4, np.tile(photos.labels, 4))
    kept = Cache(str(tmp_path), AUGMENTATION)
    text = kept.estimate(many)
    assert copies(tmp_path) == []
    assert text.startswith(f"--cache {tmp_path}: about 88% of 32 images are larger than 192")
    frames(photos, kept, 1)
    number, size = kept.size()
    estimated = float(text.split("about ")[2].split(" MB")[0])
    assert number == 7 and estimated == pytest.approx(4 * size / 1e6, abs=1)
    assert "ms instead of" in text and text.count("ms") == 3
    small = lists.ImageList(photos.folder, ["small.jpg"], photos.labels[:1])
    assert kept.estimate(small).endswith("0% of 1 images are larger than 192 pixels")
    broken = lists.ImageList(str(tmp_path), ["none.jpg"], photos.labels[:1])
    assert "0% of 1 images" in kept.estimate(broken)
