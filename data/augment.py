"""From an encoded image to the network's input, decoding no more of it than the crop needs.

Random draws are passed in, so the pixels are a pure function of the arguments.
"""

from typing import NamedTuple

from data import image_header, orientation
from utils.tf1 import tf


class Augmentation(NamedTuple):
    """How images become frames, in training and in evaluation.

    Attributes:
      style: str, a key of `STYLES`.
      frame_size: int, F, pixels per side.
      resize_min, resize_max: int, range of the short side in pixels ("img"); evaluation uses
        `resize_min`.
      resize_square: int, side in pixels ("batch").
      flip: bool, flip half of the training images left to right.
      normalisation: str, a key of `NORMALISATIONS`.
      max_pixels: int, of an image; a small file can hold one that fills the memory.
    """

    style: str
    frame_size: int
    resize_min: int
    resize_max: int
    resize_square: int
    flip: bool
    normalisation: str
    max_pixels: int


# Name -> (mean, divisor) per channel, for images in [0, 255].
NORMALISATIONS = {
    "inception": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5)),
    "vgg": ((123.68, 116.78, 103.94), (1.0, 1.0, 1.0)),
    "densenet": ((0.485 * 255, 0.456 * 255, 0.406 * 255), (0.229 * 255, 0.224 * 255, 0.225 * 255)),
}


def normalise(images, name):
    """Subtracts the mean of each channel and divides by its divisor.

    Args:
      images: float32 [..., W, 3] in [0, 255], with static W.
      name: str, a key of `NORMALISATIONS`.

    Returns:
      float32 [..., W, 3].
    """
    # Constants for a whole row: broadcasting three numbers takes TensorFlow four times as long.
    width = images.shape.as_list()[-2]
    mean, divisor = (tf.constant([row] * width, tf.float32) for row in NORMALISATIONS[name])
    return (images - mean) / divisor


class _Plan(NamedTuple):
    """A crop of a resized image that is never built in full.

    Attributes:
      scale: float32 [2], image pixels per pixel of the resized image, down and across.
      first: float32 [2], position of the crop's first row and column in the image.
      flipped: bool [], whether the crop is mirrored left to right.
    """

    scale: tf.Tensor
    first: tf.Tensor
    flipped: tf.Tensor


def _uniform_int(draw, count):
    """A uniform integer in [0, count) from a uniform float in [0, 1)."""
    return tf.cast(draw * tf.cast(count, tf.float32), tf.int32)


def _short_side_size(shape, augmentation, draw):
    """Draws the short side uniformly; the long one is rounded down as in the first release."""
    count = augmentation.resize_max - augmentation.resize_min + 1
    return shape * (augmentation.resize_min + _uniform_int(draw, count)) // tf.reduce_min(shape)


def _square_size(shape, augmentation, draw):
    del shape, draw
    return tf.constant([augmentation.resize_square] * 2)


# Style -> size [h, w] of the resized image, from its own size and a draw.
STYLES = {"img": _short_side_size, "batch": _square_size}
# The draws of a training frame, each uniform in [0, 1), and those that the images of a batch share
# in "batch" style.
DRAWS = ("side", "top", "left", "flip")
SHARED_DRAWS = {"img": (), "batch": ("top", "left")}


def _window(shape, plan, frame_size):
    """The part of the image that the crop is made from: int32 begin [2] and size [2].

    It extends two pixels beyond the crop, because the decoder interpolates colours between
    neighbours.
    """
    begin = tf.maximum(tf.cast(plan.first, tf.int32) - 2, 0)
    end = tf.cast(plan.first + (frame_size - 1) * plan.scale, tf.int32) + 4
    return begin, tf.minimum(end, shape) - begin


def _repeat_last(source):
    """Adds the last row and column once more, uint8 [h, w, 3] -> [h + 1, w + 1, 3]."""
    source = tf.concat([source, source[-1:]], axis=0)
    return tf.concat([source, source[:, -1:]], axis=1)


