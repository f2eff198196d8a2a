"""The learning rate of each step."""

import math

from utils.tf1 import tf


def learning_rate_of(config, step):
    """The learning rate, a pure function of the step.

        linear:  end + (start - end) * (1 - p)
        cosine:  end + (start - end) * (1 + cos(pi * p)) / 2     (Loshchilov & Hutter,
                                                                  arXiv:1608.03983, one cycle)

    with p from 0 to 1 between the warm-up's end and the last step. In the W steps of the warm-up
    (Goyal et al., arXiv:1706.02677) it is start * (step + 1) / (W + 1).

    Args:
      config: Config.
      step: int64 [], steps done before.

    Returns:
      float32 [].
    """
    start, end, warmup = config.learning_rate, config.end_learning_rate, config.warmup_steps
    done, total = step, config.train_iters
    if warmup:
        done, total = tf.maximum(step - warmup, 0), total - warmup
    if config.learning_rate_schedule == "linear":
        rate = tf.train.polynomial_decay(start, done, total, end)
    else:
        part = tf.minimum(tf.cast(done, tf.float32) / total, 1.0)
        rate = end + (start - end) * 0.5 * (1.0 + tf.cos(math.pi * part))
    if warmup:
        rising = start * tf.cast(step + 1, tf.float32) / (warmup + 1)
        rate = tf.where(step < warmup, rising, rate)
    return rate
