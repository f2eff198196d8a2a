"""The formats of an exported model: how to write each from a frozen graph, and load it."""

import functools
import importlib.util
import os
import shutil
import tempfile
from typing import Callable, NamedTuple, Tuple

from data.augment import Augmentation, evaluation_frame
from utils.errors import UserError
from utils.tf1 import (
    hold_back_stderr,
    load_saved_model,
    open_session,
    require_tensorflow_2,
    tf,
    tflite_of,
)

ANSWERS = ("probabilities", "classes", "embedding")
PIXELS = "pixels"
ENCODED = tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY
ASSETS = "assets"


class Model(NamedTuple):
    """A network without variables.

    Attributes:
      graph: tf.GraphDef with the placeholder `pixels`, float32 [B, F, F, 3], and `ANSWERS` below
        the scope "answers".
      augmentation: data.augment.Augmentation, how an encoded image becomes pixels.
      assets: list of str, files that go with the model.
    """

    graph: tf.GraphDef
    augmentation: Augmentation
    assets: list


class Format(NamedTuple):
    """One row of `FORMATS`.

    Attributes:
      packages: tuple of str, required modules from requirements-export.txt.
      needs_tensorflow_2: bool.
      write: function of a new folder and a Model.
      load: function from the folder to a dict from signature to a function from a batch (a list
        of encoded files, or float32 [B, F, F, 3]) to a dict from a name of `ANSWERS` to an array.
    """

    packages: Tuple[str, ...]
    needs_tensorflow_2: bool
    write: Callable
    load: Callable


def answer(name):
    """The name of an output tensor in the graph of a Model."""
    return f"answers/{name}:0"


def check_packages(name):
    """Checks the requirements of a format.

    Args:
      name: str, a key of `FORMATS`.

    Raises:
      UserError: it needs TensorFlow 2, or a package that is not installed.
    """
    if FORMATS[name].needs_tensorflow_2:
        require_tensorflow_2(f"--format {name}")
    missing = [p for p in FORMATS[name].packages if importlib.util.find_spec(p) is None]
    if missing:
        raise UserError(
            f"--format {name} needs {' and '.join(missing)}, not installed here; run"
            " pip install -r requirements-export.txt"
        )


def _write_saved_model(folder, model):
    """Two signatures for one network: encoded images, and pixels."""
    with tf.Graph().as_default():
        images = tf.placeholder(tf.string, [None], "images")
        with tf.device("/cpu:0"):  # no GPU has kernels for strings
            frames = tf.map_fn(
                lambda contents: evaluation_frame(contents, model.augmentation),
                images,
                dtype=tf.float32,
                back_prop=False,
            )
        pixels = tf.placeholder_with_default(frames, frames.shape, PIXELS)
        tensors = tf.import_graph_def(
            model.graph, {PIXELS: pixels}, [answer(name) for name in ANSWERS], name="network"
        )
        for path in model.assets:
            tf.add_to_collection(tf.GraphKeys.ASSET_FILEPATHS, tf.constant(path))
        signature = functools.partial(
            tf.saved_model.signature_def_utils.predict_signature_def,
            outputs=dict(zip(ANSWERS, tensors)),
        )
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        with open_session("-1") as session:
            builder.add_meta_graph_and_variables(
                session,
                [tf.saved_model.tag_constants.SERVING],
                {ENCODED: signature({"images": images}), PIXELS: signature({PIXELS: pixels})},
                assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS),
            )
            builder.save()


def _load_saved_model(folder):
    with tf.Graph().as_default():
        session = open_session("-1")
        signatures = load_saved_model(folder, session)

    def run(name, batch):
        argument, outputs = signatures[name]
        return session.run(outputs, {argument: batch})

    return {name: functools.partial(run, name) for name in (ENCODED, PIXELS)}


def _write_beside_assets(folder, model, file_name, contents):
    os.makedirs(os.path.join(folder, ASSETS))
    for path in model.assets:
        shutil.copy(path, os.path.join(folder, ASSETS))
    with open(os.path.join(folder, file_name), "wb") as file:
        file.write(contents)


def _write_onnx(folder, model):
    import tf2onnx

    names = {f"{PIXELS}:0": PIXELS, **{answer(name): name for name in ANSWERS}}
    converted, _ = tf2onnx.convert.from_graph_def(
        model.graph,
        input_names=[f"{PIXELS}:0"],
        output_names=[answer(name) for name in ANSWERS],
        opset=13,
        tensors_to_rename=names,
    )
    _write_beside_assets(folder, model, "model.onnx", converted.SerializeToString())


def _load_onnx(folder):
    import onnxruntime

    path = os.path.join(folder, "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return {PIXELS: lambda batch: dict(zip(ANSWERS, session.run(ANSWERS, {PIXELS: batch})))}


def _write_tflite(folder, model):
    with tempfile.TemporaryDirectory() as scratch:
        saved = os.path.join(scratch, "saved")
        _write_saved_model(saved, model)
        converted = tflite_of(saved, PIXELS)
    _write_beside_assets(folder, model, "model.tflite", converted)


def _load_tflite(folder):
    from ai_edge_litert.interpreter import Interpreter

    with hold_back_stderr():
        interpreter = Interpreter(os.path.join(folder, "model.tflite"))
        interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner(PIXELS)
    return {PIXELS: lambda batch: runner(**{PIXELS: batch})}


FORMATS = {
    "savedmodel": Format((), False, _write_saved_model, _load_saved_model),
    "onnx": Format(("tf2onnx", "onnxruntime"), False, _write_onnx, _load_onnx),
    "tflite": Format(("ai_edge_litert",), True, _write_tflite, _load_tflite),
}
