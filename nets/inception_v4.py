"""Inception V4 (Szegedy et al., arXiv:1602.07261) with slim's names, from a table of modules."""

import functools

from nets.dropout import dropout
from nets.inception import inception_arg_scope
from utils.tf1 import slim, tf

_HALVE = {"stride": 2, "padding": "VALID"}
_TRIM = {"padding": "VALID"}


def _layer(function, name, *args, **options):
    """A layer as a function of its input; the end of its name gives its window size."""
    window = [int(length) for length in name.rsplit("_", 1)[1].split("x")]
    return functools.partial(_apply, function, args + (window,), dict(options, scope=name))


def _apply(function, args, options, net):
    return function(net, *args, **options)


def _conv(name, channels, **options):
    return _layer(slim.conv2d, name, channels, **options)


def _fork(*layers):
    """Parallel layers on one input, at the end of a branch."""
    return functools.partial(_concatenate, layers)


def _concatenate(layers, net):
    return tf.concat([layer(net) for layer in layers], axis=3)


_MEAN = _layer(slim.avg_pool2d, "AvgPool_0a_3x3")
_LARGEST = _layer(slim.max_pool2d, "MaxPool_1a_3x3", **_HALVE)

_STEM_3A = (
    (_layer(slim.max_pool2d, "MaxPool_0a_3x3", **_HALVE),),
    (_conv("Conv2d_0a_3x3", 96, **_HALVE),),
)
_STEM_4A = (
    (_conv("Conv2d_0a_1x1", 64), _conv("Conv2d_1a_3x3", 96, **_TRIM)),
    (
        _conv("Conv2d_0a_1x1", 64), _conv("Conv2d_0b_1x7", 64), _conv("Conv2d_0c_7x1", 64),
        _conv("Conv2d_1a_3x3", 96, **_TRIM),
    ),
)  # fmt: skip
_STEM_5A = ((_conv("Conv2d_1a_3x3", 192, **_HALVE),), (_LARGEST,))
_INCEPTION_A = (
    (_conv("Conv2d_0a_1x1", 96),),
    (_conv("Conv2d_0a_1x1", 64), _conv("Conv2d_0b_3x3", 96)),
    (_conv("Conv2d_0a_1x1", 64), _conv("Conv2d_0b_3x3", 96), _conv("Conv2d_0c_3x3", 96)),
    (_MEAN, _conv("Conv2d_0b_1x1", 96)),
)
_REDUCTION_A = (
    (_conv("Conv2d_1a_3x3", 384, **_HALVE),),
    (
        _conv("Conv2d_0a_1x1", 192), _conv("Conv2d_0b_3x3", 224),
        _conv("Conv2d_1a_3x3", 256, **_HALVE),
    ),
    (_LARGEST,),
)  # fmt: skip
_INCEPTION_B = (
    (_conv("Conv2d_0a_1x1", 384),),
    (_conv("Conv2d_0a_1x1", 192), _conv("Conv2d_0b_1x7", 224), _conv("Conv2d_0c_7x1", 256)),
    (
        _conv("Conv2d_0a_1x1", 192), _conv("Conv2d_0b_7x1", 192), _conv("Conv2d_0c_1x7", 224),
        _conv("Conv2d_0d_7x1", 224), _conv("Conv2d_0e_1x7", 256),
    ),
    (_MEAN, _conv("Conv2d_0b_1x1", 128)),
)  # fmt: skip
_REDUCTION_B = (
    (_conv("Conv2d_0a_1x1", 192), _conv("Conv2d_1a_3x3", 192, **_HALVE)),
    (
        _conv("Conv2d_0a_1x1", 256), _conv("Conv2d_0b_1x7", 256), _conv("Conv2d_0c_7x1", 320),
        _conv("Conv2d_1a_3x3", 320, **_HALVE),
    ),
    (_LARGEST,),
)  # fmt: skip
_INCEPTION_C = (
    (_conv("Conv2d_0a_1x1", 256),),
    (
        _conv("Conv2d_0a_1x1", 384),
        _fork(_conv("Conv2d_0b_1x3", 256), _conv("Conv2d_0c_3x1", 256)),
    ),
    (
        _conv("Conv2d_0a_1x1", 384), _conv("Conv2d_0b_3x1", 448), _conv("Conv2d_0c_1x3", 512),
        _fork(_conv("Conv2d_0d_1x3", 256), _conv("Conv2d_0e_3x1", 256)),
    ),
    (_MEAN, _conv("Conv2d_0b_1x1", 256)),
)  # fmt: skip

