"""Paths of data sets, pretrained checkpoints and runs: flag, then environment, then file."""

import configparser
import os

from utils.errors import UserError

LOCAL_INI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "local.ini")

# Setting -> (environment variable, default).
PATHS = {
    "datasets_dir": ("DATASETS_DIR", "./datasets"),
    "pretrained_dir": ("PRETRAINED_DIR", "./pretrained"),
    "runs_dir": ("CHECKPOINTS_DIR", "./checkpoints"),
}
# Names used in earlier local.ini files.
_ALIASES = {"checkpoints_dir": "runs_dir"}


def read_local_ini(path=LOCAL_INI):
    """Reads the [paths] section of config/local.ini.

    Returns:
      dict from setting to path, empty if there is no such file.

    Raises:
      UserError: the file can't be parsed, or sets a name that is not in `PATHS`.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
        found = list(parser["paths"].items()) if parser.has_section("paths") else []
    except (configparser.Error, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} can't be read ({reason}); see config/local.example.ini") from None
    if any("\0" in place for _, place in found):
        raise UserError(f"{path} holds a zero byte, which no path has; write it again")
    section = {_ALIASES.get(name, name): path for name, path in found}
    unknown = sorted(set(section) - set(PATHS))
    if unknown:
        raise UserError(
            "{} sets {}, an unknown name; use only {}".format(
                path, unknown[0], ", ".join(sorted(PATHS))
            )
        )
    return section


def resolve_paths(given, environ=None, local=None):
    """Resolves the three folders.

    Args:
      given: dict of the settings given as flags.
      environ: mapping, default `os.environ`.
      local: dict, default `read_local_ini()`.

    Returns:
      dict from setting to absolute path, and dict from setting to where it came from.
    """
    environ = os.environ if environ is None else environ
    local = read_local_ini() if local is None else local
    found, origins = {}, {}
    for name, (variable, default) in PATHS.items():
        candidates = (
            (given.get(name), "--" + name),
            (environ.get(variable), "environment variable " + variable),
            (local.get(name), LOCAL_INI),
            (default, "the default"),
        )
        path, origins[name] = next((p, origin) for p, origin in candidates if p)
        found[name] = os.path.abspath(os.path.expanduser(path))
    return found, origins


def find_run(name, runs_dir=None):
    """The run folder, from its name under `runs_dir` or from a path."""
    paths, _ = resolve_paths({"runs_dir": runs_dir})
    below = os.path.join(paths["runs_dir"], os.path.expanduser(name))
    return os.path.abspath(below if os.path.isdir(below) else os.path.expanduser(name))
