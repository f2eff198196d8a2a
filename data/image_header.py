"""How many pixels an image has, by its header alone and in plain TensorFlow."""

from utils.tf1 import tf

# What each of the first 24 bytes adds to width and height, for PNG and then for GIF.
_SIZE_BYTES = (
    [0] * 16 + [2**24, 2**16, 2**8, 1] + [0] * 4,
    [0] * 20 + [2**24, 2**16, 2**8, 1],
    [0] * 6 + [1, 2**8] + [0] * 16,
    [0] * 8 + [1, 2**8] + [0] * 14,
)


def pixels_of(contents):
    """The number of pixels of an image, float32 [], without decoding it; see `shape_of`."""
    return tf.reduce_prod(shape_of(contents))


def shape_of(contents):
    """Height and width of an image as stored, float32 [2], without decoding it.

    It is 0 for formats other than JPEG, PNG and GIF, as these can't hide millions of pixels in a
    small file.
    """
    return tf.cond(
        tf.image.is_jpeg(contents),
        lambda: tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.float32),
        lambda: shape_in_header(contents),
    )


def shape_in_header(contents):
    """Height and width of a PNG or GIF, float32 [2]; 0 for anything else."""
    head = tf.strings.join([tf.strings.substr(contents, 0, 24), "\0" * 24])
    values = tf.cast(tf.io.decode_raw(head, tf.uint8)[:24], tf.float32)
    sizes = tf.reshape(tf.reduce_sum(values * _SIZE_BYTES, axis=1), [2, 2])
    first = tf.strings.substr(head, 0, 4)
    is_kind = tf.cast(tf.stack([tf.equal(first, b"\x89PNG"), tf.equal(first, b"GIF8")]), tf.float32)
    return tf.reduce_sum(sizes * is_kind[:, tf.newaxis], axis=0)[::-1]
