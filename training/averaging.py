"""Exponential moving averages of a network's weights and batch-normalisation statistics."""

import contextlib

from utils.checkpoints import AVERAGE
from utils.tf1 import tf

# TensorFlow's: the average of n steps has a decay of at most n / (n + 9), so that it forgets the
# start even in a short run.
_RAMP = 9.0
_COUNT = "averaged_steps"


def create_averages():
    """Creates the averages of weights and moving statistics; called for each replica.

    Those of a loss, such as proxies, have none. Every replica keeps averages of its own, of its own
    images in the case of statistics.
    """
    for variable in tf.model_variables():
        _variable(_name_of(variable), variable.shape)
    _variable(_COUNT, [])


def update_averages(decay):
    """The op that takes the present values in (Polyak & Juditsky, 1992; arXiv:1512.00567).

        average <- d * average + (1 - d) * value,   d = min(decay, n / (n + 9))

    with n the number of updates before, so that the first one copies the values.

    Args:
      decay: float.

    Returns:
      tf.Operation.
    """
    with tf.variable_scope(tf.get_variable_scope(), reuse=True):
        count = tf.get_variable(_COUNT, [])
        number = count.read_value()
        kept = tf.minimum(decay, number / (number + _RAMP))
        updates = []
        for variable in tf.model_variables():
            average = tf.get_variable(_name_of(variable), variable.shape)
            mean = kept * average.read_value() + (1.0 - kept) * variable.read_value()
            updates.append(average.assign(mean))
    with tf.control_dependencies(updates):
        return tf.group(count.assign(number + 1.0))


@contextlib.contextmanager
def averaged_variables():
    """A context in which a tower that reuses the variables of another reads their averages."""

    def average_of(getter, name, *args, **kwargs):
        return getter(f"{name}/{AVERAGE}", *args, **kwargs)

    with tf.variable_scope(tf.get_variable_scope(), custom_getter=average_of):
        yield


def _name_of(variable):
    return f"{variable.name[: -len(':0')]}/{AVERAGE}"


def _variable(name, shape):
    return tf.get_variable(
        name,
        shape,
        initializer=tf.zeros_initializer(),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.MEAN,
    )
