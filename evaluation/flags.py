"""The command line of eval.py."""

import os

from config.base_config import device_of
from config.cli import Parser, checked
from config.paths import find_run
from utils.errors import UserError

EPILOG = """examples:
  python eval.py --run_dir RUN                                  the test list, last checkpoint
  python eval.py --run_dir RUN --checkpoint best --split val
  python eval.py --run_dir RUN --embedding both --neighbours 10
  python eval.py --run_dir RUN --report                         and report.html, one file

The network runs once over the list, the training list and a held-out validation list; its outputs
are kept below RUN/eval/ and read again while checkpoint, lists and images are the same.
"""


def parser():
    """The parser of `eval.py`."""
    parser = Parser(
        prog="eval.py",
        usage="python eval.py --run_dir RUN [--SETTING VALUE ...]",
        description="Evaluates a saved run as classifier, as retrieval embedding and as both\n"
        "together, and writes scores and pictures to eval/<split>/ in its folder.",
        epilog=EPILOG,
    )
    add = parser.add_argument_group("what is evaluated").add_argument
    add("--run_dir", "--checkpoint_dir", required=True, metavar="RUN",
        help="run folder, as main.py printed it, or its name below --runs_dir")  # fmt: skip
    add("--split", default="test", choices=("test", "val", "train"),
        metavar="{test,val,train}", help="list of images [default test]")  # fmt: skip
    add("--checkpoint", default="last", metavar="{last,best,PATH}",
        help="checkpoint of the run [default last]")  # fmt: skip
    add("--embedding", choices=("head", "pooled", "both"), metavar="{head,pooled,both}",
        help="vectors of the main scores, the neighbours and the pictures: the embedding head's,"
        " the classifier's input, or both side by side [default head, pooled for a vanilla"
        " run]")  # fmt: skip
    add("--neighbours", type=checked(int), default=5, metavar="K",
        help="nearest images that decide on a class [default 5]")  # fmt: skip
    add = parser.add_argument_group("what is written beside the scores").add_argument
    add("--report", action="store_true", help="report.html: scores, plots, photos and errors"
        " explained, in one file")  # fmt: skip
    add("--projector", action="store_true", help="projector/: the files of TensorBoard's projector")
    add = parser.add_argument_group("machine").add_argument
    add("--batch_size", type=checked(int), metavar="N", help="images a batch [default: the run's]")
    add("--gpu", type=checked(device_of), metavar="N",
        help="CUDA device; -1 for none [default: the run's]")  # fmt: skip
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
      dict of the arguments of `evaluator.evaluate_run`, and `beside`, what is written beside its
      scores: list of "report" and "projector".

    Raises:
      UserError: an unknown flag, a word that can't be read, or a number out of range.
    """
    flags = parser().parse(argv)
    for name in ("batch_size", "neighbours"):
        value = getattr(flags, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} {value} has to be at least 1")
    overrides = {
        "gpu": flags.gpu,
        "datasets_dir": flags.datasets_dir and os.path.abspath(flags.datasets_dir),
        "dataset_path": flags.dataset_path and os.path.abspath(flags.dataset_path),
    }
    return {
        "folder": find_run(flags.run_dir, flags.runs_dir),
        "split": flags.split,
        "which": flags.checkpoint,
        "embedding": flags.embedding,
        "batch_size": flags.batch_size,
        "overrides": {name: value for name, value in overrides.items() if value is not None},
        "num_neighbours": flags.neighbours,
        "beside": [name for name in ("report", "projector") if getattr(flags, name)],
    }
