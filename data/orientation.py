"""Reads the EXIF orientation of a JPEG and turns the photo upright.

It uses only TensorFlow ops, so that exported graphs include it, and few of them, as each takes time
for every image.
"""

from typing import NamedTuple

from utils.tf1 import tf

# EXIF data hold a TIFF header in either byte order, followed by a directory of 12-byte entries
# sorted by tag. The entry of an orientation of 2 to 8 has tag 0x112, type 3 and count 1.
_ENTRY = r"(?s)^\C*?Exif\x00\x00(?:{}|{})\C*$".format(
    r"II\*\x00\x08\x00\x00\x00\C\C(?:\C[\x00\x01]\C{10})*?"
    r"\x12\x01\x03\x00\x01\x00\x00\x00([\x02-\x08])\x00",
    r"MM\x00\*\x00\x00\x00\x08\C\C(?:[\x00\x01]\C{11})*?"
    r"\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x02-\x08])",
)
_SEARCHED_BYTES = 8192  # cameras write the EXIF data first
# Orientation -> the stored image's axes in upright order, and which of these run backwards.
# There is no orientation 0.
_SAME, _SWAPPED = [0, 1, 2], [1, 0, 2]
_AXES = [_SAME] * 5 + [_SWAPPED] * 4
_BACKWARDS = [[o in (3, 4, 7, 8), o in (2, 3, 6, 7), False] for o in range(9)]


class Turn(NamedTuple):
    """How to turn a stored image upright.

    Attributes:
      is_needed: bool [].
      axes: int32 [3], the stored axis of each upright axis.
      backwards: bool [3], which upright axes run backwards in the stored image.
    """

    is_needed: tf.Tensor
    axes: tf.Tensor
    backwards: tf.Tensor


def turn_of(contents):
    """Reads the orientation of a JPEG.

    Args:
      contents: string [], an encoded JPEG, of which the first 8 KB are searched.

    Returns:
      Turn; not needed without a valid EXIF orientation.
    """
    head = tf.strings.substr(contents, 0, _SEARCHED_BYTES)
    found = tf.strings.regex_replace(head, _ENTRY, r"\1\2", replace_global=False)
    is_needed = tf.equal(tf.strings.length(found), 1)
    first = tf.io.decode_raw(tf.strings.substr(found, 0, 1), tf.uint8)
    orientation = tf.where(is_needed, tf.cast(first[0], tf.int32), 1)
    return Turn(is_needed, tf.gather(_AXES, orientation), tf.gather(_BACKWARDS, orientation))


def stored_window(begin, size, shape, turn):
    """Maps a window of the upright image to the stored image.

    Args:
      begin: int32 [2], the window's first row and column in the upright image.
      size: int32 [2], its height and width there.
      shape: int32 [2], of the upright image.
      turn: Turn.

    Returns:
      int32 [4], first row, first column, height and width in the stored image.
    """
    begin = tf.where(turn.backwards[:2], shape - begin - size, begin)
    return tf.concat([tf.gather(part, turn.axes[:2]) for part in (begin, size)], axis=0)


def upright(pixels, turn):
    """Turns an image, or a window of it, upright.

    Args:
      pixels: uint8 [h, w, 3], as stored.
      turn: Turn.

    Returns:
      uint8 [h, w, 3], or [w, h, 3].
    """

    def turned():
        transposed = tf.transpose(pixels, turn.axes)
        return tf.raw_ops.Reverse(tensor=transposed, dims=turn.backwards)

    return tf.cond(turn.is_needed, turned, lambda: pixels)
