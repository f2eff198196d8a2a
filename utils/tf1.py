"""TensorFlow 1 style graphs on TensorFlow 1.15 and 2: the only module that depends on the version.

Every other module imports `tf`, `slim` and `slim_nets` from here.
"""

import contextlib
import importlib
import os
import platform
import sys
import tempfile
import warnings

from utils.errors import UserError

if sys.flags.optimize > 1:
    raise UserError(
        "TensorFlow needs its own docstrings, which python -OO strips; use python or python -O"
    )
# Read by the C++ runtime and by tf-keras when they are first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# Mixed precision leaves matrix products, and so the losses and the embedding head, in float32.
os.environ["TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_WHITELIST_REMOVE"] = (
    "MatMul,BatchMatMul,BatchMatMulV2,Einsum"
)


def _alias_legacy_layers():
    """Makes the layers that tf-slim imports available under the name that it uses.

    tf-slim imports `tf_keras.legacy_tf_layers`; the tf-keras wheels hold the package below
    `tf_keras.src` only (https://github.com/keras-team/keras/issues/18839).
    """
    for module in ("", ".base", ".convolutional", ".core", ".normalization", ".pooling"):
        source = importlib.import_module("tf_keras.src.legacy_tf_layers" + module)
        sys.modules["tf_keras.legacy_tf_layers" + module] = source


__all__ = [
    "TENSORFLOW_VERSION", "device_name", "hold_back_stderr", "load_saved_model",
    "make_deterministic", "mirrored_strategy", "multi_worker_strategy", "open_session",
    "require_tensorflow_2", "run_on_replicas", "session_config", "slim", "slim_nets", "tf",
    "tflite_of",
]  # fmt: skip


@contextlib.contextmanager
def hold_back_stderr():
    """Captures what C++ code writes to stderr, and shows it only if the block fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


# Messages of the import concern TensorFlow's internals; users can't act on them.
with warnings.catch_warnings(), hold_back_stderr():
    warnings.simplefilter("ignore")
    import tensorflow

    TENSORFLOW_VERSION = tensorflow.__version__
    tf = tensorflow.compat.v1
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    _IS_TF1 = TENSORFLOW_VERSION.startswith("1.")
    if not _IS_TF1:
        _alias_legacy_layers()
    import tf_slim as slim
    from tf_slim import nets as slim_nets

warnings.filterwarnings("ignore", ".*(layer.apply|tf.layers.flatten)", UserWarning)


def session_config(gpu, precision="float32", xla=False):
    """tf.ConfigProto of a session.

    Args:
      gpu: str, indices of visible CUDA devices with commas between them; "-1" for none, repeated
        for several logical CPU devices.
      precision: "float32", or "mixed": 16 bits in convolutions and what lies between them. Batch
        normalisation has 16-bit inputs and outputs, its statistics and weights are float32.
      xla: bool, compile with XLA.

    Raises:
      UserError: there are devices, but not that many; the device lacks mixed precision or XLA.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    chosen = gpu.split(",")
    found = "-1" not in chosen and len(tf.config.experimental.list_physical_devices("GPU"))
    options = config.graph_options
    if precision == "mixed":
        if not found:
            _require_bfloat16()
        name = "auto_mixed_precision" + ("" if found else "_onednn_bfloat16")
        setattr(options.rewrite_options, name, 1)
    if xla:
        if not found:
            raise UserError("--xla true needs a GPU, as XLA slows training on a CPU; leave it out")
        options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    if "-1" in chosen:
        config.device_count["GPU"] = 0
        config.device_count["CPU"] = len(chosen)
        return config
    if found and max(map(int, chosen)) >= found:
        raise UserError(
            f"--gpu {gpu}: TensorFlow sees {found} devices, numbered from 0; choose among them"
        )
    if found:  # without one TensorFlow 1.15 would abort
        config.gpu_options.visible_device_list = gpu
    return config


def device_name(gpu):
    """The devices of a session, such as "GPU 0 (NVIDIA H100)", or the processor.

    Args:
      gpu: str, see `session_config`.
    """
    devices = tf.config.experimental.list_physical_devices("GPU")
    chosen = [number for number in map(int, gpu.split(",")) if 0 <= number < len(devices)]
    if not chosen:
        return platform.processor() or platform.machine()
    if _IS_TF1:
        return ", ".join(f"GPU {number}" for number in chosen)
    details = tensorflow.config.experimental.get_device_details
    names = [details(devices[number]).get("device_name", "unknown") for number in chosen]
    return ", ".join(f"GPU {number} ({name})" for number, name in zip(chosen, names))


def make_deterministic():
    """Makes every op of this process give the same result each time, on GPUs too.

    Raises:
      UserError: this is TensorFlow 1.15.
    """
    require_tensorflow_2("--deterministic true")
    tensorflow.config.experimental.enable_op_determinism()


