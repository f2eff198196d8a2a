"""Momentum SGD as a run configures it."""

from config.losses import LOSSES, modes_of
from config.networks import NETWORKS
from nets.heads import SCOPE as EMBEDDING_SCOPE
from training.averaging import update_averages
from training.schedule import learning_rate_of
from utils.tf1 import tf

MOMENTUM = 0.9


def build_optimizer(config, global_step):
    """Momentum SGD with a learning rate that falls, and with averages of the weights if configured.

    Mixed precision scales the loss, so that float16 can hold its gradients. A step with an infinite
    gradient leaves the weights as they are and halves the scale; 2,000 finite ones double it.

    Returns:
      tf.train.Optimizer, and its learning rate, float32 [].
    """
    learning_rate = learning_rate_of(config, global_step)
    optimizer = _Momentum(config, learning_rate)
    if config.precision == "mixed":
        mixed = tf.train.experimental
        optimizer = mixed.MixedPrecisionLossScaleOptimizer(optimizer, mixed.DynamicLossScale())
    return optimizer, learning_rate


class _Momentum(tf.train.MomentumOptimizer):
    """Momentum SGD with learning rates by variable; under it, a factor of rate or gradient is one.

    The variables it keeps have the names of its base class.
    """

    def __init__(self, config, learning_rate):
        super().__init__(learning_rate, MOMENTUM)
        self._config = config

    def compute_gradients(self, *args, **kwargs):
        """As the base class, times `learning_rate_factors`."""
        gradients, variables = zip(*super().compute_gradients(*args, **kwargs))
        factors = learning_rate_factors(self._config, variables)
        scaled = [g if g is None or f == 1.0 else f * g for f, g in zip(factors, gradients)]
        return list(zip(scaled, variables))

    def apply_gradients(self, *args, **kwargs):
        """As the base class; then updates the averages, which `create_averages` has made."""
        applied = super().apply_gradients(*args, **kwargs)
        if not self._config.ema_decay:
            return applied
        with tf.control_dependencies([applied]):
            return update_averages(self._config.ema_decay)


def learning_rate_factors(config, variables):
    """What multiplies the learning rate of each variable, by its name or the scope it is in.

    Args:
      config: Config.
      variables: sequence of tf.Variable.

    Returns:
      list of float: of the heads `head_learning_rate`, of a variable in the loss's `rates` that
      setting's value, of all others 1.
    """
    heads = NETWORKS[config.net].head_scopes + (EMBEDDING_SCOPE,)
    factors = {scope: config.head_learning_rate for scope in heads}
    for mode in modes_of(config.train_mode):
        rates = LOSSES[mode].rates
        factors.update((name, getattr(config, key)) for name, key in rates.items())
    names = [v.name.replace(":0", "/") for v in variables]
    return [
        next((f for scope, f in factors.items() if name.startswith(f"{scope}/")), 1.0)
        for name in names
    ]
