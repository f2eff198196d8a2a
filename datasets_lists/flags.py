"""The command line of python -m datasets_lists: make, check and download."""

import argparse
import difflib
import sys

from config.cli import Parser
from datasets_lists import official
from utils.errors import UserError

_HELP = """\
usage: python -m datasets_lists COMMAND NAME [--FLAG VALUE ...]

Turns the official files of data sets into the lists that main.py reads.

  make       turn official annotations, or one folder per class, into lists, and check them
  check      report problems in the lists and images of a data set
  download   download a data set from its official site, or explain how to get it

NAME is {names} or custom (your own images). For flags and examples:
python -m datasets_lists COMMAND --help
"""
_MAKE_EPILOG = """\
Reads the official files of a data set, stored under --datasets_dir as shown in
datasets_lists/README.md, and writes, all or none of them,

  lists/{train,val,trainval,test}_all_sub_list.csv    ,label,file_name   with labels from 0
  lists/classes.csv                                   index,name

With --split unseen it writes such lists to lists_unseen: the first half of the classes to train on,
the others as test, for retrieval on classes that training never saw (main.py --lists_folder
lists_unseen). lists_unseen/fold0 to fold3 also hold out a quarter of the training classes as val.

Existing lists that differ are kept unless --overwrite is given. The data set is then
checked as with python -m datasets_lists check. Exit code: 0 no problem, 1 the lists were written
but the check found a problem, 2 no lists could be written.

examples:
  python -m datasets_lists make flowers
  python -m datasets_lists make aircrafts --level family --overwrite
  python -m datasets_lists make cub --split unseen
  python -m datasets_lists make all --datasets_dir /data
  python -m datasets_lists make custom --dataset_path FOLDER --split 0.7 0.1 0.2 --seed 0
"""
_CHECK_EPILOG = """\
Reports counts that differ from the published ones; labels without a training image; missing images
and images in no list; the same file or the same pixels in two splits; and images that training
can't decode, are truncated, have the wrong extension (a PNG called .jpg), are not RGB, exceed
--max_megapixels or have an unsupported format. Also prints image sizes, images per class and the
hash of the classes. Photos are first turned upright by their EXIF orientation.

--fix rewrites such images in place, upright, as RGB JPEGs (RGB PNGs or BMPs if the name ends in
.png or .bmp), and keeps the originals as NAME.orig. It touches nothing else.

Exit code: 0 clean, 1 problems remain, 2 the check could not run.

examples:
  python -m datasets_lists check flowers
  python -m datasets_lists check                        every official data set found
  python -m datasets_lists check custom --dataset_path FOLDER --fix
  python -m datasets_lists check cub --json cub.json
"""
_DOWNLOAD_EPILOG = """\
An interrupted download resumes where it stopped. Sizes and checksums are verified, archives are
unpacked to a temporary folder first, and existing files are left alone. Cars, birds and sop have no
direct address over HTTP: the command prints where to get them and what to put where.

examples:
  python -m datasets_lists download flowers
  python -m datasets_lists download cub --datasets_dir /data
"""
_OFFICIAL = (*official.NAMES, "all")
# Flag -> the data sets that it applies to; other flags apply to all.
_DATASETS_OF_FLAG = {
    "datasets_dir": _OFFICIAL,
    "subset": _OFFICIAL,
    "level": ("aircrafts",),
    "dataset_path": ("custom",),
    "seed": ("custom",),
}
UNSEEN = "unseen"


def _at_least(least):
    """An argparse type for whole numbers of at least `least`."""

    def read(word):
        """Returns the number, or raises an error that argparse understands."""
        if not word.isdigit() or int(word) < least:
            raise argparse.ArgumentTypeError(f"{word!r} is not a whole number of at least {least}")
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
        help="part of the data set is missing on purpose: ignore published counts")  # fmt: skip
    add("--workers", type=_at_least(1), metavar="N",
        help="processes that read images [default: one per core]")  # fmt: skip
    add("--max_megapixels", type=_at_least(1), metavar="N",
        help="megapixels of the largest image that is decoded [default as in main.py]")  # fmt: skip


