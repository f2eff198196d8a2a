"""Command-line flags: those of `main.py` derived from Config's fields, and those of `eval.py`."""

import argparse
import difflib

from config.base_config import SETTINGS, device_of, devices_of
from config.datasets import DATASETS
from config.loss_settings import LOSS_GROUPS
from config.losses import RELEASE_MODES
from config.networks import NETWORKS
from config.recipes import STRONG
from config.resolve import resolve
from utils.errors import UserError

GROUPS = (
    "data", "augmentation", "network", "loss", *LOSS_GROUPS, "schedule", "run folder", "machine"
)  # fmt: skip

MAIN_EPILOG = """examples:
  python main.py                                   digits, both heads, about a minute on a CPU
  python main.py --dataset aircrafts               the paper's recipe
  python main.py --dataset aircrafts --recipe strong
  python main.py --dataset aircrafts --train_mode vanilla --sampler pk
  python main.py --dataset custom --dataset_path FOLDER --net mobile

Run the same command again to resume a stopped run. Folders come from the flag, the environment
(DATASETS_DIR, PRETRAINED_DIR, CHECKPOINTS_DIR), config/local.ini or ./, in this order.
"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Names a flag's value once, after its last spelling."""

    def _format_action_invocation(self, action):
        if action.nargs == 0 or not action.option_strings:
            return super()._format_action_invocation(action)
        (value,) = self._metavar_formatter(action, action.dest.upper())(1)
        return "{} {}".format(", ".join(action.option_strings), value)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence, raised as UserError."""

    def __init__(self, **kwargs):
        """Takes the arguments of `argparse.ArgumentParser`."""
        super().__init__(allow_abbrev=False, formatter_class=_HelpFormatter, **kwargs)

    def error(self, message):
        """Raises UserError instead of printing the usage and exiting."""
        raise UserError("{}; see --help".format(message.replace("argument ", "")))

    def parse(self, argv):
        """Parses `argv`; the error for an unknown flag suggests the closest known one."""
        values, rest = self.parse_known_intermixed_args(argv)
        if rest:
            near = difflib.get_close_matches(rest[0].split("=")[0], self._option_string_actions, 1)
            hint = f"; did you mean {near[0]}?" if near else "; see --help"
            raise UserError(f"unknown argument {rest[0]}{hint}")
        return values


def _default_text(f):
    """The default as --help shows it, with those of networks, data sets and recipe."""
    name = f.name
    default = f.default
    texts = [] if default in (None, "") else [f"default {_word(default)}"]
    if name in ("frame_size", "bn_decay", "feature_map"):
        own = {key: getattr(row, name) for key, row in NETWORKS.items()}
        texts += [f"{key}: {value}" for key, value in own.items() if value is not None]
    own = {key: row.defaults.get(name) for key, row in DATASETS.items()}
    texts += [f"{key}: {_word(v)}" for key, v in own.items() if v is not None]
    texts += [f"strong: {STRONG[name]}"] if name in STRONG else []
    return " [{}]".format(", ".join(texts)) if texts else ""


def _word(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def add_setting(group, f):
    """Adds the flag of a field of Config to an argparse group."""
    meta = f.metadata
    flags = ["--" + f.name] + (["--" + meta["alias"]] if "alias" in meta else [])
    choices = ("true", "false") if isinstance(f.default, bool) else meta.get("choices")
    metavar = {int: "N", float: "X"}.get(meta["parse"], meta.get("metavar", "PATH"))
    if choices:
        metavar = "{" + ",".join(map(str, choices)) + "}"
    text = meta["text"] + _default_text(f)
    group.add_argument(
        *flags,
        dest=f.name,
        action=_StoreAndNote,
        type=checked(meta["parse"]),
        metavar=metavar,
        help=text,
    )


_KINDS = {
    int: "a whole number",
    float: "a number",
    device_of: "a device's number, or -1",
    devices_of: "different devices' numbers such as 0,1, or -1",
}


def checked(parse):
    """`parse`, with a clear message for a value it can't read."""

    def read(word):
        try:
            return parse(word)
        except (ValueError, KeyError):
            kind = _KINDS.get(parse, "a known value")
            raise argparse.ArgumentTypeError(f"{word!r} is not {kind}") from None

    return read


