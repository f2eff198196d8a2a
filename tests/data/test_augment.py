import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from data import augment, image_header
from tests.conftest import built_once
from utils.tf1 import tf

SIZES = ((70, 53), (48, 91), (33, 33), (210, 160))
BASE = augment.Augmentation("img", 32, 40, 60, 48, False, "inception", 10**8)


def picture(size, seed=0):
    """A smooth random picture with an edge or two, so that a shift of a pixel is seen."""
    rng = np.random.RandomState(seed)
    small = Image.fromarray(rng.randint(0, 256, (9, 9, 3)).astype(np.uint8))
    return small.resize(size, Image.BICUBIC)


def encode(image, kind="JPEG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def build_whole():
    contents, resized = tf.placeholder(tf.string, []), tf.placeholder(tf.int32, [2])
    image = tf.image.decode_image(contents, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    whole = tf.image.resize_bilinear(image[tf.newaxis], resized, align_corners=False)[0]
    return [contents, resized], whole


def plain(contents, resized, offset, frame_size):
    """Decodes the whole image, resizes all of it, then crops."""
    top, left = offset
    whole = built_once(build_whole)(contents, resized)
    return whole[top : top + frame_size, left : left + frame_size]


def build_training(augmentation):
    contents, draws = tf.placeholder(tf.string, []), tf.placeholder(tf.float32, [4])
    return [contents, draws], augment.training_frame(contents, augmentation, draws)


def training_frame(contents, augmentation, draws):
    return built_once(build_training, augmentation)(contents, draws)


def build_evaluation(augmentation):
    contents = tf.placeholder(tf.string, [])
    return [contents], augment.evaluation_frame(contents, augmentation)


def evaluation_frame(contents, augmentation):
    return built_once(build_evaluation, augmentation)(contents)


def build_pixels():
    contents = tf.placeholder(tf.string, [])
    return [contents], image_header.pixels_of(contents)


def pixels_of(contents):
    return built_once(build_pixels)(contents)


def undo(frame, name):
    mean, divisor = augment.NORMALISATIONS[name]
    return frame * np.array(divisor) + np.array(mean)


@pytest.mark.parametrize("flip", [False, True])
def test_img_is_decode_resize_crop_under_the_same_draws(flip):
    rng = np.random.RandomState(1)
    flipped = 0
    for number, size in enumerate(SIZES):
        encoded = encode(picture(size, number), quality=90)
        for _ in range(5):
            drawn = rng.rand(4).astype(np.float32)
            side = 40 + int(drawn[0] * 21)
            height, width = (length * side // min(size) for length in size[::-1])
            offset = [int(drawn[1] * (height - 31)), int(drawn[2] * (width - 31))]
            expected = plain(encoded, [height, width], offset, 32)
            if flip and drawn[3] < 0.5:
                expected, flipped = expected[:, ::-1], flipped + 1
            value = training_frame(encoded, BASE._replace(flip=flip), drawn)
            difference = np.abs(undo(value, "inception") - expected)
            assert difference.mean() < 0.01 and difference.max() < 0.5
    assert 0 < flipped < 20 or not flip


BATCH = BASE._replace(style="batch", resize_min=None, resize_max=None)


def test_batch_style_resizes_to_a_square():
    drawn = np.float32([0.9, 0.3, 0.8, 0.9])
    offset = [int(0.3 * 17), int(0.8 * 17)]
    for number, size in enumerate(SIZES):
        contents = encode(picture(size, number), "PNG")
        expected = plain(contents, [48, 48], offset, 32)
        frame = training_frame(contents, BATCH, drawn)
        assert np.abs(undo(frame, "inception") - expected).max() < 0.05


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(30, 100), (100, 30), (47, 49)])
def test_a_square_can_enlarge_one_side_and_shrink_the_other(size, kind):
    contents = encode(picture(size, 3), kind)
    for corner in ([0, 0], [0.999, 0.999], [0.999, 0], [0.4, 0.6]):
        expected = plain(contents, [48, 48], [int(17 * c) for c in corner], 32)
        value = training_frame(contents, BATCH, [0.5, *corner, 0.9])
        difference = np.abs(undo(value, "inception") - expected)
        assert difference.mean() < 0.01 and difference.max() < 0.5


def as_photo(size, orientation, seed):
    """A JPEG with an EXIF orientation, and a PNG of it that Pillow has turned upright."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    contents = encode(picture(size, seed), quality=90, exif=exif)
    with tf.Graph().as_default(), tf.Session() as session:
        stored = Image.fromarray(session.run(tf.image.decode_jpeg(contents)))
    stored.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(stored)
    assert upright.size == (size if orientation < 5 else size[::-1])
    return contents, encode(upright, "PNG"), upright.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright_before_anything_else(orientation):
    drawn = np.float32([0.4, 0.22, 0.87, 0.1])
    for number, size in enumerate([(210, 160), (48, 91), (30, 100)]):
        photo, upright, (width, height) = as_photo(size, orientation, number)
        central, side = ([length * short // min(size) for length in (height, width)]
                         for short in (40, 48))  # fmt: skip
        plans = [(central, [(length - 32) // 2 for length in central])]
        for resized in (side, [48, 48]):
            offset = [int(d * (length - 31)) for d, length in zip(drawn[1:3], resized)]
            plans.append((resized, offset))
        values = [evaluation_frame(photo, BASE)]
        for style in ("img", "batch"):
            values.append(training_frame(photo, BASE._replace(style=style, flip=True), drawn))
        for value, (resized, offset), flip in zip(values, plans, (1, -1, -1)):
            expected = plain(upright, resized, offset, 32)[:, ::flip]
            difference = np.abs(undo(value, "inception") - expected)
            assert difference.mean() < 0.01 and difference.max() < 0.5


def test_an_orientation_in_a_png_is_not_followed():
    exif = Image.Exif()
    exif[0x0112] = 6
    plain_png, turned = (encode(picture((60, 50)), "PNG", **o) for o in ({}, {"exif": exif}))
    assert plain_png != turned
    np.testing.assert_array_equal(*(evaluation_frame(data, BASE) for data in (plain_png, turned)))


def test_every_offset_of_the_crop_is_drawn():
    augmentation = BASE._replace(style="batch", resize_square=34)
    contents = encode(Image.fromarray(np.arange(34 * 34, dtype=np.uint8).reshape(34, 34)), "PNG")
    corners = set()
    for down in (0, 0.34, 0.999999):
        for across in (0, 0.34, 0.999999):
            value = training_frame(contents, augmentation, [0, down, across, 0])
            corners.add(round(float(undo(value, "inception")[0, 0, 0])))
    assert corners == {0, 1, 2, 34, 35, 36, 68, 69, 70}


@pytest.mark.parametrize("style, resized", [("img", (52, 40)), ("batch", (48, 48))])
def test_evaluation_takes_the_centre(style, resized):
    contents = encode(picture((53, 70)), "PNG")
    frame = evaluation_frame(contents, BASE._replace(style=style))
    offset = [(side - 32) // 2 for side in resized]
    expected = plain(contents, list(resized), offset, 32)
    assert frame.shape == (32, 32, 3) and frame.dtype == np.float32
    assert np.abs(undo(frame, "inception") - expected).max() < 0.05


COLOURS = picture((60, 50))
KINDS = {
    "jpeg": encode(COLOURS, quality=95),
    "jpeg without subsampling": encode(COLOURS, quality=95, subsampling=0),
    "progressive jpeg": encode(COLOURS, quality=95, progressive=True),
    "grey jpeg": encode(COLOURS.convert("L"), quality=95),
    "cmyk jpeg": encode(COLOURS.convert("CMYK"), quality=95),
    "png": encode(COLOURS, "PNG"),
    "grey png": encode(COLOURS.convert("L"), "PNG"),
    "png with alpha": encode(COLOURS.convert("RGBA"), "PNG"),
    "grey png with alpha": encode(COLOURS.convert("LA"), "PNG"),
    "palette png": encode(COLOURS.convert("P"), "PNG"),
    "bmp": encode(COLOURS, "BMP"),
    "gif": encode(COLOURS, "GIF"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_becomes_rgb(kind):
    """Against Pillow: decoded whole, resized in floating point, the same central crop."""
    augmentation = BASE._replace(frame_size=36, resize_min=50)
    frame = undo(evaluation_frame(KINDS[kind], augmentation), "inception")
    image = Image.open(io.BytesIO(KINDS[kind])).convert("RGB")
    expected = np.asarray(image, float)[7:43, 12:48]
    # The two JPEG decoders round differently; swapped or inverted colours would differ by far more.
    assert np.abs(frame - expected).mean() < 4


def test_webp_where_tensorflow_reads_it():
    contents = encode(COLOURS, "WEBP", lossless=True)
    augmentation = BASE._replace(frame_size=36, resize_min=50)
    try:
        built_once(build_whole)(contents, (50, 60))
    except tf.errors.InvalidArgumentError:
        pytest.skip("this TensorFlow decodes no WebP")
    frame = undo(evaluation_frame(contents, augmentation), "inception")
    np.testing.assert_allclose(frame, np.asarray(COLOURS, float)[7:43, 12:48], atol=0.01)


HUGE = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 20001, 10000) + bytes(50),
    "gif": b"GIF89a" + struct.pack("<HH", 65535, 4000) + bytes(50),
    "jpeg": b"",
}


@pytest.mark.promise(
    "a small file holds an image that fills the memory", "it is not decoded", "200 megapixels"
)
@pytest.mark.parametrize("kind", HUGE)
def test_an_image_of_too_many_pixels_is_not_decoded(kind):
    contents = HUGE[kind] or encode(Image.new("L", (20001, 10000)))
    assert pixels_of(contents) > BASE.max_pixels
    with pytest.raises(tf.errors.InvalidArgumentError, match="crop window|mpty|decode bytes"):
        evaluation_frame(contents, BASE)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG", "BMP"])
def test_the_pixels_of_a_format_are_counted(kind):
    augmentation = BASE._replace(max_pixels=60 * 50)
    for size in ((60, 50), (61, 50), (60, 51), (700, 3), (3, 700)):
        contents = encode(picture(size), kind)
        assert pixels_of(contents) == size[0] * size[1]
        if size == (60, 50):
            evaluation_frame(contents, augmentation)
        elif min(size) > 3:
            with pytest.raises(tf.errors.InvalidArgumentError):
                evaluation_frame(contents, augmentation)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_the_pixels_of_webp_are_counted(options):
    for size in ((60, 50), (1, 1), (700, 3), (3, 700), (5000, 300)):
        contents = encode(Image.new("RGB", size), "WEBP", **options)
        assert pixels_of(contents) == size[0] * size[1]


def test_a_bmp_may_be_stored_from_top_to_bottom():
    contents = bytearray(encode(picture((60, 50)), "BMP"))
    contents[22:26] = struct.pack("<i", -50)
    assert pixels_of(bytes(contents)) == 3000


def test_other_formats_are_not_counted():
    for contents in (b"", b"hello", b"GIF", b"\x89PNG"):
        assert pixels_of(contents) == 0


@pytest.mark.parametrize("name", augment.NORMALISATIONS)
def test_normalisation_by_hand(name):
    by_hand = {
        "inception": lambda x: x / 127.5 - 1,
        "vgg": lambda x: x - [123.68, 116.78, 103.94],
        "densenet": lambda x: (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    }
    pixels = np.array([[0.0, 100.0, 255.0]])
    with tf.Session() as session:
        value = session.run(augment.normalise(tf.constant(pixels, tf.float32), name))
    np.testing.assert_allclose(value, by_hand[name](pixels), rtol=1e-5)
