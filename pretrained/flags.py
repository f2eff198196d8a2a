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
  list                        the networks with published weights: names, top-1, which are here
  NAME                        download the weights of one network
  all                         download all weights that have a direct address
  inspect PATH                show the variables of a checkpoint or .npz
  inspect PATH --net NAME     show which of them a run of that network would restore

examples:
  python -m pretrained list
  python -m pretrained resnet50
  python -m pretrained inspect my/model.ckpt-1000 --net resnet50

No checksums are published for these files, so a download is only checked for being complete and
readable. The folder of the checkpoints is the first that is set of --pretrained_dir, the
environment variable PRETRAINED_DIR and config/local.ini; otherwise it is ./pretrained.
"""


class Request(NamedTuple):
    """One command, checked.

    Attributes:
      action: str, "list", "fetch" or "inspect".
      names: tuple of str, the published weights to fetch.
      paths: tuple of str, the file to inspect.
      target: str, a key of `published`, the value of --net; None without.
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
    """Published weights and the network they are of.

    Attributes:
      net: str, a key of `NETWORKS`.
      depth_multiplier: float, or None where there is no choice.
      row: NetworkSpec.
      checkpoint: Checkpoint.
    """

    net: str
    depth_multiplier: Optional[float]
    row: NetworkSpec
    checkpoint: Checkpoint


def parser():
    """The parser of the command."""
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
      UserError: an unknown command or network, or a path too many or too few.
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
