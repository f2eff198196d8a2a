"""The command line of predict.py; needs no TensorFlow."""

import os

from config.base_config import device_of
from config.cli import Parser, checked
from config.paths import find_run
from config.resolve import check_value
from data.folders import SPLITS
from evaluation.spaces import SPACES
from evaluation.unknown import DEFAULT_SHARE
from inference.search import DEFAULT_NEIGHBOURS
from utils.errors import UserError

EPILOG = """PATH is an image, a folder (searched recursively), a quoted glob, a .csv file (with
paths relative to it in a column "file_name" or "file"), or - for names on standard input.

more commands, each with --help:
  python predict.py index   save a gallery, to search with --gallery INDEX
  python predict.py enrol   add a class to an index from photos, or remove one
"""


def predict_parser():
    """The parser of `predict.py`."""
    made = Parser(
        prog="predict.py",
        usage="python predict.py --run_dir RUN PATH... [--gallery GALLERY] [...]",
        description="Labels new images with a saved run and finds their nearest neighbours.",
        epilog=EPILOG,
    )
    add = made.add_argument
    # fmt: off
    add("paths", nargs="+", metavar="PATH", help="images to label, see below")
    _add_run_flags(made, required=True)
    add("--gallery", metavar="{train,val,test,FOLDER,INDEX,none}",
        help="where to search for neighbours: a split of the run's data set, a folder with a"
        " subfolder per class, or a saved index [default train if the data set is present]")
    add("--neighbours", type=checked(int), metavar="N",
        help=f"neighbours per image [default {DEFAULT_NEIGHBOURS}]")
    add("--space", choices=SPACES,
        help="vectors to compare [default embedding, pooled for a vanilla run]")
    add("--csv", metavar="FILE", help="write all results to a CSV table")
    add("--html", metavar="FILE", help="write all results to one page with thumbnails")
    add("--tta", choices=("flip",), help="flip: average each image and its mirror image")
    add("--unknown", nargs="?", const=DEFAULT_SHARE, type=checked(float), metavar="SHARE",
        help="mark images as unknown, at a threshold that flags this share of validation images"
        f" [default {DEFAULT_SHARE}]")
    add("--faiss", action="store_true",
        help="search with faiss, which is approximate for large galleries")
    # fmt: on
    return made


def index_parser():
    """The parser of `predict.py index`."""
    made = Parser(
        prog="predict.py index",
        usage="python predict.py index --run_dir RUN --gallery GALLERY --out INDEX",
        description="Runs a gallery through the network once and saves its vectors.",
    )
    _add_run_flags(made, required=True)
    add = made.add_argument
    add(
        "--gallery", required=True, metavar="{train,val,test,FOLDER}", help="images to search later"
    )
    add("--out", required=True, metavar="INDEX", help="file to write (.npz)")
    return made


def enrol_parser():
    """The parser of `predict.py enrol`."""
    made = Parser(
        prog="predict.py enrol",
        usage="python predict.py enrol --index INDEX (--class NAME FOLDER | --forget NAME)",
        description="Adds a class to an index from photos, without training, so that\n"
        "neighbours can vote for it; or removes such a class.",
    )
    add = made.add_argument
    # fmt: off
    add("folder", nargs="?", metavar="FOLDER", help="photos of the new class")
    add("--index", required=True, metavar="INDEX", help="index to change")
    add("--class", dest="name", metavar="NAME", help="name of the new class")
    add("--forget", metavar="NAME", help="class to remove")
    # fmt: on
    _add_run_flags(made, required=False)
    return made


def _add_run_flags(made, required):
    add = made.add_argument
    # fmt: off
    add("--run_dir", "--checkpoint_dir", required=required, metavar="RUN",
        help="run folder, as main.py printed it" + ("" if required else " [default the index's]"))
    if required:
        add("--checkpoint", default="last", metavar="{last,best,PATH}",
            help="checkpoint of the run [default last]")
        add("--datasets_dir", metavar="PATH", help="folder of the data sets [default: the run's]")
        add("--dataset_path", "--db_path", metavar="PATH",
            help="folder of a custom data set [default: the run's]")
    add("--batch_size", type=checked(int), metavar="N",
            help="images per batch [default: the run's]")
    add("--gpu", type=checked(device_of), metavar="N",
        help="CUDA device; -1 for none [default: the run's]")
    add("--max_megapixels", type=checked(int), metavar="N",
        help="megapixels of the largest image that is decoded [default: the run's]")
    # fmt: on


def parse(argv):
    """Reads the command line of `predict.py`.

    Args:
      argv: list of str, without the program's name.

    Returns:
      str, "predict", "index" or "enrol", and argparse.Namespace, with `overrides`, a dict from
      setting to value, besides the flags.

    Raises:
      UserError: an unknown flag, a value that can't be read, or flags that conflict.
    """
    parsers = {"index": index_parser, "enrol": enrol_parser}
    command = argv[0] if argv and argv[0] in parsers else "predict"
    if command == "predict":
        flags = predict_parser().parse(_with_share(argv))
        _check_predict(flags)
    else:
        flags = parsers[command]().parse(argv[1:])
    if command == "enrol":
        missing = [flags.name is None, flags.folder is None]
        if any(missing) if flags.forget is None else not all(missing):
            raise UserError("enrol takes either --class NAME FOLDER or --forget NAME")
    for name in ("batch_size", "max_megapixels"):
        if getattr(flags, name) is not None:
            check_value(name, getattr(flags, name))
    if flags.run_dir is not None:
        flags.run_dir = find_run(flags.run_dir)
    names = ("gpu", "max_megapixels", "datasets_dir", "dataset_path")
    given = {name: getattr(flags, name, None) for name in names}
    flags.overrides = {
        name: os.path.abspath(value) if name.startswith("dataset") else value
        for name, value in given.items()
        if value is not None
    }
    return command, flags


def _with_share(argv):
    """`argv` with the default of --unknown filled in if a PATH or a flag follows it."""
    words = list(argv)
    if "--unknown" in words:
        place = words.index("--unknown") + 1
        try:
            float(words[place])
        except (IndexError, ValueError):
            words.insert(place, str(DEFAULT_SHARE))
    return words


def _check_predict(flags):
    if flags.neighbours is not None and flags.neighbours < 1:
        raise UserError(f"--neighbours {flags.neighbours} must be at least 1")
    if flags.unknown is not None and not 0 < flags.unknown < 1:
        raise UserError(f"--unknown {flags.unknown} must be between 0 and 1")
    needing = ("neighbours", "space", "unknown", "faiss")
    asked = [name for name in needing if getattr(flags, name) not in (None, False)]
    if flags.gallery == "none" and asked:
        raise UserError(f"--{asked[0]} needs a gallery, but --gallery is none")
    if flags.gallery in SPLITS or flags.gallery in (None, "none"):
        return
    if not os.path.exists(flags.gallery):
        raise UserError(
            f"--gallery {flags.gallery} is neither a split ({', '.join(SPLITS)}) nor a folder or"
            " index that exists"
        )
