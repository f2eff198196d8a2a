"""One tower of the two-head network (figure 6 of arXiv:1901.08616)."""

from typing import NamedTuple, Optional

from nets.heads import embedding_head
from utils.tf1 import tf


class TwoHead(NamedTuple):
    """The outputs of a tower.

    Attributes:
      logits: float32 [B, C], the classification head.
      embeddings: float32 [B, D], the embedding head, rows of unit norm; None without that head.
      pooled: float32 [B, F], the classifier's input.
      end_points: dict from name to tensor.
    """

    logits: tf.Tensor
    embeddings: Optional[tf.Tensor]
    pooled: tf.Tensor
    end_points: dict


def two_head(
    images,
    backbone,
    num_classes,
    is_training,
    pooled,
    feature_map,
    emb_dim,
    emb_pool="flatten",
    reuse=None,
):
    """Builds a tower: a backbone, its classifier and, if requested, the embedding head.

    Args:
      images: float32 [B, H, W, 3], preprocessed, with static H and W.
      backbone: function of `nets.factory.network_fn`.
      num_classes: int, C.
      is_training: bool, batch statistics and dropout in the tower or not.
      pooled: str, the end point that the classifier reads.
      feature_map: str, the end point that the embedding head reads; None for no such head.
      emb_dim: int, D.
      emb_pool: str, what the embedding head makes of that map, see `nets.heads`.
      reuse: True for a second tower that shares the variables of the first.

    Returns:
      TwoHead.

    Raises:
      KeyError: the network has no feature map `feature_map`; the message lists those that exist.
    """
    logits, end_points = backbone(images, num_classes, is_training, reuse=reuse)
    embeddings = None
    if feature_map is not None:
        read = _map_of(end_points, feature_map)
        embeddings = embedding_head(read, emb_dim, emb_pool, reuse)
    return TwoHead(logits, embeddings, tf.squeeze(end_points[pooled], [1, 2]), end_points)


def _map_of(end_points, name):
    maps = [key for key, tensor in end_points.items() if tensor.shape.ndims == 4]
    if name not in maps:
        raise KeyError(f"there is no feature map {name}; there are {', '.join(maps)}")
    return end_points[name]
