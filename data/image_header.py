"""How many pixels an image has, by its header alone and in plain TensorFlow."""

from typing import NamedTuple, Tuple

import numpy as np

from utils.tf1 import tf

_BYTES = 30  # the longest header


class _Number(NamedTuple):
    """A number in a header: its bytes, lowest first; the bits to skip and to keep; what to add."""

    places: Tuple[int, ...]
    skip: int = 0
    keep: int = 32
    add: int = 0


# Mark, its position, width and height. WebP has three kinds of headers.
_HEADERS = (
    (b"\x89PNG", 0, _Number((19, 18, 17, 16)), _Number((23, 22, 21, 20))),
    (b"GIF8", 0, _Number((6, 7)), _Number((8, 9))),
    (b"BM", 0, _Number((18, 19, 20, 21)), _Number((22, 23, 24, 25))),
    (b"VP8 ", 12, _Number((26, 27), keep=14), _Number((28, 29), keep=14)),
    (b"VP8X", 12, _Number((24, 25, 26), add=1), _Number((27, 28, 29), add=1)),
    (b"VP8L", 12, _Number((21, 22, 23, 24), 0, 14, 1), _Number((21, 22, 23, 24), 14, 14, 1)),
)
_NUMBERS = [number for header in _HEADERS for number in header[2:]]
# What each byte adds to a number, int64 [numbers, bytes].
_WEIGHTS = np.array(
    [[256 ** n.places.index(i) if i in n.places else 0 for i in range(_BYTES)] for n in _NUMBERS]
)
_SKIP, _KEEP, _ADD = np.array([number[1:] for number in _NUMBERS]).T


def pixels_of(contents):
    """The number of pixels of an image, float64 [], without decoding it; 0 for unknown formats."""
    return num_pixels(shape_of(contents))


def num_pixels(shape):
    """Height times width, float64 [], of an int32 or float64 [2]."""
    return tf.reduce_prod(tf.cast(shape, tf.float64))


def pixels_in_header(contents):
    """The number of pixels of a PNG, GIF, BMP or WebP, float64 []; 0 for anything else."""
    return num_pixels(_shape_in_header(contents))


def shape_of(contents):
    """Height and width of an image as stored, float64 [2], without decoding it; 0 if unknown."""
    return tf.cond(
        tf.image.is_jpeg(contents),
        lambda: tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.float64),
        lambda: _shape_in_header(contents),
    )


def _shape_in_header(contents):
    head = tf.strings.join([tf.strings.substr(contents, 0, _BYTES), "\0" * _BYTES])
    values = tf.cast(tf.io.decode_raw(head, tf.uint8)[:_BYTES], tf.int64)
    sizes = tf.reduce_sum(values * _WEIGHTS, axis=1) // 2**_SKIP % 2**_KEEP + _ADD
    sizes = tf.minimum(sizes, 2**32 - sizes)  # a BMP's height may be negative
    shapes = tf.reverse(tf.reshape(tf.cast(sizes, tf.float64), [-1, 2]), [1])
    is_kind = tf.stack([_has(head, *header[:2]) for header in _HEADERS])
    return tf.reduce_sum(shapes * tf.cast(is_kind, tf.float64)[:, tf.newaxis], axis=0)


def _has(head, mark, position):
    return tf.equal(tf.strings.substr(head, position, len(mark)), mark)
