"""Lists published ImageNet checkpoints, and downloads missing ones."""

import glob
import os

from pretrained.weights import open_weights
from utils import archives, download
from utils.errors import UserError


def files_of(prefix):
    """List of str, the files of a checkpoint; empty if any is missing."""
    data = glob.glob(glob.escape(prefix) + ".data-*")
    if os.path.isfile(prefix + ".index") and data:
        return [prefix + ".index"] + data
    return [prefix] if os.path.isfile(prefix) else []


def obtain(checkpoint, folder, title):
    """Downloads a published checkpoint unless it already exists.

    Args:
      checkpoint: with `path`, `source`, `archive_bytes` and `is_open`, see
        `config.networks.Checkpoint`.
      folder: str, the folder of the pretrained checkpoints.
      title: str, the network, for messages.

    Returns:
      str, the checkpoint's prefix, and bool, whether it had to be downloaded.

    Raises:
      UserError: it has no direct address, or can't be downloaded, extracted or read.
    """
    prefix = os.path.join(folder, checkpoint.path)
    if files_of(prefix):
        open_weights(prefix)
        return prefix, False
    if not checkpoint.is_open:
        raise UserError(
            f"the weights of {title} have no direct address: download them by hand from"
            f" {checkpoint.source}, and put them at {prefix}"
        )
    archive = os.path.join(folder, checkpoint.source.rsplit("/", 1)[1])
    download.download(checkpoint.source, archive, checkpoint.archive_bytes)
    names = archives.extract(archive, os.path.dirname(prefix))
    if not files_of(prefix):
        raise UserError(
            f"{archive} does not hold {os.path.basename(prefix)}, but {', '.join(names[:5])}"
        )
    open_weights(prefix)
    os.remove(archive)
    return prefix, True


def table(rows, folder):
    """The published checkpoints as lines of text.

    Args:
      rows: dict from name to (title, checkpoint as of `obtain`).
      folder: str, the folder of the pretrained checkpoints.

    Returns:
      list of str: a heading, one line each with published top-1 and size on disk or "missing", and
      the command to download missing ones.
    """
    lines = [f"{'name':13} {'network':18} {'top-1':>6}  {'size':>9}  below {folder}"]
    missing = False
    for name, (title, checkpoint) in rows.items():
        files = files_of(os.path.join(folder, checkpoint.path))
        size = f"{sum(map(os.path.getsize, files)) / 1e6:.1f} MB" if files else "missing"
        missing |= not files
        place = checkpoint.path if files or checkpoint.is_open else f"from {checkpoint.source}"
        lines.append(f"{name:13} {title:18} {checkpoint.top1:5.1f}%  {size:>9}  {place}")
    lines.append("top-1: ImageNet validation, one crop, as published")
    if missing:
        lines.append(
            "to download one: python -m pretrained NAME (only checked to be complete, as no"
            " checksums are published)"
        )
    return lines
