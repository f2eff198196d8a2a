"""The command lines of this room: make, check and download."""

import argparse

from config.cli import Parser
from datasets_lists import official
from utils.errors import UserError

_MAKE_EPILOG = """\
Of an official data set the files of its own site are read; they have to lie below --datasets_dir
as datasets_lists/README.md shows. Written are, in one step or not at all,

  lists/{train,val,trainval,test}_all_sub_list.csv    ,label,file_name   with labels from 0
  lists/classes.csv                                   index,name

Lists that are there and differ are kept unless --overwrite is given. Then the data set is checked
as by python -m datasets_lists.check. Exit code: 0 all is well, 1 the lists are written and the
check found something, 2 no lists could be written.

examples:
  python -m datasets_lists.make flowers
  python -m datasets_lists.make aircrafts --level family --overwrite
  python -m datasets_lists.make all --datasets_dir /data
  python -m datasets_lists.make custom --dataset_path FOLDER --split 0.7 0.1 0.2 --seed 0
"""
_CHECK_EPILOG = """\
Looked for are: counts other than the published; labels without a training image; listed images
that are not there, and images in no list; the same file or the same pixels in two splits; images
that training could not decode, truncated ones, ones whose ending is another format's (a PNG called
.jpg), and ones that are not RGB. Told besides: sizes, images per class and the hash of the classes.

--fix writes offending images anew, under their own names, as RGB JPEGs (as RGB PNGs or BMPs where
the name says so), and keeps what was there as NAME.orig. It touches nothing else.

Exit code: 0 clean, 1 something is found and not repaired, 2 the check could not run.

examples:
  python -m datasets_lists.check flowers
  python -m datasets_lists.check                        every official data set that is in place
  python -m datasets_lists.check custom --dataset_path FOLDER --fix
  python -m datasets_lists.check cub --json cub.json
"""
_DOWNLOAD_EPILOG = """\
A broken download goes on where it stopped. Sizes and checksums are compared, archives are unpacked
beside their place and moved in when they are whole, and what is there already is left alone. Cars
and birds have no open address: what to get where, and what to put where, is printed.

examples:
  python -m datasets_lists.download flowers
  python -m datasets_lists.download cub --datasets_dir /data
"""
# Flag -> the names that it has a meaning with; the others go with every name.
_OFFICIAL = (*official.NAMES, "all")
_MEANING = {
    "datasets_dir": _OFFICIAL,
    "subset": _OFFICIAL,
    "level": ("aircrafts",),
    "dataset_path": ("custom",),
    "split": ("custom",),
    "seed": ("custom",),
}


def _at_least(least):
    """A reader of whole numbers from `least` up."""

    def read(word):
        """The number, or an error that argparse understands."""
        if not word.isdigit() or int(word) < least:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number from {least} up")
        return int(word)

    return read


def _parser(command, usage, description, epilog):
    prog = f"python -m datasets_lists.{command}"
    usage = "\n       ".join(f"{prog} {line}" for line in usage)
    return Parser(prog=prog, usage=usage, description=description, epilog=epilog)


def _add_common(parser):
    add = parser.add_argument
    add("--datasets_dir", metavar="PATH", help="folder of the data sets [default as in main.py]")
    add("--dataset_path", metavar="FOLDER", help="custom: the folder of the images")
    add("--subset", action="store_true", help="other counts than the published are on purpose")
    add(
        "--workers", type=_at_least(1), metavar="N", help="processes that read [default one a core]"
    )


def make_parser():
    """The parser of `python -m datasets_lists.make`."""
    parser = _parser(
        "make",
        ("NAME [--datasets_dir PATH]", "custom --dataset_path FOLDER [--split A B C] [--seed N]"),
        "Turns official annotations, or a folder a class, into the lists that main.py reads, and\n"
        "checks the result.",
        _MAKE_EPILOG,
    )
    names = (*_OFFICIAL, "custom")
    add = parser.add_argument
    add("name", choices=names, metavar="NAME", help=", ".join(names) + " (all: those in place)")
    _add_common(parser)
    levels = "variant (100), family (70) or manufacturer (30)"
    add("--level", choices=official.LEVELS, metavar="LEVEL",
        help=f"aircrafts: the classes, {levels} [default variant]")  # fmt: skip
    add("--split", nargs=3, type=float, metavar="A B C",
        help="custom: shares for train, val and test [default 0.7 0.1 0.2]")  # fmt: skip
    add("--seed", type=_at_least(0), metavar="N", help="custom: seed of the split [default 0]")
    add("--overwrite", action="store_true", help="replace lists that differ")
    add("--skip_images", action="store_true", help="check lists and file names alone")
    return parser


def check_parser():
    """The parser of `python -m datasets_lists.check`."""
    parser = _parser(
        "check",
        (
            "[NAME] [--datasets_dir PATH] [--fix] [--json PATH]",
            "custom --dataset_path FOLDER [--fix]",
        ),
        "The dataset doctor: says exactly what is wrong with lists and images.",
        _CHECK_EPILOG,
    )
    names = (*_OFFICIAL, "custom")
    parser.add_argument("name", nargs="?", choices=names, metavar="NAME",
        help=", ".join(names) + " [default all: those in place]")  # fmt: skip
    _add_common(parser)
    parser.add_argument("--fix", action="store_true", help="write offending images anew")
    parser.add_argument("--json", metavar="PATH", help="write the report as JSON too; -: print it")
    return parser


def download_parser():
    """The parser of `python -m datasets_lists.download`."""
    parser = _parser(
        "download",
        ("NAME [--datasets_dir PATH]",),
        "Gets a data set from its official address, or says how to get it.",
        _DOWNLOAD_EPILOG,
    )
    add = parser.add_argument
    add("name", choices=official.NAMES, metavar="NAME", help=", ".join(official.NAMES))
    add("--datasets_dir", metavar="PATH", help="folder of the data sets [default as in main.py]")
    return parser


def parse(parser, argv):
    """Parses a command line of this room.

    Args:
      parser: one of the parsers of this module.
      argv: list of str, without the program's name.

    Returns:
      argparse.Namespace; `name` is "custom" or "all" where only --dataset_path or nothing is given.

    Raises:
      UserError: an unknown flag or name, or a flag that has no meaning with this name.
    """
    flags = parser.parse(argv)
    if flags.name is None:
        flags.name = "custom" if flags.dataset_path else "all"
    for flag, names in _MEANING.items():
        value = getattr(flags, flag, None)
        if value is not None and value is not False and flags.name not in names:
            raise UserError(f"--{flag} has no meaning with {flags.name}; leave it out")
    if flags.name == "custom" and not flags.dataset_path:
        raise UserError("custom needs --dataset_path, the folder of your images")
    if flags.name == "all" and getattr(flags, "json", None):
        raise UserError("--json goes with one data set; name it")
    return flags
