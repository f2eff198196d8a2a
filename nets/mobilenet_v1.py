"""MobileNet v1 (Howard et al., arXiv:1704.04861) with slim's names."""

from nets.dropout import dropout
from utils.tf1 import slim, tf

# Number -> (stride, channels) of the depthwise-separable layers, table 1 of the paper.
SEPARABLE_LAYERS = {
    1: (1, 64), 2: (2, 128), 3: (1, 128), 4: (2, 256), 5: (1, 256), 6: (2, 512), 7: (1, 512),
    8: (1, 512), 9: (1, 512), 10: (1, 512), 11: (1, 512), 12: (2, 1024), 13: (1, 1024),
}  # fmt: skip


def _arg_scope(is_training, bn_decay):
    batch_norm = {"scale": True, "decay": bn_decay, "epsilon": 0.001, "is_training": is_training}
    return slim.arg_scope(
        [slim.conv2d, slim.separable_conv2d],
        weights_initializer=tf.truncated_normal_initializer(stddev=0.09),
        activation_fn=tf.nn.relu6,
        normalizer_fn=slim.batch_norm,
        normalizer_params=batch_norm,
    )


def _thinned(channels, depth_multiplier):
    return max(8, int(channels * depth_multiplier))


def _separable_layers(net, depth_multiplier, end_points):
    for i, (stride, channels) in SEPARABLE_LAYERS.items():
        name = f"Conv2d_{i}_depthwise"
        net = slim.separable_conv2d(net, None, [3, 3], 1, stride=stride, scope=name)
        end_points[name] = net
        name = f"Conv2d_{i}_pointwise"
        net = slim.conv2d(net, _thinned(channels, depth_multiplier), [1, 1], scope=name)
        end_points[name] = net
    return net


def mobilenet_v1(
    images, num_classes, is_training, reuse=None, bn_decay=0.9997, depth_multiplier=1.0
):
    """MobileNet v1, at full width or thinner.

    Args:
      images: float32 [B, H, W, 3], preprocessed to [-1, 1].
      num_classes: int, C.
      is_training: bool, batch statistics and dropout (keep 0.999) in the tower or not.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.
      depth_multiplier: float, fraction of the channels in every layer (at least 8 remain).

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `Conv2d_13_pointwise` is
      the last feature map [B, ceil(H / 32), ceil(W / 32), 1024 * depth_multiplier], `AvgPool_1a`
      its mean.
    """
    end_points = {}
    with tf.variable_scope("MobilenetV1", reuse=reuse), _arg_scope(is_training, bn_decay):
        channels = _thinned(32, depth_multiplier)
        net = slim.conv2d(images, channels, [3, 3], stride=2, scope="Conv2d_0")
        end_points["Conv2d_0"] = net
        net = _separable_layers(net, depth_multiplier, end_points)
        with tf.variable_scope("Logits"):
            net = tf.reduce_mean(net, [1, 2], keepdims=True, name="AvgPool_1a")
            end_points["AvgPool_1a"] = net
            net = dropout(net, 0.999, is_training)
            logits = slim.conv2d(
                net, num_classes, [1, 1], activation_fn=None, normalizer_fn=None,
                scope="Conv2d_1c_1x1",
            )  # fmt: skip
    return tf.squeeze(logits, [1, 2]), end_points