def _make_parser():
    parser = _parser(
        "make",
        (
            "NAME [--datasets_dir PATH] [--split unseen]",
            "custom --dataset_path FOLDER [--split A B C] [--seed N]",
        ),
        "Turns official annotations, or one folder per class, into the lists that main.py\n"
        "reads, and checks the result.",
        _MAKE_EPILOG,
    )
    names = (*_OFFICIAL, "custom")
    add = parser.add_argument
    add("name", choices=names, metavar="NAME", help=", ".join(names) + " (all: those found)")
    _add_common(parser)
    levels = "variant (100), family (70) or manufacturer (30)"
    add("--level", choices=official.LEVELS, metavar="LEVEL",
        help=f"aircrafts: the classes, {levels} [default variant]")  # fmt: skip
    add(
        "--split",
        nargs="+",
        metavar="unseen",
        help="unseen: half of the classes to train on, the"
        " others to search; custom also: shares for train, val and test [default 0.7 0.1 0.2]",
    )
    add("--seed", type=_at_least(0), metavar="N", help="custom: seed of the split [default 0]")
    add("--overwrite", action="store_true", help="replace lists that differ")
    add("--skip_images", action="store_true", help="check only lists and file names")
    return parser


def _check_parser():
    parser = _parser(
        "check",
        (
            "[NAME] [--datasets_dir PATH] [--fix] [--json PATH]",
            "custom --dataset_path FOLDER [--fix]",
        ),
        "Reports problems in the lists and images of a data set.",
        _CHECK_EPILOG,
    )
    names = (*_OFFICIAL, "custom")
    parser.add_argument("name", nargs="?", choices=names, metavar="NAME",
        help=", ".join(names) + " [default all: those found]")  # fmt: skip
    _add_common(parser)
    parser.add_argument("--lists_folder", default="lists", metavar="NAME",
        help="folder of the lists, such as lists_unseen [default lists]")  # fmt: skip
    parser.add_argument("--fix", action="store_true", help="rewrite images that have a problem")
    parser.add_argument("--json", metavar="PATH", help="also write the report as JSON; -: print it")
    return parser


def _download_parser():
    parser = _parser(
        "download",
        ("NAME [--datasets_dir PATH]",),
        "Downloads a data set from its official site, or explains how to get it.",
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
      str, "make", "check" or "download", and its argparse.Namespace; its `name` is "custom"
      if only --dataset_path is given, "all" if nothing is.

    Raises:
      UserError: an unknown command, flag or name, or a flag that does not apply to this name.
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
        raise UserError(f"{what}: choose make, check or download; {hint}")
    given = _PARSERS[command]().parse(argv[1:])
    if given.name is None:
        given.name = "custom" if given.dataset_path else "all"
    if getattr(given, "split", None):
        given.split = _split_of(given.split, given.name)
    _check_combination(given)
    return command, given


def _split_of(words, name):
    """Reads --split: "unseen", or three float."""
    if words == [UNSEEN]:
        return UNSEEN
    try:
        shares = [float(word) for word in words]
    except ValueError:
        shares = []
    if len(shares) != 3:
        raise UserError(
            f"--split {' '.join(words)} is neither {UNSEEN} nor three numbers, the shares of train,"
            " val and test"
        )
    if name != "custom":
        raise UserError(f"--split does not apply to {name}, except --split unseen; leave it out")
    return shares


def _check_combination(given):
    for flag, names in _DATASETS_OF_FLAG.items():
        value = getattr(given, flag, None)
        if value is not None and value is not False and given.name not in names:
            raise UserError(f"--{flag} does not apply to {given.name}; leave it out")
    if given.name == "custom" and not given.dataset_path:
        raise UserError("custom needs --dataset_path, the folder of your images")
    if getattr(given, "split", None) == UNSEEN and given.seed is not None:
        raise UserError("--seed has no effect with --split unseen; leave it out")
    if given.name == "all" and getattr(given, "json", None):
        raise UserError("--json works on one data set; name it")