_STEM = {
    "Conv2d_1a_3x3": _conv("Conv2d_1a_3x3", 32, **_HALVE),
    "Conv2d_2a_3x3": _conv("Conv2d_2a_3x3", 32, **_TRIM),
    "Conv2d_2b_3x3": _conv("Conv2d_2b_3x3", 64),
}
# Module -> branches, each a chain of layers; the outputs of the branches are concatenated.
_MODULES = {
    "Mixed_3a": _STEM_3A, "Mixed_4a": _STEM_4A, "Mixed_5a": _STEM_5A,
    **{"Mixed_5" + letter: _INCEPTION_A for letter in "bcde"}, "Mixed_6a": _REDUCTION_A,
    **{"Mixed_6" + letter: _INCEPTION_B for letter in "bcdefgh"}, "Mixed_7a": _REDUCTION_B,
    **{"Mixed_7" + letter: _INCEPTION_C for letter in "bcd"},
}  # fmt: skip


def _module(net, name, branches):
    outputs = []
    with tf.variable_scope(name):
        for i, layers in enumerate(branches):
            with tf.variable_scope(f"Branch_{i}"):
                outputs.append(functools.reduce(lambda x, layer: layer(x), layers, net))
        return tf.concat(outputs, axis=3)


def _base(images):
    """The convolutional part: its output and the output of every stage by name."""
    net, end_points = images, {}
    for name, layer in _STEM.items():
        net = end_points[name] = layer(net)
    for name, branches in _MODULES.items():
        net = end_points[name] = _module(net, name, branches)
    return net, end_points


def _auxiliary_logits(feature_map, num_classes):
    """The auxiliary classifier on Mixed_6h; its second convolution covers the whole pooled map."""
    with tf.variable_scope("AuxLogits"):
        net = slim.avg_pool2d(feature_map, [5, 5], stride=3, padding="VALID")
        net = slim.conv2d(net, 128, [1, 1], scope="Conv2d_1b_1x1")
        net = slim.conv2d(net, 768, net.shape.as_list()[1:3], padding="VALID", scope="Conv2d_2a")
        return slim.fully_connected(
            slim.flatten(net), num_classes, activation_fn=None, scope="Aux_logits"
        )


def inception_v4(images, num_classes, is_training, reuse=None, bn_decay=0.9997):
    """Inception V4 with its auxiliary classifier.

    Args:
      images: float32 [B, H, W, 3], preprocessed to [-1, 1], at least 107 pixels per side.
      num_classes: int, C.
      is_training: bool, batch statistics and dropout (keep 0.8) in the tower or not.
      reuse: bool or None, take the variables of an earlier call.
      bn_decay: float, decay of the moving averages of batch normalisation.

    Returns:
      logits float32 [B, C], and a dict from end point names to tensors. `Mixed_7d` is the last
      feature map (8 x 8 x 1536 at 299), `global_pool` its mean, `AuxLogits` [B, C].
    """
    layers = [slim.conv2d, slim.max_pool2d, slim.avg_pool2d]
    with tf.variable_scope("InceptionV4", reuse=reuse), slim.arg_scope(
        inception_arg_scope(is_training, bn_decay)
    ), slim.arg_scope(layers, stride=1, padding="SAME"):
        net, end_points = _base(images)
        end_points["AuxLogits"] = _auxiliary_logits(end_points["Mixed_6h"], num_classes)
        with tf.variable_scope("Logits"):
            net = end_points["global_pool"] = tf.reduce_mean(net, [1, 2], keepdims=True)
            net = dropout(slim.flatten(net), 0.8, is_training)
            logits = slim.fully_connected(net, num_classes, activation_fn=None, scope="Logits")
    return logits, end_points
