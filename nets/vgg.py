"""VGG-16 (Simonyan and Zisserman, arXiv:1409.1556), after tf-slim, for any frame size."""

from nets.dropout import dropout
from utils.tf1 import slim, slim_nets, tf

SCOPE = "vgg_16"
# (layers, channels) of the five blocks, configuration D of the paper.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def _base(images, end_points):
    """The convolutional part, up to its last pooling."""
    net = images
    for i, (num_layers, channels) in enumerate(BLOCKS, start=1):
        with tf.variable_scope(f"conv{i}"):
            for j in range(1, num_layers + 1):
                net = slim.conv2d(net, channels, [3, 3], scope=f"conv{i}_{j}")
                end_points[f"{SCOPE}/conv{i}/conv{i}_{j}"] = net
        net = end_points[f"{SCOPE}/pool{i}"] = slim.max_pool2d(net, [2, 2])
    return net


def vgg_16(images, num_classes, is_training, reuse=None):
    """VGG-16, without batch normalisation.

    tf-slim's own function only takes frames of 224 pixels. Here the first fully connected layer
    covers the whole map if that is smaller than 7 x 7, with weights of a different shape from the
    published ones, and slides over a larger map, whose outputs are averaged for the classifier.

    Args:
      images: float32 [B, H, W, 3], less the mean colour, at least 32 pixels per side.
      num_classes: int, C.
      is_training: bool, dropout (keep 0.5) in the tower or not.
      reuse: bool or None, take the variables of an earlier call.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `vgg_16/pool5` is the last
      feature map (7 x 7 x 512 at 224), `global_pool` [B, 1, 1, 4096] the classifier's input.
    """
    end_points = {}
    with tf.variable_scope(SCOPE, reuse=reuse), slim.arg_scope(
        slim_nets.vgg.vgg_arg_scope(weight_decay=0.0)
    ):
        net = _base(images, end_points)
        kernel = [min(7, length) for length in net.shape.as_list()[1:3]]
        net = slim.conv2d(net, 4096, kernel, padding="VALID", scope="fc6")
        end_points[f"{SCOPE}/fc6"] = net
        net = slim.conv2d(dropout(net, 0.5, is_training), 4096, [1, 1], scope="fc7")
        end_points[f"{SCOPE}/fc7"] = net
        net = end_points["global_pool"] = tf.reduce_mean(net, [1, 2], keepdims=True)
        net = dropout(net, 0.5, is_training, layer=1)
        logits = slim.conv2d(net, num_classes, [1, 1], activation_fn=None, scope="fc8")
    return tf.squeeze(logits, [1, 2]), end_points
