"""Weights out of Keras files, by layer: HDF5 of any Keras, and the zip that is named .keras."""

import io
import json
import os
import zipfile

from utils.errors import UserError

# The snake-case class names that a .keras file counts its layers by.
_CLASSES = {
    "Conv2D": "conv2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "SeparableConv2D": "separable_conv2d",
    "BatchNormalization": "batch_normalization",
    "Dense": "dense",
}


def read_layers(path):
    """Reads the weights of a Keras model.

    Args:
      path: str, a file of `model.save_weights` (HDF5 with layer names) or of `model.save` (HDF5,
        or the .keras zip).

    Returns:
      dict from layer name to dict from "kernel", "bias", "gamma", "beta", "moving_mean" or
      "moving_variance" to array, layers in the model's order where the file tells it.

    Raises:
      UserError: there is no such file, or it is damaged or none of these.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no file of weights {path}")
    try:
        if zipfile.is_zipfile(path):
            return _layers_of_zip(path)
        layers = _layers_by_name(_datasets(path))
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        reason = str(error).split("\n")[0]
        raise UserError(f"{path} can't be read as weights of a Keras model: {reason}") from None
    if set(layers) & {"layers", "_layer_checkpoint_dependencies"}:
        raise UserError(
            f"{path} does not hold the layers' names; save the whole model as .keras, or its"
            " weights in the older .h5 layout"
        )
    return layers


def _datasets(file):
    """Dict from path to array of an HDF5 file (a path, or a file object)."""
    import h5py  # comes with TensorFlow; no other command needs it

    found = {}

    def _keep(name, node):
        if isinstance(node, h5py.Dataset):
            found[name] = node[()]

    with h5py.File(file, "r") as opened:
        opened.visititems(_keep)
    return found


def _layers_by_name(datasets):
    """Groups datasets [model_weights/]LAYER/.../KIND[:0], the layout of HDF5 since Keras 1."""
    layers = {}
    for name, value in datasets.items():
        parts = name.split("/")
        if parts[0] == "model_weights":
            parts = parts[1:]
        if parts[0] in ("optimizer_weights", "top_level_model_weights"):
            continue
        kind = parts[-1].split(":")[0].replace("depthwise_kernel", "kernel")
        layers.setdefault(parts[0], {})[kind] = value
    return layers


def _layers_of_zip(path):
    """The layers of a .keras file, whose weights are numbered by class and by variable."""
    with zipfile.ZipFile(path) as package:
        config = json.loads(package.read("config.json").decode("utf-8"))["config"]
        datasets = _datasets(io.BytesIO(package.read("model.weights.h5")))
    layers, counts = {}, {}
    for layer in config["layers"]:
        group = _CLASSES.get(layer["class_name"])
        if group is None:
            continue
        number = counts[group] = counts.get(group, -1) + 1
        place = f"{group}_{number}" if number else group
        kinds = _kinds_of(group, layer["config"])
        name = layer.get("name") or layer["config"]["name"]
        layers[name] = {k: datasets[f"layers/{place}/vars/{i}"] for i, k in enumerate(kinds)}
    return layers


def _kinds_of(group, options):
    """What a layer's variables are, in their order."""
    if group == "batch_normalization":
        affine = [k for k, option in (("gamma", "scale"), ("beta", "center")) if options[option]]
        return affine + ["moving_mean", "moving_variance"]
    return ["kernel", "bias"] if options.get("use_bias", True) else ["kernel"]
