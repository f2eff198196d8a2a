"""Exports a run's checkpoint as a standalone model, after comparing its outputs."""

import contextlib
import os
import shutil
import tempfile

from config import stored
from data.augment import NORMALISATIONS
from evaluation import spaces
from inference import comparison
from inference.formats import ASSETS, FORMATS, PIXELS, Model, check_packages
from training import build
from utils import checkpoints, run_dir
from utils.errors import UserError
from utils.tf1 import TENSORFLOW_VERSION, open_session, tf

RECORD_FILE = "export.json"


def export(folder, out, checkpoint="last", format_name="savedmodel", space=None):
    """Writes a checkpoint of a run as a model, atomically, after comparing its outputs.

    Args:
      folder: str, the run folder.
      out: str, the folder to create.
      checkpoint: str, "last", "best" or a checkpoint's prefix.
      format_name: str, a key of `formats.FORMATS`.
      space: str from `spaces.SPACES`, the vectors that the model returns; default the embedding
        head's, or the pooled ones for a run without that head.

    Returns:
      list of str, lines for the user.

    Raises:
      UserError: the run, the checkpoint or a package is missing, or `out` already exists or
        can't be written.
      comparison.Differs: the model's outputs differ from the checkpoint's.
    """
    config = stored.read(folder)[0]
    space = _space_of(config, folder, space)
    prefix = checkpoints.find(folder, checkpoint)
    names = [name for _, name in run_dir.read_classes(folder)]
    check_packages(format_name)
    with _new_folder(out) as part, tempfile.TemporaryDirectory() as scratch:
        graph = freeze(
            config, names, space, lambda s: checkpoints.restore(tf.train.Saver(), s, prefix)
        )
        record = _record_of(config, folder, prefix, space)
        run_dir.write_json(os.path.join(scratch, RECORD_FILE), record)
        shutil.copy(os.path.join(folder, run_dir.CLASSES_FILE), scratch)
        assets = [os.path.join(scratch, name) for name in (run_dir.CLASSES_FILE, RECORD_FILE)]
        _write(out, part, format_name, Model(graph, build.augmentation_of(config), assets))
        lines = comparison.compare(FORMATS[format_name].load(part), config, prefix, names, space)
        megabytes = _bytes_of(part) / 1e6
    return [
        f"{format_name} of {prefix}, space {space}, written with TensorFlow {TENSORFLOW_VERSION}",
        *lines,
        f"{megabytes:.1f} MB, with {', '.join(map(os.path.basename, assets))} in {ASSETS}/",
    ]


def freeze(config, class_names, space, initialise):
    """The evaluation tower with its variables as constants.

    Args:
      config: Config.
      class_names: list of C str.
      space: str from `spaces.SPACES`.
      initialise: function of a tf.Session that sets the variables.

    Returns:
      tf.GraphDef, see `formats.Model`.
    """
    size = config.frame_size
    with tf.Graph().as_default():
        pixels = tf.placeholder(tf.float32, [None, size, size, 3], PIXELS)
        tower = build.build_tower(config, pixels, len(class_names), is_training=False)
        with tf.name_scope("answers"):
            tf.nn.softmax(tower.logits, name="probabilities")
            with tf.device("/cpu:0"):
                names = tf.constant([name.encode("utf-8") for name in class_names])
                tf.gather(names, tf.argmax(tower.logits, axis=1), name="classes")
            tf.identity(_vectors_of(tower, space), name="embedding")
        with open_session("-1") as session:
            initialise(session)
            outputs = ["answers/probabilities", "answers/classes", "answers/embedding"]
            return tf.graph_util.convert_variables_to_constants(
                session, tf.get_default_graph().as_graph_def(), outputs
            )


def _vectors_of(tower, space):
    """`spaces.vectors_of` in TensorFlow."""
    if space == "embedding":
        return tower.embeddings
    pooled = _unit_rows(tower.pooled)
    if space == "pooled":
        return pooled
    return _unit_rows(tf.concat([tower.embeddings, pooled], axis=1))


def _unit_rows(vectors):
    return tf.nn.l2_normalize(vectors, axis=1, epsilon=1e-20)  # 1e-10 before the root


def _space_of(config, folder, space):
    has = spaces.names_of(config.emb_dim is not None)
    if space is not None and space not in has:
        raise UserError(
            f"--space {space}: {folder} is a vanilla run without an embedding head; leave it out,"
            " or choose pooled"
        )
    return space or has[0]


def _record_of(config, folder, prefix, space):
    """The origin of a model, and how to turn an image into its input pixels."""
    augmentation = build.augmentation_of(config)
    mean, divisor = NORMALISATIONS[augmentation.normalisation]
    sizes = {"img": {"resize_short_side": augmentation.resize_min},
             "batch": {"resize_square": augmentation.resize_square}}  # fmt: skip
    return {
        "run": os.path.basename(folder),
        "checkpoint": os.path.relpath(prefix, folder),
        "step": checkpoints.step_of(prefix),
        "network": config.net,
        "space": space,
        "tensorflow": TENSORFLOW_VERSION,
        "central_crop": augmentation.frame_size,
        "mean": mean,
        "divisor": divisor,
        **sizes[augmentation.style],
    }


@contextlib.contextmanager
def _new_folder(out):
    """Yields a temporary path beside `out`, renamed to `out` if the block succeeds."""
    if os.path.lexists(out):
        raise UserError(f"--out {out} already exists; choose another folder, or remove it")
    parent = os.path.dirname(out)
    try:
        os.makedirs(parent, exist_ok=True)
        staging = tempfile.mkdtemp(prefix=".exporting-", dir=parent)
    except OSError as error:
        raise UserError(f"--out {out} can't be written: {error.strerror}") from None
    try:
        part = os.path.join(staging, os.path.basename(out))
        yield part
        os.rename(part, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(out, part, format_name, model):
    try:
        FORMATS[format_name].write(part, model)
    except (tf.errors.OpError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--out {out} can't be written: {reason}") from None


def _bytes_of(folder):
    found = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names]
    return sum(map(os.path.getsize, found))