def _require_bfloat16():
    """Refuses mixed precision on a CPU, or in a TensorFlow, that has no bfloat16.

    Raises:
      UserError: this is one.
    """
    advice = "use a GPU, or leave --precision mixed out"
    if _IS_TF1:
        raise UserError(f"TensorFlow 1.15 has no mixed precision on a CPU; {advice}")
    if not cpu_flags() & {"avx512_bf16", "amx_bf16"}:
        raise UserError(
            "mixed precision on a CPU needs its instructions for bfloat16 (avx512_bf16 or"
            f" amx_bf16), which this CPU lacks; {advice}"
        )


def cpu_flags():
    """Set of str, the instruction sets of this CPU as Linux names them; empty elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            line = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return set()
    return set(line.split())


def open_session(gpu, precision="float32", xla=False):
    """A tf.Session of the default graph, see `session_config`."""
    return tf.Session(config=session_config(gpu, precision, xla))


def mirrored_strategy(gpu):
    """A tf.distribute.MirroredStrategy over the devices of a session of `session_config(gpu)`.

    Raises:
      UserError: TensorFlow sees no CUDA device.
    """
    chosen = gpu.split(",")
    if "-1" in chosen:
        devices = [f"/cpu:{index}" for index in range(len(chosen))]
        reduction = tf.distribute.ReductionToOneDevice()
        return tf.distribute.MirroredStrategy(devices, cross_device_ops=reduction)
    _require_devices(gpu)
    return tf.distribute.MirroredStrategy([f"/gpu:{index}" for index in range(len(chosen))])


def multi_worker_strategy(gpu):
    """A MultiWorkerMirroredStrategy over the machines of TF_CONFIG; made before any op.

    It takes all devices that the process sees, so from here on the process sees only the chosen
    ones, numbered from 0.

    Args:
      gpu: str, see `session_config`.

    Returns:
      The strategy, and the `gpu` that is right from now on.

    Raises:
      UserError: several logical CPU devices, or devices that TensorFlow doesn't see.
    """
    chosen = gpu.split(",")
    if "-1" in chosen and len(chosen) > 1:
        raise UserError(f"--gpu {gpu} is for one machine; with TF_CONFIG choose --gpu -1")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = dict(enumerate(visible.split(","))) if visible else {}
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(names.get(int(i), i) for i in chosen)
    if len(chosen) > 1:
        _require_devices(gpu)
    module = tensorflow.distribute.experimental if _IS_TF1 else tensorflow.distribute
    numbers = "-1" if "-1" in chosen else ",".join(map(str, range(len(chosen))))
    return module.MultiWorkerMirroredStrategy(), numbers


def _require_devices(gpu):
    if not tf.config.experimental.list_physical_devices("GPU"):
        raise UserError(
            f"--gpu {gpu}: TensorFlow sees no CUDA device; choose --gpu -1, or --gpu -1,-1 to try"
            " two replicas on the CPU of one machine"
        )


def run_on_replicas(strategy, function):
    """Calls a function once for each replica of a tf.distribute strategy in this process."""
    (strategy.experimental_run_v2 if _IS_TF1 else strategy.run)(function)


def load_saved_model(folder, session):
    """Loads a SavedModel, on TensorFlow 2 with `tf.saved_model.load`.

    Args:
      folder: str.
      session: tf.Session, whose graph is the default graph.

    Returns:
      dict from signature to (input tensor, dict from name to output tensor).
    """
    if not _IS_TF1:
        loaded = tensorflow.saved_model.load(folder)
        return {name: _called(function) for name, function in loaded.signatures.items()}
    tags = [tf.saved_model.tag_constants.SERVING]
    signatures = tf.saved_model.loader.load(session, tags, folder).signature_def
    tensor = session.graph.get_tensor_by_name
    return {
        name: (
            tensor(next(iter(signature.inputs.values())).name),
            {key: tensor(info.name) for key, info in signature.outputs.items()},
        )
        for name, signature in signatures.items()
    }


def _called(function):
    """Calls a loaded one-argument function in the default graph: its input and outputs."""
    ((name, spec),) = function.structured_input_signature[1].items()
    argument = tf.placeholder(spec.dtype, spec.shape)
    return argument, function(**{name: argument})


def require_tensorflow_2(what):
    """Refuses a feature that TensorFlow 1.15 lacks.

    Raises:
      UserError: this is TensorFlow 1.15.
    """
    if _IS_TF1:
        raise UserError(
            f"{what} needs TensorFlow 2, and this is TensorFlow {TENSORFLOW_VERSION}; run the same"
            " command in an environment of Python 3.10 - 3.13"
        )


def tflite_of(folder, signature):
    """Converts a signature of a SavedModel to TensorFlow Lite; TensorFlow 2 only.

    Returns:
      bytes.
    """
    # The converter that keeps names and any batch size runs in eager mode only.
    with tensorflow.__internal__.eager_context.eager_mode(), hold_back_stderr():
        converter = tensorflow.lite.TFLiteConverter
        return converter.from_saved_model(folder, signature_keys=[signature]).convert()
