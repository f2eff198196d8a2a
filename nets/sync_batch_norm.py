"""Batch normalisation whose statistics are those of all replicas' images together."""

import contextlib
import types
from unittest import mock

from utils.tf1 import slim, tf


@contextlib.contextmanager
def shared_statistics(is_shared):
    """A context in which slim's batch normalisation shares its statistics between replicas.

    Args:
      is_shared: bool; False changes nothing. True is for training towers inside the replicas of a
        tf.distribute strategy, each with the same number of images.
    """
    if not is_shared:
        yield
        return

    class Shared(slim.layers.normalization_layers.BatchNormalization):
        """Averages mean and mean square over replicas, as their images count alike."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **dict(kwargs, fused=False))

        def _moments(self, inputs, reduction_axes, keep_dims, mask=None):
            del mask
            mean, variance = tf.nn.moments(inputs, reduction_axes, keep_dims=keep_dims)
            moments = tf.stack([mean, variance + tf.square(mean)])
            mean, mean_square = tf.unstack(_mean_over_replicas(moments))
            return mean, mean_square - tf.square(mean)

    layers = types.SimpleNamespace(BatchNormalization=Shared)
    with mock.patch.object(slim.layers, "normalization_layers", layers):
        yield


@tf.custom_gradient
def _mean_over_replicas(values):
    """The mean of each replica's values; its gradient is the mean of each replica's gradient."""

    def mean(numbers):
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, tf.stop_gradient(numbers))

    return mean(values), mean
