"""The command line of `python -m pretrained`."""

from typing import Dict, NamedTuple, Optional, Tuple

from config.cli import Parser
from config.networks import NETWORKS, Checkpoint, NetworkSpec, published_checkpoints
from config.paths import resolve_paths
from utils.errors import UserError

USAGE = (
    "python -m pretrained [-h] {list,NAME,all,inspect PATH} [--net NAME] [--pretrained_dir PATH]"
)
EPILOG = """commands:
  list                        list networks with published weights: name, top-1, whether present
  NAME                        download the weights of one network
  all                         download all weights that have a direct address
  inspect PATH                show the variables in a checkpoint or .npz
  inspect PATH --net NAME     show which of them a run with that network would restore

examples:
  python -m pretrained list
  python -m pretrained resnet50
  python -m pretrained inspect my/model.ckpt-1000 --net resnet50

No checksums are published for these files, so a download is only checked to be complete and
readable. The folder of the checkpoints comes from --pretrained_dir, the environment variable
PRETRAINED_DIR, config/local.ini or ./pretrained, in this order.
"""


class Request(NamedTuple):
    """One command, checked.

    Attributes:
      action: str, "list", "fetch" or "inspect".
      names: tuple of str, the published weights to download.
      paths: tuple of str, the file to inspect.
      target: str, a key of `published`, the value of --net, or None.
      folder: str, the folder of the pretrained checkpoints.
      published: dict from name to Published.
    """

    action: str
    names: Tuple[str, ...]
    paths: Tuple[str, ...]
    target: Optional[str]
    folder: str
    published: Dict[str, "Published"]


class Published(NamedTuple):
    """Published weights and their network.

    Attributes:
      net: str, a key of `NETWORKS`.
      depth_multiplier: float, or None if there is only one.
      row: NetworkSpec.
      checkpoint: Checkpoint.
    """

    net: str
    depth_multiplier: Optional[float]
    row: NetworkSpec
    checkpoint: Checkpoint


def parser():
    """The parser of `python -m pretrained`."""
    made = Parser(
        prog="pretrained",
        usage=USAGE,
        description="Lists, downloads and inspects published ImageNet weights.",
        epilog=EPILOG,
    )
    made.add_argument("what", metavar="{list,NAME,all,inspect}", help="see below")
    made.add_argument(
        "paths", nargs="*", metavar="PATH", help="prefix of a checkpoint, or an .npz, to inspect"
    )
    made.add_argument("--net", metavar="NAME", help="network to compare with (see inspect)")
    made.add_argument("--pretrained_dir", metavar="PATH", help="folder of the checkpoints")
    return made


def parse(argv):
    """Reads the command line.

    Args:
      argv: list of str, without the program's name.

    Returns:
      Request.

    Raises:
      UserError: an unknown command or network, or a missing or extra path.
    """
    given = parser().parse(argv)
    published = {
        name: Published(net, multiplier, NETWORKS[net], checkpoint)
        for name, (net, multiplier, checkpoint) in published_checkpoints().items()
    }
    action, names = given.what, ()
    if action in published or action == "all":
        action, names = "fetch", (given.what,)
    if given.what == "all":
        names = tuple(name for name, entry in published.items() if entry.checkpoint.is_open)
    _check(action, given, published)
    folder = resolve_paths({"pretrained_dir": given.pretrained_dir})[0]["pretrained_dir"]
    return Request(action, names, tuple(given.paths), given.net, folder, published)


def _check(action, given, published):
    known = ", ".join(published)
    if action not in ("list", "fetch", "inspect"):
        raise UserError(
            f"there is no command or network {action}; choose list, all, inspect or one of {known}"
        )
    if len(given.paths) != (action == "inspect"):
        path = " PATH" if action == "inspect" else ""
        raise UserError(f"usage: python -m pretrained {given.what}{path}")
    if given.net is not None and action != "inspect":
        raise UserError(f"--net has no effect with {given.what}; leave it out")
    if given.net is not None and given.net not in published:
        raise UserError(f"--net {given.net}: choose from {known}")
