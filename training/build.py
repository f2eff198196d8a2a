"""Builds the parts of a graph from a Config: input, tower, objective, optimiser.

Each part has its own function; none of them opens a session.
"""

from config.losses import LOSSES
from config.networks import NETWORKS
from data import pipeline
from data.augment import Augmentation
from data.sampling import SAMPLERS
from losses.objective import cross_entropy, l2_penalty, objective
from nets.factory import network_fn
from nets.two_head import two_head
from utils.errors import UserError
from utils.tf1 import tf

MOMENTUM = 0.9


def augmentation_of(config):
    """The data.augment.Augmentation of a run."""
    return Augmentation(
        style=config.aug_style,
        frame_size=config.frame_size,
        resize_min=config.resize_min,
        resize_max=config.resize_max,
        resize_square=config.resize_square,
        flip=config.flip,
        normalisation=NETWORKS[config.net].preprocessing,
    )


def sampler_of(config, labels):
    """The run's function from the index of a batch to int64 [B] list positions."""
    sampler = SAMPLERS[config.sampler]
    return sampler(labels, config.batch_size, config.images_per_class, config.seed)


def train_input(config, image_list, first_batch):
    """The endless stream of training batches.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      first_batch: int64 [] tensor or int, position of the first batch.

    Returns:
      tf.data.Dataset of float32 [B, F, F, 3] and int32 [B].
    """
    return pipeline.training_batches(
        image_list,
        sampler_of(config, image_list.labels),
        config.batch_size,
        augmentation_of(config),
        config.seed,
        first_batch,
        config.parallel_calls,
    )


def eval_input(config, image_list, batch_size=None):
    """Each image of a split once, in list order.

    Args:
      config: Config.
      image_list: data.lists.ImageList.
      batch_size: int, default the run's.

    Returns:
      tf.data.Dataset of float32 [<= B, F, F, 3] and int32 [<= B].
    """
    return pipeline.evaluation_batches(
        image_list, batch_size or config.batch_size, augmentation_of(config), config.parallel_calls
    )


def build_tower(config, images, num_classes, is_training, reuse=None):
    """One tower of a run's network, see `nets.two_head.two_head`.

    Raises:
      UserError: the network has no feature map of the configured name.
    """
    try:
        return two_head(
            images,
            network_fn(config.net, config.bn_decay, config.depth_multiplier),
            num_classes,
            is_training and not config.freeze_bn,
            pooled=NETWORKS[config.net].pooled,
            feature_map=config.feature_map,
            emb_dim=config.emb_dim,
            reuse=reuse,
        )
    except KeyError as error:
        raise UserError(f"--feature_map {config.feature_map}: {error.args[0]}") from None


def build_objective(config, labels, tower):
    """The objective of a training step, with auxiliary loss and weight decay if configured.

    Args:
      config: Config.
      labels: int32 [B].
      tower: nets.two_head.TwoHead.

    Returns:
      losses.objective.Objective.
    """
    loss = LOSSES[config.train_mode]
    settings = {name: getattr(config, key) for name, key in loss.settings.items()}
    if loss.per_class:
        settings["num_classes"] = int(tower.logits.shape[1])
    built = objective(
        config.train_mode, labels, tower.logits, tower.embeddings, config.ranking_weight, settings
    )
    total, terms = built.total, dict(built.terms)
    if config.aux_loss_weight:
        auxiliary = tower.end_points[NETWORKS[config.net].auxiliary]
        terms["auxiliary_loss"] = cross_entropy(labels, auxiliary)
        total = terms["loss"] = total + config.aux_loss_weight * terms["auxiliary_loss"]
    if config.weight_decay:
        terms["weight_decay"] = l2_penalty(tf.trainable_variables(), config.weight_decay)
        total = terms["loss"] = total + terms["weight_decay"]
    return built._replace(total=total, terms=terms)


def build_optimizer(config, global_step):
    """Momentum SGD with a linearly decaying learning rate.

    Mixed precision scales the loss, so that float16 can hold its gradients. A step with an infinite
    gradient leaves the weights as they are and halves the scale; 2,000 finite ones double it.

    Returns:
      tf.train.Optimizer, and its learning rate, float32 [].
    """
    learning_rate = tf.train.polynomial_decay(
        config.learning_rate, global_step, config.train_iters, config.end_learning_rate
    )
    optimizer = tf.train.MomentumOptimizer(learning_rate, MOMENTUM)
    if config.precision == "mixed":
        mixed = tf.train.experimental
        optimizer = mixed.MixedPrecisionLossScaleOptimizer(optimizer, mixed.DynamicLossScale())
    return optimizer, learning_rate


def raise_unreadable(paths):
    """Raises an error that names the first image that can't be decoded, if any.

    Raises:
      UserError: there is one.
    """
    found = pipeline.first_unreadable(paths)
    if found is not None:
        raise UserError(
            f"the image {found[0]} can't be decoded ({found[1]}); convert it to JPEG or PNG,"
            " replace it, or remove it from the list; python -m datasets_lists check finds all"
            " such files"
        )
