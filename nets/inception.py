"""Inception V1, V2 and V3 on tf-slim's convolutional parts, with heads for any frame size."""

from nets.dropout import dropout
from utils.tf1 import slim, slim_nets, tf


def inception_arg_scope(is_training, bn_decay):
    """The layers of all Inceptions: batch normalisation without scale, epsilon 0.001, ReLU."""
    scope = slim_nets.inception.inception_v3_arg_scope(weight_decay=0.0, batch_norm_decay=bn_decay)
    with slim.arg_scope(scope), slim.arg_scope([slim.batch_norm], is_training=is_training) as both:
        return both


def inception(
    base, name, layer, images, num_classes, is_training, reuse=None, bn_decay=0.9997, auxiliary=None
):
    """Inception V1 to V3 (Szegedy et al., arXiv:1409.4842, 1512.00567; Ioffe, Szegedy, 1502.03167).

    The convolutional part is tf-slim's; global pooling, dropout and a linear classifier follow.

    Args:
      base: function of `tf_slim.nets.inception`, the convolutional part.
      name: str, the variable scope.
      layer: str, the scope of the classifier below Logits.
      images: float32 [B, H, W, 3], preprocessed to [-1, 1]; with `auxiliary` at least 107 pixels a
        side.
      num_classes: int, C.
      is_training: bool, batch statistics and dropout (keep 0.8) in the tower or not.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.
      auxiliary: function (end points, C) -> float32 [B, C], the auxiliary classifier, or None.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. The last feature map is
      `Mixed_5c` (7 x 7 x 1024 at 224) or, of V3, `Mixed_7c` (8 x 8 x 2048 at 299); `PreLogits` is
      its mean, `AuxLogits` [B, C] what `auxiliary` gives.
    """
    with slim.arg_scope(inception_arg_scope(is_training, bn_decay)):
        with tf.variable_scope(name, reuse=reuse) as scope:
            net, end_points = base(images, scope=scope)
            if auxiliary is not None:
                end_points["AuxLogits"] = auxiliary(end_points, num_classes)
            with tf.variable_scope("Logits"):
                net = end_points["PreLogits"] = tf.reduce_mean(net, [1, 2], keepdims=True)
                net = dropout(net, 0.8, is_training)
                logits = slim.conv2d(
                    net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope=layer
                )
    return tf.squeeze(logits, [1, 2]), end_points


def auxiliary_logits(end_points, num_classes):
    """The auxiliary classifier of V3 on Mixed_6e; maps below 17 x 17 get a smaller kernel."""
    with tf.variable_scope("AuxLogits"):
        net = slim.avg_pool2d(end_points["Mixed_6e"], [5, 5], stride=3, padding="VALID")
        net = slim.conv2d(net, 128, [1, 1], scope="Conv2d_1b_1x1")
        kernel = [min(5, length) for length in net.shape.as_list()[1:3]]
        net = slim.conv2d(
            net, 768, kernel, padding="VALID", scope="Conv2d_2a_{}x{}".format(*kernel),
            weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        )  # fmt: skip
        net = slim.conv2d(
            net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="Conv2d_2b_1x1",
            weights_initializer=tf.truncated_normal_initializer(stddev=0.001),
        )  # fmt: skip
    return tf.reduce_mean(net, [1, 2])
