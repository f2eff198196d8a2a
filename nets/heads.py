"""The embedding head; the classification head is the network's own logits layer."""

from utils.tf1 import slim, tf

SCOPE = "embedding"


def embedding_head(feature_map, emb_dim, reuse=None):
    """Flattens a feature map (without pooling), maps it linearly and scales it to unit norm.

    Args:
      feature_map: float32 [B, H, W, F], with static H, W and F.
      emb_dim: int, D.
      reuse: bool or None, take the variables of an earlier call.

    Returns:
      float32 [B, D], rows of unit norm (epsilon 1e-10 under the root).
    """
    vectors = slim.fully_connected(
        slim.flatten(feature_map),
        emb_dim,
        activation_fn=None,
        weights_initializer=tf.glorot_uniform_initializer(),
        biases_initializer=tf.zeros_initializer(),
        scope=SCOPE,
        reuse=reuse,
    )
    return tf.nn.l2_normalize(vectors, axis=-1, epsilon=1e-10)
