"""The command line of export.py; needs no TensorFlow."""

import os

from config.cli import Parser
from config.paths import find_run
from evaluation.spaces import SPACES

FORMATS = ("savedmodel", "onnx", "tflite")


def parser():
    """The parser of `export.py`."""
    flags = Parser(
        prog="export.py",
        usage="python export.py --run_dir RUN --out DIR [--SETTING VALUE ...]",
        description="Writes a run's network as a standalone model, loads it again and compares\n"
        "its outputs with the checkpoint's.",
    )
    add = flags.add_argument
    add("--run_dir", "--checkpoint_dir", required=True, metavar="RUN",
        help="run folder, as main.py printed it")  # fmt: skip
    add("--out", required=True, metavar="DIR", help="new folder for the model; TensorFlow Serving"
        " looks for MODEL/NUMBER, such as models/digits/1")  # fmt: skip
    add(
        "--checkpoint",
        default="last",
        metavar="{last,best,PATH}",
        help="checkpoint of the run [default last]",
    )
    add("--format", default=FORMATS[0], choices=FORMATS, help="savedmodel takes encoded images or"
        " pixels, onnx and tflite (TensorFlow 2 only) take pixels and need requirements-export.txt"
        " [default savedmodel]")  # fmt: skip
    add("--space", choices=SPACES, help="vectors that the model returns: the embedding head's,"
        " the classifier's input scaled to unit norm, or both concatenated [default embedding,"
        " pooled for a vanilla run]")  # fmt: skip
    add("--runs_dir", "--checkpoints_dir", metavar="PATH", help="folder of the run folders")
    return flags


def parse(argv):
    """Reads the flags of `export.py`.

    Args:
      argv: list of str, without the program's name.

    Returns:
      dict of the arguments of `exporter.export`.

    Raises:
      UserError: an unknown flag, or a value that can't be read.
    """
    flags = parser().parse(argv)
    return {
        "folder": find_run(flags.run_dir, flags.runs_dir),
        "out": os.path.abspath(os.path.expanduser(flags.out)),
        "checkpoint": flags.checkpoint,
        "format_name": flags.format,
        "space": flags.space,
    }
