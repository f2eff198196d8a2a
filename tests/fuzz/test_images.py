"""Damaged image files through the training pipeline, the check of data sets and the pages."""

import io

import numpy as np
import pytest
from PIL import Image

from data import augment, pipeline
from datasets_lists import images
from evaluation.report.images import Thumbnails
from inference import output
from tests.fuzz.mutate import every_count, mutated, write
from utils.errors import reason_of
from utils.tf1 import tf

AUGMENTATION = augment.Augmentation("img", 24, 28, 40, 32, True, "inception", 10**6)
PIXELS = np.random.RandomState(0).randint(0, 256, (6, 8, 3)).astype(np.uint8)
PHOTO = Image.fromarray(PIXELS).resize((48, 36), Image.BICUBIC)


def encoded(kind, **options):
    stored = io.BytesIO()
    PHOTO.save(stored, kind, **options)
    return stored.getvalue()


EXIF = Image.Exif()
EXIF[0x0112] = 6
WHOLE = {
    "a.jpg": encoded("JPEG", exif=EXIF.tobytes()),
    "b.jpg": encoded("JPEG", progressive=True),
    "c.png": encoded("PNG"),
    "d.gif": encoded("GIF"),
    "e.webp": encoded("WEBP"),
    "f.webp": encoded("WEBP", lossless=True),
    "g.bmp": encoded("BMP"),
}


@pytest.mark.promise(
    "damaged JPEG, PNG, GIF, WebP and BMP files",
    "a frame, or a reason that is named",
    "300; 10,000 with -m slow",
)
@every_count
def test_images(tmp_path, count):
    unread = {}
    with tf.Graph().as_default(), tf.Session() as session:
        contents = tf.placeholder(tf.string, [])
        draws = tf.constant([0.4, 0.2, 0.9, 0.1])
        frames = [
            augment.training_frame(contents, AUGMENTATION, draws),
            augment.evaluation_frame(contents, AUGMENTATION),
        ]
        for seed in range(count):
            name = sorted(WHOLE)[seed % len(WHOLE)]
            path = write(tmp_path / name, mutated(WHOLE[name], seed))
            with open(path, "rb") as file:
                data = file.read()
            try:
                for frame in session.run(frames, {contents: data}):
                    assert frame.shape == (24, 24, 3) and np.isfinite(frame).all(), seed
            except tf.errors.OpError as error:
                assert len(reason_of(error).splitlines()) == 1, seed
                unread[name] = data
            found = images.examine(path, 1)
            assert all(len(detail.splitlines()) == 1 for _, detail in found.problems), seed
            for uri in (output.thumbnail(path, 20, 1), Thumbnails(1, 20).of(path)):
                assert uri is None or uri.startswith("data:image/jpeg;base64,"), seed
    assert len(unread) >= len(WHOLE) - 1
    for name, data in unread.items():  # each is named when a run stops at it
        path = write(tmp_path / name, data)
        assert pipeline.first_unreadable([path], AUGMENTATION)[0] == path
