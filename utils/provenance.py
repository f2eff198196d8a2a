"""Where a number came from: code, versions, command and machine, stored with every run."""

import hashlib
import os
import platform
import shlex
import subprocess
import sys
from importlib import import_module

from utils.tf1 import TENSORFLOW_VERSION, device_name

_PACKAGES = ("numpy", "tf_slim", "sklearn", "PIL")


def versions():
    """The versions of the program.

    Returns:
      dict of str: versions of Python and packages; `commit`, with a + if files are modified, and
      `changes`, a digest of the modifications (both empty outside a repository).
    """
    found = {name: import_module(name).__dict__.get("__version__", "?") for name in _PACKAGES}
    changes = _git("diff", "HEAD")
    return dict(
        found,
        tensorflow=TENSORFLOW_VERSION,
        python=platform.python_version(),
        commit=_git("describe", "--always", "--dirty=+", "--abbrev=12").decode().strip(),
        changes=hashlib.sha256(changes).hexdigest()[:12] if changes else "",
    )


def provenance(gpu):
    """What a run stores about its origin.

    Args:
      gpu: str, the run's device, see `utils.tf1.session_config`.

    Returns:
      dict of str: `versions`, `command`, `device` and `platform`.
    """
    return dict(
        versions(),
        platform=platform.platform(),
        device=device_name(gpu),
        command=" ".join(map(shlex.quote, sys.argv)),
    )


def _git(*words):
    """The output of a git command in the repository of this file; empty outside one."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    try:
        return subprocess.check_output(["git", "-C", here, *words], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return b""


def differences(before, now):
    """How the code and TensorFlow differ from those of a run.

    Args:
      before: dict, what the run stored; entries that it lacks are not compared.
      now: dict, see `provenance`.

    Returns:
      list of str, one sentence each.
    """
    found = []
    if before.get("tensorflow", TENSORFLOW_VERSION) != TENSORFLOW_VERSION:
        found.append(
            f"the run was trained with TensorFlow {before['tensorflow']}, and this is"
            f" {TENSORFLOW_VERSION}"
        )
    if before.get("commit") and before["commit"] != now["commit"]:
        found.append(
            f"the run was trained by commit {before['commit']}, and this is"
            f" {now['commit'] or 'no repository'}"
        )
    elif before.get("changes", now["changes"]) != now["changes"]:
        found.append(f"commit {now['commit']} has other local changes than when it trained the run")
    return found
