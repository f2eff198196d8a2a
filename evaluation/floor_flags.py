"""The command line of python -m evaluation.floor."""

from config.base_config import SETTINGS
from config.cli import Parser, add_setting
from config.resolve import resolve
from utils.errors import UserError

READ = (
    "dataset", "dataset_path", "lists_folder", "final_split", "net", "pretrained",
    "depth_multiplier", "frame_size", "resize_min", "batch_size", "seed", "gpu", "parallel_calls",
    "max_megapixels", "datasets_dir", "pretrained_dir",
)  # fmt: skip

EPILOG = """examples:
  python -m evaluation.floor --dataset flowers --net mobile
  python -m evaluation.floor --dataset custom --dataset_path FOLDER --frame_size 128

A trained network has to beat these scores. The probe's C is chosen on a validation list that is
held out from training, else by cross-validation of the training list.
"""


def parse(argv):
    """Reads the command line.

    Args:
      argv: list of str, without the program's name.

    Returns:
      Config of a softmax network that is not trained.

    Raises:
      UserError: an unknown flag, a value that can't be read, or no pretrained weights.
    """
    parser = Parser(
        prog="python -m evaluation.floor",
        usage="python -m evaluation.floor [--SETTING VALUE ...]",
        description="Scores what a pretrained network's features give without any training: a\n"
        "linear probe, the nearest training image, and retrieval in the test list, or\n"
        "in that of --final_split.",
        epilog=EPILOG,
    )
    group = parser.add_argument_group("settings, as in main.py")
    for name in READ:
        add_setting(group, SETTINGS[name])
    given = {name: getattr(parser.parse(argv), name) for name in READ}
    config = resolve(dict(given, train_mode="vanilla"))
    if config.pretrained == "none":
        raise UserError("the floor needs --pretrained weights, as random ones have no features")
    return config
