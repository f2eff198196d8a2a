"""Inception V3 on tf-slim's convolutional part, with pooling that takes any frame size."""

from utils.tf1 import slim, slim_nets, tf


def _auxiliary_logits(feature_map, num_classes):
    """The side classifier on Mixed_6e; its convolution shrinks with a map below 17 x 17."""
    with tf.variable_scope("AuxLogits"):
        net = slim.avg_pool2d(feature_map, [5, 5], stride=3, padding="VALID")
        net = slim.conv2d(net, 128, [1, 1], scope="Conv2d_1b_1x1")
        kernel = [min(5, side) for side in net.shape.as_list()[1:3]]
        net = slim.conv2d(
            net, 768, kernel, padding="VALID", scope="Conv2d_2a_{}x{}".format(*kernel),
            weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        )  # fmt: skip
        net = slim.conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_2b_1x1",
            weights_initializer=tf.truncated_normal_initializer(stddev=0.001),
        )  # fmt: skip
    return tf.reduce_mean(net, [1, 2])


def inception_v3(images, num_classes, is_training, reuse=None, bn_decay=0.9997):
    """Inception V3 (Szegedy et al., arXiv:1512.00567) with its auxiliary classifier.

    Args:
      images: float32 [B, H, W, 3], preprocessed to [-1, 1], at least 107 pixels a side.
      num_classes: int, C.
      is_training: bool, batch statistics and dropout (keep 0.8) in the tower or not.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `Mixed_7c` is the last
      feature map (8 x 8 x 2048 at 299), `PreLogits` its mean, `AuxLogits` [B, C].
    """
    inception = slim_nets.inception
    arg_scope = inception.inception_v3_arg_scope(weight_decay=0.0, batch_norm_decay=bn_decay)
    with slim.arg_scope(arg_scope), slim.arg_scope([slim.batch_norm], is_training=is_training):
        with tf.variable_scope("InceptionV3", reuse=reuse) as scope:
            net, end_points = inception.inception_v3_base(images, scope=scope)
            end_points["AuxLogits"] = _auxiliary_logits(end_points["Mixed_6e"], num_classes)
            with tf.variable_scope("Logits"):
                net = tf.reduce_mean(net, [1, 2], keepdims=True)
                end_points["PreLogits"] = net
                net = slim.dropout(net, keep_prob=0.8, is_training=is_training)
                logits = slim.conv2d(
                    net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
                    scope="Conv2d_1c_1x1",
                )  # fmt: skip
    return tf.squeeze(logits, [1, 2]), end_points