def _resample(source, begin, plan, frame_size):
    """Bilinear samples of the plan's crop from the part `source` of an image.

    Args:
      source: uint8 [h, w, 3], the image from row and column `begin` on.
      begin: float32 [2].
      plan: _Plan.
      frame_size: int, F.

    Returns:
      float32 [F, F, 3], as `resize_bilinear` without corner alignment, a crop and a flip would
      give.
    """
    # An enlarging resize reads one pixel past the end, which repeats the last one.
    enlarges = tf.reduce_min(plan.scale) < 1.0
    source = tf.cond(enlarges, lambda: _repeat_last(source), lambda: source)
    last_pixel = tf.cast(tf.shape(source)[:2] - 1, tf.float32)
    first = (plan.first - begin) / last_pixel
    last = first + (frame_size - 1) * plan.scale / last_pixel
    # A mirrored frame is sampled from right to left, at no cost.
    across = tf.where(plan.flipped, [last[1], first[1]], [first[1], last[1]])
    box = [[first[0], across[0], last[0], across[1]]]
    return tf.image.crop_and_resize(source[tf.newaxis], box, [0], [frame_size] * 2)[0]


def _jpeg_crop(contents, make_plan, frame_size, max_pixels):
    turn = orientation.turn_of(contents)
    stored = tf.image.extract_jpeg_shape(contents)[:2]
    shape = tf.gather(stored, turn.axes[:2])
    plan = make_plan(shape)
    begin, size = _window(shape, plan, frame_size)
    window = orientation.stored_window(begin, size, shape, turn)
    # An empty window is an error.
    window = tf.where(image_header.num_pixels(stored) <= max_pixels, window, tf.zeros_like(window))
    source = tf.image.decode_and_crop_jpeg(contents, window, channels=3)
    source = orientation.upright(source, turn)
    return _resample(source, tf.cast(begin, tf.float32), plan, frame_size)


def _decoded_crop(contents, make_plan, frame_size, max_pixels):
    # An empty string is an error.
    contents = tf.where(image_header.pixels_in_header(contents) <= max_pixels, contents, "")
    source = decode(contents)
    return _resample(source, [0.0, 0.0], make_plan(tf.shape(source)[:2]), frame_size)


def decode(contents):
    """Decodes a whole image as stored.

    Args:
      contents: string [], an encoded JPEG, PNG, BMP or GIF of any colour space; TensorFlow 2
        decodes WebP too.

    Returns:
      uint8 [h, w, 3].
    """
    image = tf.image.decode_image(contents, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    return image


def _frame(contents, augmentation, side_draw, offset_in, flipped):
    """Crops a frame.

    Args:
      contents: string [].
      augmentation: Augmentation.
      side_draw: float32 [], the draw for the short side.
      offset_in: function from the range of offsets, int32 [2], to the crop's top left corner.
      flipped: bool [].

    Returns:
      float32 [F, F, 3], normalised.
    """
    frame_size = augmentation.frame_size

    def make_plan(shape):
        resized = STYLES[augmentation.style](shape, augmentation, side_draw)
        scale = tf.cast(shape, tf.float32) / tf.cast(resized, tf.float32)
        offset = tf.cast(offset_in(resized - frame_size), tf.float32)
        return _Plan(scale, offset * scale, flipped)

    arguments = (contents, make_plan, frame_size, augmentation.max_pixels)
    frame = tf.cond(
        tf.image.is_jpeg(contents),
        lambda: _jpeg_crop(*arguments),
        lambda: _decoded_crop(*arguments),
    )
    frame.set_shape([frame_size, frame_size, 3])
    return normalise(frame, augmentation.normalisation)


def training_frame(contents, augmentation, draws):
    """A random frame of an image, the right way up.

    Args:
      contents: string [], an encoded image, see `decode`.
      augmentation: Augmentation.
      draws: float32 [4], uniform in [0, 1), see `DRAWS`.

    Returns:
      float32 [F, F, 3], normalised.
    """
    flipped = draws[3] < 0.5 if augmentation.flip else tf.constant(False)
    corner = draws[1:3]
    return _frame(
        contents, augmentation, draws[0], lambda room: _uniform_int(corner, room + 1), flipped
    )


def evaluation_frame(contents, augmentation):
    """The central frame of an image the right way up, in "img" style at the smallest short side.

    Args:
      contents: string [], an encoded image, see `decode`.
      augmentation: Augmentation.

    Returns:
      float32 [F, F, 3], normalised.
    """
    return _frame(contents, augmentation, 0.0, lambda room: room // 2, tf.constant(False))
