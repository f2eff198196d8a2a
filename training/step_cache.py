"""What a ranking loss over all replicas and batches of a step needs: images and embeddings."""

from losses.mining import Step
from utils.tf1 import tf


class StepCache:
    """Keeps the batches of a step for a second pass, and the embeddings of the first one.

    Attributes:
      load: op that takes in the images and labels of the step.
      images: float32 [b, F, F, 3], one of its batches.
      labels: int32 [b].
    """

    def __init__(self, images, labels, part, num_batches):
        """Takes a replica's share of a step, [M * b, F, F, 3] and [M * b].

        Args:
          images: float32 [M * b, F, F, 3].
          labels: int32 [M * b].
          part: int32 [] tensor, index of the batch to use.
          num_batches: int, M.
        """
        self._part, self._num_batches = part, num_batches
        images, labels = (
            tf.reshape(values, [num_batches, -1] + values.shape.as_list()[1:])
            for values in (images, labels)
        )
        kept = [_local_variable("step_images", images), _local_variable("step_labels", labels)]
        self.load = tf.group(kept[0].assign(images), kept[1].assign(labels))
        self.images, self.labels = (tf.gather(variable, part) for variable in kept)

    def embed(self, rows):
        """Keeps the rows of one batch.

        Args:
          rows: float32 [N * b, D + 1], see `rows_of`.

        Returns:
          The op, and float32 [M * N * b, D + 1], the rows of all batches when they are kept.
        """
        empty = tf.zeros([self._num_batches] + rows.shape.as_list())
        kept = _local_variable("step_embeddings", empty)
        chosen = tf.one_hot(self._part, self._num_batches)[:, tf.newaxis, tf.newaxis] > 0
        everywhere = tf.zeros_like(empty) + rows
        chosen = tf.logical_and(chosen, tf.ones_like(empty, tf.bool))
        op = tf.group(kept.assign(tf.where(chosen, everywhere, kept)))
        return op, tf.reshape(kept, [-1, rows.shape.as_list()[1]])


def _local_variable(name, values):
    """A variable of this replica alone that is not saved, of the shape of `values`."""
    return tf.get_variable(
        name,
        values.shape.as_list(),
        values.dtype,
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def rows_of(embeddings, labels):
    """Embeddings without a gradient and labels side by side, float32 [B, D + 1]."""
    column = tf.cast(labels, tf.float32)[:, tf.newaxis]  # exact for 2**24 classes
    return tf.concat([tf.stop_gradient(embeddings), column], axis=1)


def step_of(rows, first, num_parts):
    """The losses.mining.Step of such rows."""
    labels = tf.cast(tf.round(rows[:, -1]), tf.int32)
    return Step(labels, tf.stop_gradient(rows[:, :-1]), first, num_parts)
