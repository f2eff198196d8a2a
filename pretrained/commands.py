"""The actions of `python -m pretrained`."""

import os

from nets.factory import network_fn
from pretrained import inspection, published


def perform(request):
    """Runs the requested command.

    Args:
      request: pretrained.flags.Request.

    Returns:
      Iterable of str, lines to print as they come.

    Raises:
      UserError: a file can't be downloaded or read.
    """
    return _ACTIONS[request.action](request)


def _list(request):
    rows = {name: (e.row.title, e.checkpoint) for name, e in request.published.items()}
    yield from published.table(rows, request.folder)


def _fetch(request):
    for name in request.names:
        entry = request.published[name]
        prefix, is_new = published.obtain(entry.checkpoint, request.folder, entry.row.title)
        yield f"{name}: {prefix}{'' if is_new else ' already exists'}"


def _inspect(request):
    path = os.path.expanduser(request.paths[0])
    if request.target is None:
        yield from inspection.contents(path)
        return
    entry = request.published[request.target]
    network = network_fn(entry.net, depth_multiplier=entry.depth_multiplier)
    yield f"{path} compared with {request.target} ({entry.row.title})"
    yield from inspection.against(path, network, entry.row.frame_size, entry.row.head_scopes)


_ACTIONS = {"list": _list, "fetch": _fetch, "inspect": _inspect}
