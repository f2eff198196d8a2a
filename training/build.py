"""Builds the parts of a graph from a Config: input, tower, objective, optimiser.

Each part has its own function; none of them opens a session.
"""

import os

import numpy as np

from config.losses import LOSSES, modes_of
from config.networks import NETWORKS
from data import pipeline
from data.augment import Augmentation
from data.bad_images import BadImages
from data.cache import Cache
from data.sampling import SAMPLERS
from losses.objective import cross_entropy, l2_penalty, objective
from nets.factory import network_fn
from nets.two_head import two_head
from utils.errors import MachineError, UserError, first_missing, reason_of
from utils.tf1 import tf


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
        max_pixels=config.max_megapixels * 10**6,
    )


def draws_per_step(config):
    """How many positions of the input's stream a step takes: one, or one for each of its batches.

    A step that is mined as a whole is also drawn as a whole.
    """
    return 1 if _is_mined_over_batches(config) else config.accumulate_batches


def _is_mined_over_batches(config):
    return config.mining == "step" and config.accumulate_batches > 1


def sampler_of(config, labels):
    """The run's function from a position of the input's stream to int64 [U] list positions.

    U is the batch size, or the size of a step that is mined as a whole; P x K then holds for the
    step if there are enough classes, else for each of its batches.
    """
    sampler, number = SAMPLERS[config.sampler], config.accumulate_batches
    size, per_class = config.batch_size, config.images_per_class
    if not _is_mined_over_batches(config):
        return sampler(labels, size, per_class, config.seed)
    if config.sampler != "pk" or number * size // per_class <= len(np.unique(labels)):
        return sampler(labels, number * size, per_class, config.seed)
    batch_at = sampler(labels, size, per_class, config.seed)
    return lambda step: np.concatenate([batch_at(step * number + i) for i in range(number)])


def cache_of(config):
    """The data.cache.Cache of a run's training images, or None.

    Raises:
      UserError: its folder can't be written.
    """
    return Cache(config.cache, augmentation_of(config)) if config.cache else None


def bad_images_of(config, image_list):
    """The data.bad_images.BadImages of a run's training list, or None if it fails at them."""
    skips = config.on_bad_image == "skip"
    return BadImages(image_list, augmentation_of(config)) if skips else None


def train_input(config, image_list, first_draw, index=0, num_replicas=1, bad_images=None):
    """The endless stream of a replica's share of the training images.

    Args:
      config: Config.
      image_list: data.lists.ImageList, the training split.
      first_draw: int64 [] tensor or int, position of the first draw, see `draws_per_step`.
      index: int, of the replica.
      num_replicas: int, N; each batch is split evenly.
      bad_images: data.bad_images.BadImages, or None.

    Returns:
      tf.data.Dataset of float32 [b, F, F, 3] and int32 [b], with b = B / N; of all batches of a
      step, one after the other, if a draw is a step.
    """
    batches = config.accumulate_batches // draws_per_step(config)
    rows = np.arange(batches * config.batch_size).reshape([batches, num_replicas, -1])
    return pipeline.training_batches(
        image_list,
        sampler_of(config, image_list.labels),
        rows.size,
        augmentation_of(config),
        config.seed,
        first_draw,
        config.parallel_calls,
        rows[:, index].ravel(),
        cache_of(config),
        bad_images,
    )


def eval_input(config, image_list, batch_size=None, index=0, num_replicas=1):
    """Each image of a split once, in list order, or a replica's share of each batch.

    Args:
      config: Config.
      image_list: data.lists.ImageList.
      batch_size: int, default the run's.
      index: int, of the replica.
      num_replicas: int, N.

    Returns:
      tf.data.Dataset of float32 [<= B, F, F, 3] and int32 [<= B]; with several replicas of
      [B / N, F, F, 3] and [B / N], the last image filling up the last batch.
    """
    size = batch_size or config.batch_size
    share = None if num_replicas == 1 else (index, num_replicas)
    return pipeline.evaluation_batches(
        image_list, size, augmentation_of(config), config.parallel_calls, share
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
            emb_pool=config.emb_pool,
            reuse=reuse,
        )
    except KeyError as error:
        raise UserError(f"--feature_map {config.feature_map}: {error.args[0]}") from None


def ranking_arguments(config, num_classes):
    """The `settings` of a run's objective, see `losses.objective.objective`."""
    modes = modes_of(config.train_mode)
    arguments = [_arguments(config, LOSSES[mode], num_classes) for mode in modes]
    if len(modes) == 1:
        return arguments[0]
    weights = [getattr(config, LOSSES[mode].weight) for mode in modes]
    return dict(zip(modes, zip(weights, arguments)))


def _arguments(config, loss, num_classes):
    arguments = {name: getattr(config, key) for name, key in loss.settings.items()}
    return dict(arguments, num_classes=num_classes) if loss.per_class else arguments


def build_objective(config, labels, tower, step=None):
    """The objective of a training step, with auxiliary loss and weight decay if configured.

    Args:
      config: Config.
      labels: int32 [B].
      tower: nets.two_head.TwoHead.
      step: losses.mining.Step, if the ranking loss is over more images than these B.

    Returns:
      losses.objective.Objective.
    """
    arguments, memory = ranking_arguments(config, int(tower.logits.shape[1])), None
    if config.memory:
        is_used = tf.train.get_or_create_global_step() >= config.memory_start
        memory = {"size": config.memory, "is_used": is_used}
    built = objective(
        config.train_mode, labels, tower.logits, tower.embeddings, config.ranking_weight, arguments,
        memory, step, config.label_smoothing,
    )  # fmt: skip
    total, terms = built.total, dict(built.terms)
    if config.aux_loss_weight:
        auxiliary = tower.end_points[NETWORKS[config.net].auxiliary]
        terms["auxiliary_loss"] = cross_entropy(labels, auxiliary)
        total = terms["loss"] = total + config.aux_loss_weight * terms["auxiliary_loss"]
    if config.weight_decay:
        terms["weight_decay"] = l2_penalty(tf.trainable_variables(), config.weight_decay)
        total = terms["loss"] = total + terms["weight_decay"]
    return built._replace(total=total, terms=terms)


def raise_unreadable(error, paths, augmentation):
    """Raises an error in words where the input of a step or an evaluation failed.

    Args:
      error: tf.errors.OpError, of the session.
      paths: iterable of str, the images that it may have been.
      augmentation: data.augment.Augmentation.

    Raises:
      UserError: an image can't be decoded; it is named.
      MachineError: an image is gone, or the images could not be read for a while.
    """
    path, reason = pipeline.first_unreadable(paths, augmentation) or (None, None)
    if path is not None and not os.path.lexists(path):
        raise MachineError(
            f"the image {path} is gone: there is no {first_missing(path)} any more; restore or"
            " mount it, and run the same command again"
        )
    if path is not None:
        raise UserError(
            f"the image {path} can't be decoded ({reason}); convert it to JPEG or PNG,"
            " replace it, or remove it from the list; python -m datasets_lists check finds all"
            " such files"
        )
    # Other ops' errors, such as a lack of memory, may mention the input, but they name their op.
    is_input = error.op is None or error.op.type == "IteratorGetNext"
    if is_input and "IteratorGetNext" in str(error):
        raise MachineError(
            f"images could not be read ({reason_of(error)}), though they can be now; run the same"
            " command again"
        )
