"""From an encoded image to the network's input, decoding no more of it than the crop needs.

Every random draw is keyed by (seed, position of the image in the stream), so the pixels are a pure
function of the step.
"""

from typing import NamedTuple

from utils.tf1 import tf


class Augmentation(NamedTuple):
    """How images become frames, in training and in evaluation.

    Attributes:
      style: str, a key of `STYLES`.
      frame_size: int, F, pixels a side.
      resize_min, resize_max: int, range of the short side in pixels ("img"); evaluation uses
        `resize_min`.
      resize_square: int, side in pixels ("batch").
      flip: bool, flip half of the training images left to right.
      normalisation: str, a key of `NORMALISATIONS`.
    """

    style: str
    frame_size: int
    resize_min: int
    resize_max: int
    resize_square: int
    flip: bool
    normalisation: str


# Name -> (mean, divisor) a channel, of images in [0, 255].
NORMALISATIONS = {
    "inception": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "vgg": ((123.68, 116.78, 103.94), (1.0, 1.0, 1.0)),
    "densenet": ((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)),
}


def normalise(images, name):
    """Subtracts the mean of each channel and divides by its divisor.

    Args:
      images: float32 [..., 3] in [0, 255].
      name: str, a key of `NORMALISATIONS`.

    Returns:
      float32 [..., 3].
    """
    mean, divisor = NORMALISATIONS[name]
    return (images - tf.constant(mean)) / tf.constant(divisor)


class _Plan(NamedTuple):
    """A crop of a resized image: its size [h, w] before the crop, and the crop's top left corner.

    Both are int32 [2]; the resized image itself is never made.
    """

    resized: tf.Tensor
    offset: tf.Tensor


def _uniform_int(unit, count):
    """A uniform integer in [0, count) from a uniform float in [0, 1)."""
    return tf.cast(unit * tf.cast(count, tf.float32), tf.int32)


def _short_side(shape, side):
    """[h, w] with the short side `side` and the long one rounded down, as the release does."""
    return tf.cast(shape, tf.int32) * side // tf.reduce_min(shape)


def _img_train(shape, augmentation, image_draw, batch_draw):
    del batch_draw
    sides = augmentation.resize_max - augmentation.resize_min + 1
    resized = _short_side(shape, augmentation.resize_min + _uniform_int(image_draw[0], sides))
    room = resized - augmentation.frame_size + 1
    return _Plan(resized, _uniform_int(image_draw[1:3], room))


def _img_eval(shape, augmentation):
    return _short_side(shape, augmentation.resize_min)


def _batch_train(shape, augmentation, image_draw, batch_draw):
    del shape, image_draw
    resized = _batch_eval(None, augmentation)
    return _Plan(resized, _uniform_int(batch_draw, resized - augmentation.frame_size + 1))


def _batch_eval(shape, augmentation):
    del shape
    return tf.constant([augmentation.resize_square] * 2, tf.int32)


# Style -> (plan of a training crop, size of the resized image in evaluation).
STYLES = {"img": (_img_train, _img_eval), "batch": (_batch_train, _batch_eval)}


def _resample(source, begin, shape, plan, frame_size):
    """Bilinear samples of the plan's crop from the part `source` of an image.

    Args:
      source: uint8 [h, w, 3], the image from row and column `begin` on, one pixel more than used.
      begin: int32 [2].
      shape: int32 [2], the size of the whole image.
      plan: _Plan.
      frame_size: int, F.

    Returns:
      float32 [F, F, 3], as `resize_bilinear` without corner alignment and then a crop would give.
    """
    # The resize repeats the last row and column where it enlarges; so does this padding.
    source = tf.pad(source, [[0, 1], [0, 1], [0, 0]], "SYMMETRIC")
    last_pixel = tf.cast(tf.shape(source)[:2] - 1, tf.float32)
    scale = tf.cast(shape, tf.float32) / tf.cast(plan.resized, tf.float32)
    first = tf.cast(plan.offset, tf.float32) * scale - tf.cast(begin, tf.float32)
    last = first + (frame_size - 1) * scale
    box = tf.concat([first / last_pixel, last / last_pixel], axis=0)
    return tf.image.crop_and_resize(source[tf.newaxis], [box], [0], [frame_size] * 2)[0]


def _window(shape, plan, frame_size):
    """The part of the image that the crop is made from: int32 begin [2] and size [2].

    It reaches two pixels further than the crop, for the decoder fills colours in between its
    neighbours.
    """
    scale = tf.cast(shape, tf.float32) / tf.cast(plan.resized, tf.float32)
    first = tf.cast(plan.offset, tf.float32) * scale
    begin = tf.maximum(tf.cast(first, tf.int32) - 2, 0)
    end = tf.cast(first + (frame_size - 1) * scale, tf.int32) + 4
    return begin, tf.minimum(end, shape) - begin


def _jpeg_crop(contents, make_plan, frame_size):
    shape = tf.image.extract_jpeg_shape(contents)[:2]
    plan = make_plan(shape)
    begin, size = _window(shape, plan, frame_size)
    window = tf.concat([begin, size], axis=0)
    source = tf.image.decode_and_crop_jpeg(contents, window, channels=3)
    return _resample(source, begin, shape, plan, frame_size)


def _decoded_crop(contents, make_plan, frame_size):
    source = tf.image.decode_image(contents, channels=3, expand_animations=False)
    source.set_shape([None, None, 3])
    shape = tf.shape(source)[:2]
    return _resample(source, tf.zeros([2], tf.int32), shape, make_plan(shape), frame_size)


def _crop(contents, make_plan, frame_size):
    frame = tf.cond(
        tf.image.is_jpeg(contents),
        lambda: _jpeg_crop(contents, make_plan, frame_size),
        lambda: _decoded_crop(contents, make_plan, frame_size),
    )
    frame.set_shape([frame_size, frame_size, 3])
    return frame


def training_frame(contents, augmentation, seed, image_position, batch_position):
    """A random frame of an image.

    Args:
      contents: string [], an encoded JPEG, PNG, BMP or GIF of any colour space.
      augmentation: Augmentation.
      seed: int.
      image_position: int64 [], the image's position in the stream, which keys its own draws.
      batch_position: int64 [], the batch's position, which keys what its images share.

    Returns:
      float32 [F, F, 3], normalised.
    """
    image_draw = tf.random.stateless_uniform([4], seed=tf.stack([seed, image_position]))
    batch_draw = tf.random.stateless_uniform([2], seed=tf.stack([seed, -1 - batch_position]))
    plan, _ = STYLES[augmentation.style]
    frame = _crop(
        contents,
        lambda shape: plan(shape, augmentation, image_draw, batch_draw),
        augmentation.frame_size,
    )
    if augmentation.flip:
        frame = tf.cond(image_draw[3] < 0.5, lambda: frame[:, ::-1], lambda: frame)
    return normalise(frame, augmentation.normalisation)


def evaluation_frame(contents, augmentation):
    """The central frame of an image.

    Args:
      contents: string [], an encoded JPEG, PNG, BMP or GIF of any colour space.
      augmentation: Augmentation.

    Returns:
      float32 [F, F, 3], normalised.
    """
    _, resized_size = STYLES[augmentation.style]

    def central(shape):
        resized = resized_size(shape, augmentation)
        return _Plan(resized, (resized - augmentation.frame_size) // 2)

    frame = _crop(contents, central, augmentation.frame_size)
    return normalise(frame, augmentation.normalisation)
