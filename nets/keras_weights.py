"""keras.applications' ImageNet weights under slim names, where the two networks are one function.

Keras' MobileNet pads a stride of 2 on the right and below, which is slim's SAME for even sides;
frames of 32 n pixels have no others. Its Inception V3 is slim's without the auxiliary classifier.
"""

import os
import re

import numpy as np

from nets.keras_files import read_layers
from utils.errors import UserError
from utils.tf1 import tf

# Scope of a network -> why weights of Keras would give other logits in it.
REFUSED = {
    "resnet_v1_50": "Keras' ResNet-50 v1 strides in the first 1x1 convolution of a block, slim's in"
    " the 3x3 convolution at the end of the block before; Keras' convolutions have biases, its"
    " epsilon is 1.001e-5 and its pooling is padded on both sides",
    "densenet161": "Keras has DenseNet-121, 169 and 201 but not 161, and pads its first"
    " convolution and pooling on both sides, where the published DenseNet-161 does not",
}


def convert(path, out, name, network, frame_size, scope, heads):
    """Writes the weights of a Keras model as a file of slim weights.

    Args:
      path: str, see `nets.keras_files.read_layers`.
      out: str, an .npz, or the prefix of a TensorFlow checkpoint.
      name: str, the network, for messages.
      network: function of `nets.factory.network_fn`.
      frame_size: int, pixels a side.
      scope: str, the network's outermost scope.
      heads: iterable of str, the scopes that depend on the class count; a file may lack them.

    Returns:
      int, the variables written.

    Raises:
      UserError: Keras has no equal of the network, or the file is not of it.
    """
    if scope not in _NAMES:
        reason = REFUSED.get(scope, f"keras.applications has no equal of {name}")
        raise UserError(f"--net {name}: {reason}; only inc3 and mobile can be converted")
    layers = read_layers(path)
    expected = _expected(network, frame_size, _class_count(layers))
    values = {}
    for layer, place in _NAMES[scope](layers, list(expected), scope):
        values.update(_renamed(layers.get(layer, {}), scope + "/" + place, expected))
    for variable, shape in expected.items():
        if variable in values and values[variable].shape == shape:
            continue
        if variable in values or not variable.startswith(tuple(head + "/" for head in heads)):
            found = f"of shape {values[variable].shape}" if variable in values else "missing"
            raise UserError(f"{path} is not of {name}: {variable} {shape} is {found}")
    _write(out, values)
    return len(values)


def _expected(network, frame_size, num_classes):
    """Dict from name to shape of the network's variables, in the order they are made."""
    with tf.Graph().as_default():
        network(tf.zeros([1, frame_size, frame_size, 3]), num_classes, False)
        return {v.op.name: tuple(v.shape.as_list()) for v in tf.model_variables()}


def _class_count(layers):
    """The classes of the last layer, or some number where the file is without it."""
    last = layers.get("conv_preds") or layers.get("predictions") or {}
    return len(last["bias"]) if "bias" in last else 1000


def _renamed(arrays, place, expected):
    """The variables of a layer below a slim scope."""
    depthwise = f"{place}/depthwise_weights" in expected
    names = {"kernel": "depthwise_weights" if depthwise else "weights", "bias": "biases"}
    renamed = {}
    for kind, value in arrays.items():
        if kind == "kernel" and value.ndim == 2:  # a dense layer is a 1 x 1 convolution in slim
            value = value.reshape((1, 1) + value.shape)
        renamed[f"{place}/{names.get(kind, 'BatchNorm/' + kind)}"] = value
    return renamed


def _mobilenet_names(layers, expected, scope):
    """Pairs of a Keras layer and its slim place."""
    del layers, expected, scope
    places = {"conv1": "Conv2d_0", "conv1_bn": "Conv2d_0", "conv_preds": "Logits/Conv2d_1c_1x1"}
    for i in range(1, 14):
        for short, long in (("dw", "depthwise"), ("pw", "pointwise")):
            for suffix in ("", "_bn"):
                places[f"conv_{short}_{i}{suffix}"] = f"Conv2d_{i}_{long}"
    return list(places.items())


def _inception_names(layers, expected, scope):
    """Keras numbers its layers as it makes them, in the order in which slim makes its own."""
    body = [n[len(scope) + 1 :] for n in expected if n.endswith("/weights") and "Logits/" not in n]
    places = [name[: -len("/weights")] for name in body]
    pairs = [("predictions", "Logits/Conv2d_1c_1x1")]
    for kind in ("conv2d", "batch_normalization"):
        numbered = {n: re.match(kind + r"(?:_(\d+))?$", n) for n in layers}
        ordered = sorted((int(m.group(1) or 0), n) for n, m in numbered.items() if m)
        pairs += zip([name for _, name in ordered], places)
    return pairs


_NAMES = {"InceptionV3": _inception_names, "MobilenetV1": _mobilenet_names}


def _write(out, values):
    """Writes an .npz or a checkpoint, in one piece."""
    try:
        os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
        if out.endswith(".npz"):
            with open(out + ".tmp", "wb") as file:
                np.savez(file, **values)
            os.replace(out + ".tmp", out)
            return
        with tf.Graph().as_default(), tf.Session() as session:
            holders = {n: tf.placeholder(tf.float32, v.shape) for n, v in values.items()}
            variables = {n: tf.Variable(h, name=n) for n, h in holders.items()}
            session.run(
                tf.global_variables_initializer(), {h: values[n] for n, h in holders.items()}
            )
            saver = tf.train.Saver(variables)
            saver.save(session, out, write_meta_graph=False, write_state=False)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{out} can't be written: {str(error).splitlines()[0]}") from None
