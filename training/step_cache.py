"""What a ranking loss over all batches of a step needs: images and embeddings."""

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
        kept = [
            _local_variable(name, values.shape.as_list(), values.dtype)
            for name, values in (("step_images", images), ("step_labels", labels))
        ]
        self.load = tf.group(kept[0].assign(images), kept[1].assign(labels))
        self.images, self.labels = (tf.gather(variable, part) for variable in kept)

    def embed(self, rows):
        """Keeps the rows of one batch.

        Args:
          rows: dict from name to tensor [N * b, ...].

        Returns:
          The op, and dict from name to tensor [M * N * b, ...], the rows of all batches once they
          are kept.
        """
        ops, whole = [], {}
        for name, values in rows.items():
            shape = values.shape.as_list()
            kept = _local_variable(f"all_{name}", [self._num_batches] + shape, values.dtype)
            ops.append(kept.assign(tf.tensor_scatter_nd_update(kept, [[self._part]], [values])))
            whole[name] = tf.reshape(kept, [-1] + shape[1:])
        return tf.group(*ops), whole


def _local_variable(name, shape, dtype):
    """A variable of this replica alone that is not saved."""
    return tf.get_variable(
        name,
        shape,
        dtype,
        initializer=tf.zeros_initializer(),
        trainable=False,
        collections=[tf.GraphKeys.LOCAL_VARIABLES],
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
