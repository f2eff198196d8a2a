"""DenseNet-161 (Huang et al., arXiv:1608.06993) with the variable names of its TensorFlow port."""

from utils.tf1 import slim, tf

SCOPE = "densenet161"
GROWTH = 48
FIRST_CHANNELS = 96
LAYERS_OF_BLOCKS = (6, 12, 36, 24)


def _arg_scope(is_training, bn_decay):
    # The epsilon of the Caffe and Keras ports from which the published weights were converted.
    batch_norm = slim.arg_scope(
        [slim.batch_norm], scale=True, decay=bn_decay, epsilon=1.1e-5, is_training=is_training
    )
    with batch_norm, slim.arg_scope(
        [slim.conv2d], activation_fn=None, biases_initializer=None
    ) as both:
        return both


def _batch_norm_relu(net):
    return tf.nn.relu(slim.batch_norm(net, scope="BatchNorm"))


def _preactivated(net, channels, kernel, scope):
    """Batch normalisation and ReLU before the convolution."""
    with tf.variable_scope(scope):
        return slim.conv2d(_batch_norm_relu(net), channels, kernel, scope="Conv")


def _dense_block(net, num_layers, scope):
    """Each layer reads all outputs before it, through a bottleneck of 4 times the growth rate."""
    with tf.variable_scope(scope):
        for i in range(1, num_layers + 1):
            with tf.variable_scope(f"conv_block{i}"):
                new = _preactivated(net, 4 * GROWTH, [1, 1], "x1")
                new = _preactivated(new, GROWTH, [3, 3], "x2")
                net = tf.concat([net, new], axis=3)
    return net


def _transition(net, scope, end_points):
    """Halves channels, height and width."""
    with tf.variable_scope(scope):
        net = _preactivated(net, net.shape.as_list()[3] // 2, [1, 1], "blk")
        for name in ("/blk/Conv", "/blk"):
            end_points[f"{SCOPE}/{scope}{name}"] = net
        net = slim.avg_pool2d(net, [2, 2], stride=2)
    end_points[f"{SCOPE}/{scope}"] = net
    return net


def _base(images, end_points):
    """The convolutional part, up to the last dense block."""
    net = slim.conv2d(images, FIRST_CHANNELS, [7, 7], stride=2, scope="conv1")
    end_points[f"{SCOPE}/conv1"] = net
    net = slim.max_pool2d(_batch_norm_relu(net), [3, 3], stride=2, padding="SAME")
    for i, num_layers in enumerate(LAYERS_OF_BLOCKS, start=1):
        net = _dense_block(net, num_layers, f"dense_block{i}")
        end_points[f"{SCOPE}/dense_block{i}"] = net
        if i < len(LAYERS_OF_BLOCKS):
            net = _transition(net, f"transition_block{i}", end_points)
    return net


def densenet161(images, num_classes, is_training, reuse=None, bn_decay=0.999):
    """DenseNet-161.

    Args:
      images: float32 [B, H, W, 3] in [0, 1], normalised by channel means and deviations.
      num_classes: int, C.
      is_training: bool, batch statistics in the tower or moving averages.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `densenet161/dense_block4`
      is the last feature map (7 x 7 x 2208 at 224), before the last batch normalisation and ReLU;
      `global_pool`, the classifier's input, is the mean after them.
    """
    end_points = {}
    with tf.variable_scope(SCOPE, reuse=reuse), slim.arg_scope(_arg_scope(is_training, bn_decay)):
        net = _base(images, end_points)
        with tf.variable_scope("final_block"):
            net = tf.reduce_mean(_batch_norm_relu(net), [1, 2], keepdims=True)
        end_points["global_pool"] = net
        logits = slim.conv2d(
            net, num_classes, [1, 1], biases_initializer=tf.zeros_initializer(), scope="logits"
        )
    end_points[f"{SCOPE}/logits"] = logits
    end_points["predictions"] = tf.nn.softmax(logits)
    return tf.squeeze(logits, [1, 2]), end_points
