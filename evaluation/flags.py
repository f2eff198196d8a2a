"""The command line of eval.py."""

import os

from config.base_config import device_of
from config.cli import Parser, checked
from config.paths import find_run
from config.resolve import check_value
from utils.errors import UserError

EPILOG = """examples:
  python eval.py --run_dir RUN                                  the test list, last checkpoint
  python eval.py --run_dir RUN --checkpoint best --split val
  python eval.py --run_dir RUN --embedding both --neighbours 10
  python eval.py --run_dir RUN --report                         and report.html, one file

The network runs once over the list, the training list and a held-out validation list. Its outputs
are stored under RUN/eval/ and reused as long as checkpoint, lists and images are unchanged. A list
of classes that training lacks (main.py --lists_folder lists_unseen) is only searched: no accuracy.
"""


def parser():
    """The parser of `eval.py`."""
    parser = Parser(
        prog="eval.py",
        usage="python eval.py --run_dir RUN [--SETTING VALUE ...]",
        description="Evaluates a saved run as a classifier, as a retrieval embedding and as both\n"
        "together, and writes scores and plots to eval/<split>/ in its folder.",
        epilog=EPILOG,
    )
    add = parser.add_argument_group("what to evaluate").add_argument
    add("--run_dir", "--checkpoint_dir", required=True, metavar="RUN",
        help="run folder, as main.py printed it, or its name under --runs_dir")  # fmt: skip
    add("--split", default="test", choices=("test", "val", "train"),
        metavar="{test,val,train}", help="list of images [default test]")  # fmt: skip
    add("--checkpoint", default="last", metavar="{last,best,PATH}",
        help="checkpoint of the run [default last]")  # fmt: skip
    add("--embedding", choices=("head", "pooled", "both"), metavar="{head,pooled,both}",
        help="vectors for the main scores, neighbours and plots: the embedding head's, the"
        " classifier's input, or both concatenated [default head, pooled for a vanilla"
        " run]")  # fmt: skip
    add("--neighbours", type=checked(int), default=5, metavar="K",
        help="number of neighbours that vote on a class [default 5]")  # fmt: skip
    add = parser.add_argument_group("extra output").add_argument
    add("--report", action="store_true", help="write report.html: scores, plots, photos and"
        " explained errors in one file")  # fmt: skip
    add("--projector", action="store_true", help="write projector/, for TensorBoard's projector")
    add = parser.add_argument_group("machine").add_argument
    add("--batch_size", type=checked(int), metavar="N",
        help="images per batch [default: the run's]")  # fmt: skip
    add("--gpu", type=checked(device_of), metavar="N",
        help="CUDA device; -1 for none [default: the run's]")  # fmt: skip
    add("--max_megapixels", type=checked(int), metavar="N",
        help="megapixels of the largest image that is decoded [default: the run's]")  # fmt: skip
    add("--datasets_dir", metavar="PATH", help="folder of the data sets [default: the run's]")
    add("--dataset_path", "--db_path", metavar="PATH",
        help="folder of a custom data set [default: the run's]")  # fmt: skip
    add("--runs_dir", "--checkpoints_dir", metavar="PATH", help="folder of the run folders")
    return parser


def parse(argv):
    """Reads the flags of `eval.py`.

    Args:
      argv: list of str, without the program's name.

    Returns:
      dict of the arguments of `evaluator.evaluate_run`, and `extras`, list of what else to write:
      "report", "projector".

    Raises:
      UserError: an unknown flag, a value that can't be read, or a number out of range.
    """
    flags = parser().parse(argv)
    for name in ("batch_size", "max_megapixels"):
        if getattr(flags, name) is not None:
            check_value(name, getattr(flags, name))
    if flags.neighbours < 1:
        raise UserError(f"--neighbours {flags.neighbours} must be at least 1")
    overrides = {
        "gpu": flags.gpu,
        "max_megapixels": flags.max_megapixels,
        "datasets_dir": flags.datasets_dir and os.path.abspath(flags.datasets_dir),
        "dataset_path": flags.dataset_path and os.path.abspath(flags.dataset_path),
    }
    return {
        "folder": find_run(flags.run_dir, flags.runs_dir),
        "split": flags.split,
        "checkpoint": flags.checkpoint,
        "embedding": flags.embedding,
        "batch_size": flags.batch_size,
        "overrides": {name: value for name, value in overrides.items() if value is not None},
        "num_neighbours": flags.neighbours,
        "extras": [name for name in ("report", "projector") if getattr(flags, name)],
    }
