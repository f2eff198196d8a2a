"""TensorFlow 1 style graphs on TensorFlow 1.15 and 2: the only module that knows which one it is.

Every other module takes `tf`, `slim` and `slim_nets` from here.
"""

import contextlib
import importlib
import os
import sys
import tempfile
import warnings

from utils.errors import UserError

# Read by the C++ runtime and by tf-keras when they are first imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"


def _alias_legacy_layers():
    """Makes the layers that tf-slim asks for importable under the name it asks for.

    tf-slim imports `tf_keras.legacy_tf_layers`; the tf-keras wheels hold the package below
    `tf_keras.src` only (https://github.com/keras-team/keras/issues/18839).
    """
    for module in ("", ".base", ".convolutional", ".core", ".normalization", ".pooling"):
        source = importlib.import_module("tf_keras.src.legacy_tf_layers" + module)
        sys.modules["tf_keras.legacy_tf_layers" + module] = source


__all__ = ["TENSORFLOW_VERSION", "open_session", "session_config", "slim", "slim_nets", "tf"]


@contextlib.contextmanager
def _hold_back_stderr():
    """Keeps what C++ code writes to stderr, and shows it only where the block fails."""
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


# The messages and warnings of the import are about TensorFlow's own parts: no user can act on them.
with warnings.catch_warnings(), _hold_back_stderr():
    warnings.simplefilter("ignore")
    import tensorflow

    TENSORFLOW_VERSION = tensorflow.__version__
    tf = tensorflow.compat.v1
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    if not TENSORFLOW_VERSION.startswith("1."):
        _alias_legacy_layers()
    import tf_slim as slim
    from tf_slim import nets as slim_nets

warnings.filterwarnings("ignore", ".*(layer.apply|tf.layers.flatten)", UserWarning)


def session_config(gpu):
    """tf.ConfigProto of a session on one device.

    Args:
      gpu: str, the number of a CUDA device among the visible ones; "-1" for none.

    Raises:
      UserError: there are devices, but fewer.
    """
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    if gpu == "-1":
        config.device_count["GPU"] = 0
        return config
    found = len(tf.config.experimental.list_physical_devices("GPU"))
    if found and int(gpu) >= found:
        raise UserError(f"--gpu {gpu}: TensorFlow sees {found} devices here, numbered from 0")
    if found:  # without one TensorFlow 1.15 would abort
        config.gpu_options.visible_device_list = gpu
    return config


def open_session(gpu):
    """A tf.Session of the default graph on one device, see `session_config`."""
    return tf.Session(config=session_config(gpu))
