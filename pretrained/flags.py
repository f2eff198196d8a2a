"""Command-line words of `python -m pretrained`."""

from typing import Dict, NamedTuple, Optional, Tuple

from config.cli import Parser
from config.networks import NETWORKS, Checkpoint, NetworkSpec, published_checkpoints
from config.paths import resolve_paths
from utils.errors import UserError

EPILOG = """what to do:
  list                        what is there, its size, its published top-1, and what is missing
  NAME                        fetch the published weights of a network (names: see list)
  all                         fetch all that have an open address
  inspect PATH [--net NAME]   the variables of a file; with --net what a run would take from it

Checkpoints lie below the flag, the environment's PRETRAINED_DIR, config/local.ini or ./pretrained.
"""


class Request(NamedTuple):
    """What the user asks for.

    Attributes:
      action: str, "list", "fetch" or "inspect".
      names: tuple of str, the published weights to fetch.
      paths: tuple of str, the file to inspect.
      target: str, a key of `published`, what --net says; None without.
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
        usage="python -m pretrained {NAME,all,list,inspect} ...",
        description="Fetches, lists and inspects pretrained weights.",
        epilog=EPILOG,
    )
    made.add_argument("what", metavar="{NAME,all,list,inspect}", help="see below")
    made.add_argument("paths", nargs="*", metavar="PATH", help="the file to inspect")
    made.add_argument("--net", metavar="NAME", help="network to compare with")
    made.add_argument("--pretrained_dir", metavar="PATH", help="folder of the checkpoints")
    return made


def parse(argv):
    """Reads the words of the command.

    Args:
      argv: list of str, without the program's name.

    Returns:
      Request.

    Raises:
      UserError: an unknown word or network, or a path too many or too few.
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
    counts = {"list": (0, ""), "fetch": (0, ""), "inspect": (1, " PATH")}
    known = ", ".join(published)
    if action not in counts:
        raise UserError(
            f"there is no {action}: say all, list, inspect, convert or a network ({known})"
        )
    count, words = counts[action]
    if len(given.paths) != count:
        raise UserError(f"usage: python -m pretrained {given.what}{words}")
    if given.net is not None and action in ("list", "fetch"):
        raise UserError(f"--net has no meaning with {given.what}; leave it out")
    if given.net is not None and given.net not in published:
        raise UserError(f"--net {given.net}: choose from {known}")
