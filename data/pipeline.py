"""The tf.data pipelines: batches of (images, labels) for training and for evaluation."""

import numpy as np

from data import augment
from data.sampling import uniform
from utils.tf1 import tf


def _parallel(parallel_calls):
    return parallel_calls or tf.data.experimental.AUTOTUNE


def training_batches(
    paths, labels, batch_at, batch_size, augmentation, seed, first_batch, parallel_calls=0
):
    """An endless stream of training batches, each a function of its position alone.

    Args:
      paths: list of N str.
      labels: int32 [N].
      batch_at: function from a batch's position to int64 [B] list positions, see `data.sampling`.
      batch_size: int, B.
      augmentation: data.augment.Augmentation.
      seed: int.
      first_batch: int64 [] tensor or int, position of the first batch.
      parallel_calls: int, images decoded in parallel; 0 lets tf.data choose.

    Returns:
      tf.data.Dataset of float32 [B, F, F, 3] and int32 [B].
    """
    paths = np.array(paths, dtype=object)

    def draw(batch):
        chosen = batch_at(batch)
        draws = frame_draws(augmentation.style, batch_size, seed, batch)
        return paths[chosen], labels[chosen].astype(np.int32), draws

    def draw_batch(batch):
        columns = tf.numpy_function(draw, [batch], [tf.string, tf.int32, tf.float32])
        for column, width in zip(columns, ([], [], [len(augment.DRAWS)])):
            column.set_shape([batch_size] + width)
        return tuple(columns)

    def load(path, label, draws):
        return augment.training_frame(tf.io.read_file(path), augmentation, draws), label

    batches = tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max)
    examples = batches.map(draw_batch).unbatch()
    frames = examples.map(load, num_parallel_calls=_parallel(parallel_calls))
    return frames.batch(batch_size, drop_remainder=True).prefetch(2)


def frame_draws(style, batch_size, seed, batch):
    """The random draws of a batch, keyed by the position of each image in the stream.

    Args:
      style: str, a key of `augment.STYLES`.
      batch_size: int, B.
      seed: int.
      batch: int, the batch's position.

    Returns:
      float32 [B, 4], uniform in [0, 1), see `augment.DRAWS`.
    """
    positions = int(batch) * batch_size + np.arange(batch_size)
    columns = []
    for number, name in enumerate(augment.DRAWS):
        shared = name in augment.SHARED_DRAWS[style]
        key = np.full(batch_size, int(batch)) if shared else positions
        columns.append(uniform(seed, 2, shared, number, key))
    return np.stack(columns, axis=1)


def evaluation_batches(paths, labels, batch_size, augmentation, parallel_calls=0):
    """Each image once, in list order; the last batch may be smaller.

    Args:
      paths: list of N str.
      labels: int32 [N].
      batch_size: int, B.
      augmentation: data.augment.Augmentation.
      parallel_calls: int, images decoded in parallel; 0 lets tf.data choose.

    Returns:
      tf.data.Dataset of float32 [<= B, F, F, 3] and int32 [<= B].
    """

    def load(path, label):
        return augment.evaluation_frame(tf.io.read_file(path), augmentation), label

    examples = tf.data.Dataset.from_tensor_slices((list(paths), labels))
    frames = examples.map(load, num_parallel_calls=_parallel(parallel_calls))
    return frames.batch(batch_size).prefetch(2)


def first_unreadable(paths):
    """The first image that can't be decoded.

    Args:
      paths: iterable of str.

    Returns:
      (path, reason) or None.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        path = tf.placeholder(tf.string, [])
        image = tf.image.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        for name in paths:
            try:
                session.run(image, {path: name})
            except tf.errors.OpError as error:
                return name, error.message.splitlines()[0]
    return None
