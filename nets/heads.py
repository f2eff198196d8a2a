"""The embedding head; the classification head is the network's own logits layer."""

from utils.tf1 import slim, tf

SCOPE = "embedding"
POOLS = ("flatten", "average", "gem")
_LEAST_INPUT = 1e-6


def embedding_head(feature_map, emb_dim, pool="flatten", reuse=None):
    """Turns a feature map into a vector, maps it linearly and scales it to unit norm.

    The vector is the whole map (the paper), its mean over positions, or its generalised mean
    (Radenovic et al., arXiv:1711.02512) with one learned exponent p, which starts at 3:

        v_f = (mean_hw max(x_hwf, 1e-6)^p)^(1/p)

    Args:
      feature_map: float32 [B, H, W, F], with static H, W and F.
      emb_dim: int, D.
      pool: str, one of `POOLS`.
      reuse: bool or None, take the variables of an earlier call.

    Returns:
      float32 [B, D], rows of unit norm (epsilon 1e-10 under the root).
    """
    if pool == "average":
        feature_map = tf.reduce_mean(feature_map, [1, 2])
    elif pool == "gem":
        feature_map = _generalised_mean(feature_map, reuse)
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


def _generalised_mean(feature_map, reuse):
    with tf.variable_scope(SCOPE, reuse=reuse):
        exponent = slim.model_variable("exponent", [], initializer=tf.constant_initializer(3.0))
    powers = tf.pow(tf.maximum(feature_map, _LEAST_INPUT), exponent)
    return tf.pow(tf.reduce_mean(powers, [1, 2]), 1.0 / exponent)
