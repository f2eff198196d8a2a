"""The command line of python -m datasets_lists: make, check and download."""

import argparse
import difflib
import sys

from config.cli import Parser
from datasets_lists import official
from utils.errors import UserError

_HELP = """\
usage: python -m datasets_lists COMMAND NAME [--FLAG VALUE ...]

Data sets, from their official files to the lists that main.py reads.

  make       turns official annotations, or a folder per class, into lists and checks them
  check      reports what is wrong with the lists and the images of a data set
  download   gets a data set from its official address, or explains how to get it

NAME is {names} or custom, your own images. The flags and examples of each:
python -m datasets_lists COMMAND --help
"""
_MAKE_EPILOG = """\
Reads the official files of a data set, which have to lie below --datasets_dir as
datasets_lists/README.md shows, and writes, in one step or not at all,

  lists/{train,val,trainval,test}_all_sub_list.csv    ,label,file_name   with labels from 0
  lists/classes.csv                                   index,name

Lists that are there and differ are kept unless --overwrite is given. Then the data set is checked
as by python -m datasets_lists check. Exit code: 0 no problem, 1 the lists are written and the check
found a problem, 2 no lists could be written.

examples:
  python -m datasets_lists make flowers
  python -m datasets_lists make aircrafts --level family --overwrite
  python -m datasets_lists make all --datasets_dir /data
  python -m datasets_lists make custom --dataset_path FOLDER --split 0.7 0.1 0.2 --seed 0
"""
_CHECK_EPILOG = """\
Reports counts other than the published; labels without a training image; listed images that are
not there, and images in no list; the same file or the same pixels in two splits; images that
training can't decode, truncated ones, ones whose ending is another format's (a PNG called .jpg),
ones that are not RGB and ones of more than 200 megapixels; images of formats that are not read.
Prints sizes, images per class and the hash of the classes too. Photos are looked at upright, as
their EXIF orientation turns them.

--fix writes such images anew, upright and under their own names, as RGB JPEGs (as RGB PNGs or BMPs
where the name ends so), and keeps what was there as NAME.orig. It touches nothing else.

Exit code: 0 clean, 1 a problem is left, 2 the check could not run.

examples:
  python -m datasets_lists check flowers
  python -m datasets_lists check                        every official data set that is in place
  python -m datasets_lists check custom --dataset_path FOLDER --fix
  python -m datasets_lists check cub --json cub.json
"""
_DOWNLOAD_EPILOG = """\
A broken download goes on where it stopped. Sizes and checksums are compared, archives are unpacked
beside their place and moved in when they are whole, and what is there already is left alone. Cars
and birds have no open address: the command prints where to get them and what to put where.

examples:
  python -m datasets_lists download flowers
  python -m datasets_lists download cub --datasets_dir /data
"""
_OFFICIAL = (*official.NAMES, "all")
# Flag -> the data sets that it goes with; the other flags go with every one.
_DATASETS_OF_FLAG = {
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
    prog = f"python -m datasets_lists {command}"
    usage = "\n       ".join(f"{prog} {line}" for line in usage)
    return Parser(prog=prog, usage=usage, description=description, epilog=epilog)


def _add_folder(parser):
    parser.add_argument(
        "--datasets_dir", metavar="PATH", help="folder of the data sets [default as in main.py]"
    )


def _add_common(parser):
    _add_folder(parser)
    add = parser.add_argument
    add("--dataset_path", "--db_path", metavar="FOLDER", help="custom: the folder of the images")
    add("--subset", action="store_true",
        help="a part of the data set is there on purpose, with other counts")  # fmt: skip
    add("--workers", type=_at_least(1), metavar="N",
        help="processes that read images [default one a core]")  # fmt: skip


def _make_parser():
    parser = _parser(
        "make",
        ("NAME [--datasets_dir PATH]", "custom --dataset_path FOLDER [--split A B C] [--seed N]"),
        "Turns official annotations, or a folder per class, into the lists that main.py\n"
        "reads, and checks the result.",
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


def _check_parser():
    parser = _parser(
        "check",
        (
            "[NAME] [--datasets_dir PATH] [--fix] [--json PATH]",
            "custom --dataset_path FOLDER [--fix]",
        ),
        "Reports what is wrong with the lists and the images of a data set.",
        _CHECK_EPILOG,
    )
    names = (*_OFFICIAL, "custom")
    parser.add_argument("name", nargs="?", choices=names, metavar="NAME",
        help=", ".join(names) + " [default all: those in place]")  # fmt: skip
    _add_common(parser)
    parser.add_argument("--fix", action="store_true", help="write images that have a problem anew")
    parser.add_argument("--json", metavar="PATH", help="write the report as JSON too; -: print it")
    return parser


def _download_parser():
    parser = _parser(
        "download",
        ("NAME [--datasets_dir PATH]",),
        "Gets a data set from its official address, or explains how to get it.",
        _DOWNLOAD_EPILOG,
    )
    add = parser.add_argument
    add("name", choices=official.NAMES, metavar="NAME", help=", ".join(official.NAMES))
    _add_folder(parser)
    return parser


_PARSERS = {"make": _make_parser, "check": _check_parser, "download": _download_parser}


def parse(argv):
    """Reads a command line.

    Args:
      argv: list of str, without the program's name.

    Returns:
      str, "make", "check" or "download", and its argparse.Namespace; the `name` in it is "custom"
      or "all" where only --dataset_path or nothing is given.

    Raises:
      UserError: an unknown command, flag or name, or a flag that does not go with this name.
      SystemExit: 0, after --help.
    """
    command = argv[0] if argv else None
    if command in ("-h", "--help"):
        sys.stdout.write(_HELP.format(names=", ".join(official.NAMES)))
        sys.exit(0)
    if command not in _PARSERS:
        near = difflib.get_close_matches(str(command), _PARSERS, 1)
        hint = f"did you mean {near[0]}?" if near else "see python -m datasets_lists --help"
        what = f"there is no command {command}" if argv else "there is no command"
        raise UserError(f"{what}: it is make, check or download; {hint}")
    given = _PARSERS[command]().parse(argv[1:])
    if given.name is None:
        given.name = "custom" if given.dataset_path else "all"
    _check_combination(given)
    return command, given


def _check_combination(given):
    for flag, names in _DATASETS_OF_FLAG.items():
        value = getattr(given, flag, None)
        if value is not None and value is not False and given.name not in names:
            raise UserError(f"--{flag} does not go with {given.name}; leave it out")
    if given.name == "custom" and not given.dataset_path:
        raise UserError("custom needs --dataset_path, the folder of your images")
    if given.name == "all" and getattr(given, "json", None):
        raise UserError("--json goes with one data set; name it")
