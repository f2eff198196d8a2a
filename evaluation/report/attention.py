"""Where each head looks: maps that add up exactly to the number that they explain.

Both heads are linear in a feature map, so a logit and a similarity are sums over its positions:

    logit_c    = sum_hw  mean-share of (x_hw . w_c)            + b_c       (Zhou et al., 1512.04150)
    e . u      = sum_hw  (x_hw W_hw) . u / |x W + b|           + b . u / |x W + b|

where the classifier pools x by its mean, W_hw are the embedding's weights at each position, and u
is the unit vector that the embedding e is compared with.
"""

from typing import NamedTuple, Optional

import numpy as np

from config.networks import NETWORKS
from training import build
from utils import checkpoints
from utils.tf1 import open_session, tf

EMBEDDING_SCOPE = "embedding"  # of nets.heads
_TOLERANCE = 1e-3


class HeadMaps(NamedTuple):
    """The maps of one head.

    Attributes:
      maps: float32 [B, H, W], the contribution of each position; None if there are none.
      rest: float32 [B], the contribution of the bias.
      totals: float32 [B], the explained number: the sum of the map, plus rest.
      reason: str, why there are no maps; None if there are.
    """

    maps: Optional[np.ndarray] = None
    rest: Optional[np.ndarray] = None
    totals: Optional[np.ndarray] = None
    reason: Optional[str] = None


class Explanation(NamedTuple):
    """Where both heads look in a few images.

    Attributes:
      frames: uint8 [B, F, F, 3], what the network sees.
      classifier: HeadMaps for the logit of one class per image.
      embedding: HeadMaps for the similarity to one vector per image.
    """

    frames: np.ndarray
    classifier: HeadMaps
    embedding: HeadMaps


def class_maps(feature_maps, weights, biases, classes):
    """Class activation maps of a linear classifier on the mean over positions.

    Args:
      feature_maps: float32 [B, H, W, F].
      weights: float32 [F, C].
      biases: float32 [C].
      classes: int [B], the class whose logit is explained.

    Returns:
      float32 [B, H, W], and float32 [B], the bias; together the logit.
    """
    places = feature_maps.shape[1] * feature_maps.shape[2]
    maps = np.einsum("bhwf,fb->bhw", feature_maps, weights[:, classes])
    return maps / places, biases[classes]


def similarity_maps(feature_maps, weights, biases, others):
    """The contribution of each position to an embedding's cosine similarity with a vector.

    Args:
      feature_maps: float32 [B, H, W, F].
      weights: float32 [H * W * F, D].
      biases: float32 [D].
      others: float32 [B, D], rows of unit norm.

    Returns:
      float32 [B, H, W], and float32 [B], the contribution of the bias; together the similarity.
    """
    vectors = feature_maps.reshape(len(feature_maps), -1) @ weights + biases
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-5)
    directions = (others @ weights.T).reshape(feature_maps.shape)
    maps = (feature_maps * directions).sum(axis=3) / norms[:, np.newaxis, np.newaxis]
    return maps, others @ biases / norms


def explain(config, prefix, image_list, num_classes, classes, others):
    """Runs a few images through a checkpoint and splits both heads' outputs by position.

    Args:
      config: Config of the run.
      prefix: str, the checkpoint's.
      image_list: data.lists.ImageList of B images.
      num_classes: int, C.
      classes: int [B], the class whose logit is explained.
      others: float32 [B, D], rows of unit norm: what each embedding is compared with; None for a
        run without an embedding head.

    Returns:
      Explanation.

    Raises:
      UserError: the checkpoint does not match or is damaged.
    """
    with tf.Graph().as_default():
        batches = build.eval_input(config, image_list, len(image_list.files))
        images, _ = tf.data.make_one_shot_iterator(batches).get_next()
        tower = build.build_tower(config, images, num_classes, is_training=False)
        fetches = {"frames": images, "classifier": _classifier_parts(config, tower)}
        if others is not None:
            fetches["embedding"] = _embedding_parts(config, tower)
        saver = tf.train.Saver()
        with open_session(config.gpu) as session:
            checkpoints.restore(saver, session, prefix)
            found = session.run({name: part for name, part in fetches.items() if part is not None})
    return Explanation(
        _frames(found["frames"]),
        _classifier_maps(found.get("classifier"), classes),
        _embedding_maps(found.get("embedding"), others),
    )


def _classifier_parts(config, tower):
    """Map, weights, bias and logits of the classifier; None unless it pools a map's mean."""
    network = NETWORKS[config.net]
    mean = tower.end_points[network.pooled].op
    if mean.type != "Mean" or mean.inputs[0].shape.ndims != 4:
        return None
    return (mean.inputs[0], *_layer(network.head_scopes[0]), tower.logits)


def _embedding_parts(config, tower):
    return (tower.end_points[config.feature_map], *_layer(EMBEDDING_SCOPE), tower.embeddings)


def _layer(scope):
    """The weights and the biases below a scope."""
    found = {v.op.name.rsplit("/", 1)[1]: v for v in tf.global_variables() if _below(v, scope)}
    return found["weights"], found["biases"]


def _below(variable, scope):
    return variable.op.name.startswith(scope + "/")


def _classifier_maps(parts, classes):
    if parts is None:
        return HeadMaps(reason="this network's classifier does not use the mean of a map")
    feature_maps, weights, biases, logits = parts
    weights = weights.reshape(-1, weights.shape[-1])
    maps, rest = class_maps(feature_maps, weights, biases, classes)
    return _checked(maps, rest, logits[np.arange(len(classes)), classes])


def _embedding_maps(parts, others):
    if parts is None:
        return HeadMaps(reason="this run has no embedding head")
    feature_maps, weights, biases, embeddings = parts
    places = feature_maps.shape[1] * feature_maps.shape[2]
    if len(weights) == feature_maps.shape[3]:  # on the mean of the map
        weights = np.tile(weights, (places, 1)) / places
    maps, rest = similarity_maps(feature_maps, weights, biases, others)
    return _checked(maps, rest, (embeddings * others).sum(axis=1))


def _checked(maps, rest, totals):
    """The maps, unless they show nothing or don't add up to the explained number."""
    if maps.shape[1] * maps.shape[2] == 1:
        return HeadMaps(reason="the map that this head uses has only one position")
    gaps = np.abs(maps.sum(axis=(1, 2)) + rest - totals)
    if np.any(gaps > _TOLERANCE * np.maximum(np.abs(totals), 1)):
        return HeadMaps(reason="this head is not linear in its map")
    return HeadMaps(maps, rest, totals)


def _frames(images):
    """Normalised images as pixels, each stretched to the full range."""
    low, high = (f(images, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
    return np.uint8(np.round(255 * (images - low) / np.maximum(high - low, 1e-6)))