# Flags of the first release, by the setting they set. Under these names a setting that one of its
# modes does not use is ignored, as it was then, rather than an error.
RELEASE_FLAGS = {
    "emb_dim": "emb_dim",
    "batch_size": "batch_size",
    "gpu": "gpu",
    "checkpoint_dir": "run_dir",
    "db_name": "dataset",
    "net": "net",
    "tuple_loader_queue_size": "parallel_calls",
    "train_mode": "train_mode",
    "aug_style": "aug_style",
    "triplet_loss_lambda": "triplet_loss_lambda",
    "caffe_iter_size": "accumulate_batches",
    "logging_threshold": "log_every_steps",
    "train_iters": "train_iters",
    "margin": "margin",
    "Triplet_K": "images_per_class",
    "checkpoint_suffix": "run_suffix",
    "checkpoint_filename": "checkpoint_name",
    "learning_rate": "learning_rate",
    "end_learning_rate": "end_learning_rate",
    "log_filename": "log_name",
    "frame_size": "frame_size",
}
# The first release's defaults: steps between log lines, and log lines between evaluations.
_RELEASE_LOG_STEPS, _RELEASE_TEST_INTERVAL = 500, 10


class _StoreAndNote(argparse.Action):
    """Stores a value and the spelling of the flag that set it."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Called by argparse for each flag."""
        del parser
        setattr(namespace, self.dest, values)
        spelling = option_string.split("=")[0].lstrip("-")
        namespace.spellings = {**getattr(namespace, "spellings", {}), self.dest: spelling}


def main_parser():
    """The parser of `main.py`: one flag a setting, in groups."""
    parser = Parser(
        prog="main.py",
        usage="python main.py [--SETTING VALUE ...]",
        description="Trains a softmax head and an L2-normalised embedding head on one backbone,\n"
        "evaluates both, and prints the run folder.",
        epilog=MAIN_EPILOG,
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="take a few steps, print sizes, memory and time, and write nothing",
    )
    groups = {name: parser.add_argument_group(name) for name in GROUPS}
    for f in SETTINGS.values():
        add_setting(groups[f.metadata["group"]], f)
    add = parser.add_argument_group("further flags of the first release").add_argument
    add("--test_interval", type=checked(int), metavar="N", action=_StoreAndNote,
        help="log lines between evaluations; --eval_every_steps counts steps")  # fmt: skip
    add("--log_filename", metavar="NAME", dest="log_name", action=_StoreAndNote,
        help="name of the log, without its .txt [default log]")  # fmt: skip
    add("--checkpoint_filename", metavar="NAME", dest="checkpoint_name", action=_StoreAndNote,
        help="name of the checkpoints [default model.ckpt]")  # fmt: skip
    return parser


def given_settings(argv):
    """Reads a command line of `main.py` without building a Config.

    Args:
      argv: list of str, without the program's name.

    Returns:
      dict from setting to value, for the settings that were given; set of the settings given under
      the first release's flag name; and bool, whether --check was given.

    Raises:
      UserError: an unknown flag, or a value that can't be read.
    """
    values = vars(main_parser().parse(argv))
    only_check, spellings = values.pop("check"), values.pop("spellings", {})
    given = {name: value for name, value in values.items() if value is not None}
    released = {n for n, spelling in spellings.items() if RELEASE_FLAGS.get(spelling) == n}
    lines = given.pop("test_interval", None)
    if lines is not None and lines < 1:
        raise UserError(f"--test_interval {lines} must be at least 1")
    if "eval_every_steps" in given:
        if lines is not None:
            raise UserError("--test_interval and --eval_every_steps set the same; give one of them")
    elif lines is not None or spellings.get("log_every_steps") == "logging_threshold":
        own = DATASETS.get(given.get("dataset", "digits"), DATASETS["digits"]).defaults
        steps = given.get("log_every_steps", own.get("log_every_steps", _RELEASE_LOG_STEPS))
        given["eval_every_steps"] = (lines or _RELEASE_TEST_INTERVAL) * steps
    return given, released, only_check


def parse(argv):
    """Reads the flags of `main.py`.

    Args:
      argv: list of str, without the program's name.

    Returns:
      Config, and bool, whether --check was given.

    Raises:
      UserError: see `config.resolve.resolve`; also an unknown flag or a value that can't be read.
    """
    given, released, only_check = given_settings(argv)
    of_release = given.get("train_mode", SETTINGS["train_mode"].default) in RELEASE_MODES
    return resolve(given, tolerated=released if of_release else ()), only_check
