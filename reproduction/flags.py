"""The command line of reproduce.py."""

from config.base_config import device_of, mode_of
from config.cli import Parser, checked, given_settings
from config.datasets import DATASETS
from config.losses import TRAIN_MODES
from config.paths import find_run
from reproduction.cells import TableRequest
from reproduction.protocols import PROTOCOLS
from reproduction.tables import BUDGETS, TABLES
from utils.errors import UserError

_EPILOG = """Flags after -- are passed to every run of main.py, for example
  python reproduce.py --datasets custom -- --dataset_path FOLDER --net mobile --train_iters 500

To print what differs between two runs:
  python reproduce.py compare RUN_A RUN_B

Exit code: 0 if every possible cell is done (with --dry_run or --emit: can be run); 1 if a cell
failed, is damaged or holds a different run (the others were run); 2 if no cell is possible here
or a flag is wrong; 128 + n after signal n.
"""
# Settings that can't be given after --, and why.
_DECIDED_BY = {
    "dataset": "use --datasets",
    "seed": "use --seeds",
    "gpu": "use --gpus",
    **dict.fromkeys(("eval_split", "final_split"), "the protocol chooses it"),
    "lists_folder": "--table unseen uses the lists of unseen classes, the others the usual ones",
    **dict.fromkeys(
        ("keep_checkpoints", "run_dir", "run_suffix", "on_exist", "log_name", "checkpoint_name"),
        "every table stores its runs the same way, under --runs_dir",
    ),
}


def _devices_of(text):
    return [checked(device_of)(word) for word in text.split(",")]


def parser():
    """The parser of reproduce.py."""
    made = Parser(
        prog="reproduce.py",
        usage="python reproduce.py [--table TABLE] [...] [-- FLAGS OF main.py]",
        description="Trains and evaluates every unfinished cell of a table, one run for each row,\n"
        "data set and seed. Then writes the table with measured and published numbers.",
        epilog=_EPILOG,
    )
    add = made.add_argument
    # fmt: off
    add("--table", default="resnet50", choices=tuple(TABLES),
        help="table to make [default resnet50]")
    add("--datasets", nargs="+", choices=tuple(DATASETS),
        metavar="NAME", help=f"columns, one or more of {', '.join(DATASETS)} [default"
        " the five of the paper; cub and cars for unseen]")
    add("--modes", nargs="+", type=mode_of, choices=TRAIN_MODES, metavar="MODE",
        help=f"rows, one or more of {', '.join(TRAIN_MODES)} [default the table's own]")
    add("--seeds", nargs="+", type=int, metavar="N",
        help="one or more seeds, one run each [default 0 1 2; 0 for the tiny budget]")
    add("--protocol", choices=tuple(sorted(set(PROTOCOLS) - {t.protocol for t in TABLES.values()})),
        help="released: best checkpoint on the test list, softmax on shuffled batches; clean: last"
        " checkpoint, P x K batches for every mode; validation: as clean, but on the validation"
        " list, for choosing settings [default released]")
    add("--budget", default="paper", choices=tuple(BUDGETS),
        help="short: a tenth of the iterations; tiny: small synthetic data sets and a small"
        " network, to try every step; neither is comparable to published numbers [default paper]")
    add("--gpus", default="0", type=_devices_of, metavar="N,N",
        help="devices, one run on each at a time; -1 for the CPU [default 0]")
    add("--dry_run", action="store_true", help="print the plan and stop")
    add("--emit", choices=("shell", "slurm"),
        help="write the remaining runs as a shell file or a SLURM array job, and stop")
    add("--tables_dir", default="tables", metavar="PATH",
        help="folder of the tables [default ./tables]")
    # fmt: on
    return made


def parse(argv):
    """Reads the flags of reproduce.py.

    Args:
      argv: list of str, without the program's name.

    Returns:
      TableRequest, and argparse.Namespace with `gpus`, `dry_run`, `emit` and `tables_dir`.

    Raises:
      UserError: an unknown flag, a value that can't be read, or a flag that must not come after
        --.
    """
    place = argv.index("--") if "--" in argv else len(argv)
    flags = parser().parse(argv[:place])
    common, _, only_check = given_settings(argv[place + 1 :])
    if only_check:
        raise UserError("--check can't be passed to the runs; use --dry_run")
    for name in common:
        if name in _DECIDED_BY:
            raise UserError(f"--{name} can't be given after --: {_DECIDED_BY[name]}")
    table = TABLES[flags.table]
    if table.protocol:
        _check_own_protocol(flags)
    seeds = flags.seeds or ([0] if flags.budget == "tiny" else [0, 1, 2])
    request = TableRequest(
        flags.table,
        _distinct(flags.datasets or table.datasets),
        flags.modes and _distinct(flags.modes),
        _distinct(seeds),
        table.protocol or flags.protocol or "released",
        flags.budget,
        common,
    )
    return request, flags


def _check_own_protocol(flags):
    """Refuses what a table's own protocol decides."""
    if flags.protocol:
        raise UserError(
            f"--protocol {flags.protocol} does not apply to --table {flags.table}, which has a"
            " protocol of its own; leave it out"
        )
    if flags.budget == "short":
        raise UserError(
            f"--budget short does not apply to --table {flags.table}, whose protocol has a number"
            " of steps of its own; leave it out, or give -- --train_iters N"
        )


def _distinct(values):
    return tuple(dict.fromkeys(values))


def parse_compare(argv):
    """Reads the flags of `reproduce.py compare`.

    Returns:
      The two run folders, as absolute paths.

    Raises:
      UserError: not exactly two are given.
    """
    made = Parser(
        prog="reproduce.py compare",
        usage="python reproduce.py compare RUN_A RUN_B",
        description="Prints what differs between two runs: settings, versions, data and scores.",
    )
    made.add_argument("runs", nargs=2, metavar="RUN", help="run folder, as main.py printed it")
    return [find_run(name) for name in made.parse(argv).runs]
