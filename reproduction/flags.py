"""The command line of reproduce.py."""

from config.base_config import device_of, mode_of
from config.cli import Parser, checked, find_run, given_settings
from config.datasets import DATASETS
from config.losses import TRAIN_MODES
from reproduction.tables import BUDGETS, PAPER_DATASETS, PROTOCOLS, TABLES

EPILOG = """what follows -- goes to every main.py, such as
  python reproduce.py --datasets custom -- --dataset_path FOLDER --net mobile --train_iters 500

  python reproduce.py compare RUN_A RUN_B
tells what differs between two runs.
"""


def _devices_of(text):
    return [checked(device_of)(word) for word in text.split(",")]


def parser():
    """The parser of reproduce.py."""
    made = Parser(
        prog="reproduce.py",
        usage="python reproduce.py [--table TABLE] [...] [-- FLAGS OF main.py]",
        description="Trains and evaluates the cells of one of the paper's tables, those that are\n"
        "not done yet, and writes the table: measured beside published.",
        epilog=EPILOG,
    )
    add = made.add_argument
    # fmt: off
    add("--table", default="resnet50", choices=tuple(TABLES),
        help="which table [default resnet50]")
    add("--datasets", nargs="+", default=list(PAPER_DATASETS), choices=tuple(DATASETS),
        metavar="NAME", help="data sets, its columns [default the five of the paper]")
    add("--modes", nargs="+", type=mode_of, choices=TRAIN_MODES, metavar="MODE",
        help="training modes, its rows [default those of the table]")
    add("--seeds", nargs="+", type=int, metavar="N",
        help="one run each [default 0 1 2; 0 for the tiny budget]")
    add("--protocol", default="released", choices=tuple(PROTOCOLS),
        help="released: best checkpoint on the test list, softmax on shuffled batches; clean: last"
        " checkpoint, P x K batches for all [default released]")
    add("--budget", default="paper", choices=tuple(BUDGETS),
        help="short: a tenth of the iterations; tiny: generated miniatures and a small network, to"
        " try the machinery; neither is comparable [default paper]")
    add("--gpus", default="0", type=_devices_of, metavar="N,N",
        help="devices, one run on each at a time [default 0]")
    add("--dry_run", action="store_true", help="say what is done and what is to do, then stop")
    add("--emit", choices=("shell", "slurm"),
        help="write the runs that are to do as command lines or as a SLURM array job, then stop")
    add("--tables_dir", default="tables", metavar="PATH", help="where tables go [default ./tables]")
    # fmt: on
    return made


def parse(argv):
    """Reads the flags of reproduce.py.

    Args:
      argv: list of str, without the program's name.

    Returns:
      argparse.Namespace, and dict from setting to value of what follows "--".

    Raises:
      UserError: an unknown flag, or a word that can't be read.
    """
    place = argv.index("--") if "--" in argv else len(argv)
    flags = parser().parse(argv[:place])
    common, _, _ = given_settings(argv[place + 1 :])
    if flags.seeds is None:
        flags.seeds = [0] if flags.budget == "tiny" else [0, 1, 2]
    return flags, common


def parse_compare(argv):
    """Reads the flags of `reproduce.py compare`.

    Returns:
      The two run folders, as absolute paths.

    Raises:
      UserError: there are not two.
    """
    made = Parser(
        prog="reproduce.py compare",
        usage="python reproduce.py compare RUN_A RUN_B",
        description="Tells what differs between two runs: settings, versions, data and scores.",
    )
    made.add_argument("runs", nargs=2, metavar="RUN", help="run folder, as main.py printed it")
    return [find_run(name) for name in made.parse(argv).runs]
