"""Where a number came from: versions, commit and machine, stored with every run."""

import os
import platform
import subprocess
from importlib import import_module

from utils.tf1 import TENSORFLOW_VERSION

_PACKAGES = ("numpy", "tf_slim", "sklearn", "PIL")


def provenance():
    """Dict of str: versions of Python and packages, and the commit, with a + if modified."""
    versions = {name: import_module(name).__dict__.get("__version__", "?") for name in _PACKAGES}
    return dict(
        versions,
        tensorflow=TENSORFLOW_VERSION,
        python=platform.python_version(),
        platform=platform.platform(),
        commit=_commit(),
    )


def _commit():
    """The commit of the repository; empty outside one."""
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        words = ["git", "-C", here, "describe", "--always", "--dirty=+", "--abbrev=12"]
        return subprocess.check_output(words, stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
