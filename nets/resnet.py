"""tf-slim's ResNets, with logits [B, C] and the classifier's input among the end points."""

from utils.tf1 import slim, slim_nets, tf


def resnet(network, scope, images, num_classes, is_training, reuse=None, bn_decay=0.997):
    """A slim ResNet with global average pooling and a linear classifier.

    tf-slim's own logits are [B, 1, 1, C] and their input is not an end point, so the network is
    built without its classifier, which is added here under its slim name.

    Args:
      network: a function of `tf_slim.nets.resnet_v1` or `resnet_v2`.
      scope: str, the variable scope of the published checkpoint, such as "resnet_v2_50".
      images: float32 [B, H, W, 3], preprocessed.
      num_classes: int, C.
      is_training: bool, batch statistics in the tower or moving averages.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `<scope>/block4` is the
      last feature map [B, ceil(H / 32), ceil(W / 32), 2048], `global_pool` the classifier's input.
    """
    arg_scope = slim_nets.resnet_utils.resnet_arg_scope(weight_decay=0.0, batch_norm_decay=bn_decay)
    with slim.arg_scope(arg_scope):
        pooled, end_points = network(images, None, is_training, reuse=reuse, scope=scope)
        with tf.variable_scope(scope, reuse=reuse):
            logits = slim.conv2d(
                pooled, num_classes, [1, 1], activation_fn=None, normalizer_fn=None, scope="logits"
            )
    end_points["global_pool"] = pooled
    end_points[scope + "/logits"] = logits
    return tf.squeeze(logits, [1, 2]), end_points
