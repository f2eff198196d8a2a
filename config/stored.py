"""Reads args.json, the settings of a run made by this version or an earlier one."""

import json
import os

from config.base_config import SETTINGS, Config
from config.datasets import DATASETS
from config.losses import MODE_ALIASES
from config.paths import PATHS
from config.resolve import check_names, check_value, unread
from utils.errors import UserError

ARGS_FILE = "args.json"
# What a run stores besides its settings, see `training.trainer`; the kinds of a dict's values.
RECORDS = {"class_map": str, "image_counts": {int}, "lists": {str}, "provenance": dict}
# Earlier names of settings, including the first release's flags.
_RENAMED = {
    "db_name": "dataset",
    "db_path": "dataset_path",
    "Triplet_K": "images_per_class",
    "tuple_loader_queue_size": "parallel_calls",
    "caffe_iter_size": "accumulate_batches",
    "logging_threshold": "log_every_steps",
    "save_interval": "save_every_steps",
    "checkpoint_dir": "run_dir",
    "checkpoints_dir": "runs_dir",
    "checkpoint_suffix": "run_suffix",
    "log_filename": "log_name",
    "checkpoint_filename": "checkpoint_name",
}
_FIRST_RELEASE = {"network_name", "db_tuple_loader"}
_OTHERS = {"path_origins": {str}, "log_name": str, "checkpoint_name": str, "remarks": list}


class DamagedError(UserError):
    """The settings of a run are damaged."""


def read(run_dir):
    """Reads a run's Config and its other records.

    A setting newer than the run takes the value that gives the earlier behaviour.

    Args:
      run_dir: str.

    Returns:
      Config with the current `run_dir`, and dict from a name in `RECORDS` to its value, for those
      that the run has.

    Raises:
      UserError: there is no run, or it was made by the first release or a later version.
      DamagedError: its settings are damaged.
    """
    path = os.path.join(run_dir, ARGS_FILE)
    stored = _read_json(path, run_dir)
    if _FIRST_RELEASE <= set(stored):
        raise UserError(
            f"{run_dir} is a run of the first release, whose settings can't be read; to start from"
            f" its checkpoint, use --pretrained"
            f" {os.path.join(run_dir, str(stored.get('checkpoint_filename', 'model.ckpt')))}"
        )
    values = _renamed(stored)
    records = {name: values.pop(name) for name in RECORDS if name in values}
    for name, value in records.items():
        if not _fits(value, RECORDS[name]):
            raise DamagedError(f"{path} is damaged: {name} can't be {value!r:.60}")
    values.pop("run_dir", None)
    known = set(SETTINGS) | set(_OTHERS)
    unknown = sorted(set(values) - known)
    if unknown:
        raise UserError(
            f"{path} has the unknown setting {unknown[0]}: the run was made by"
            " another version; use that one"
        )
    values = _complete(values)
    for name, value in values.items():
        _check(path, name, value, values)
    place = "dataset_path" if DATASETS[values["dataset"]].folder is None else "datasets_dir"
    if values[place] is None:
        raise DamagedError(f"{path} is damaged: {place} is missing")
    values["remarks"] = tuple(map(str, values.get("remarks", ())))
    values["path_origins"] = {**dict.fromkeys(PATHS, path), **values.get("path_origins", {})}
    return Config(run_dir=os.path.abspath(run_dir), **values), records


def refuse_foreign(run_dir):
    """Refuses a folder whose args.json is not a run's, before anything in it is removed.

    Raises:
      UserError: it is such a folder.
    """
    stored = _read_json(os.path.join(run_dir, ARGS_FILE), run_dir)
    if not {"net", "train_mode", "train_iters"} <= set(stored) or _FIRST_RELEASE <= set(stored):
        raise UserError(
            f"the {ARGS_FILE} in {run_dir} was not written by this program, so nothing is"
            " overwritten there; choose another --run_dir"
        )


def _read_json(path, run_dir):
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        raise UserError(f"{run_dir} is not a run folder: it has no {ARGS_FILE}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedError(f"{path} can't be read as the settings of a run: {error}") from None
    if not isinstance(found, dict):
        raise DamagedError(
            f"{path} can't be read as the settings of a run: it holds {json.dumps(found)[:60]}"
        )
    return found


def _renamed(stored):
    """The stored values under their current names, with the evaluation interval in steps."""
    values = {_RENAMED.get(name, name): value for name, value in stored.items()}
    if "test_interval" in values:
        lines, steps = values.pop("test_interval"), values.get("log_every_steps")
        values["eval_every_steps"] = lines * steps if _are_counts(lines, steps) else lines
    mode = values.get("train_mode")
    if isinstance(mode, str):
        values["train_mode"] = MODE_ALIASES.get(mode, mode)
    return values


def _are_counts(*values):
    return all(isinstance(value, int) and 0 < value < 2**31 for value in values)


def _complete(values):
    """Adds the settings that are newer than the run."""
    full = {n: f.metadata.get("before", f.default) for n, f in SETTINGS.items() if n != "run_dir"}
    full.update(values)
    if "mining" not in values and full["accumulate_batches"] == 1:
        full["mining"] = "step"  # with a single part the two are the same
    for name in set(full) - set(values):
        if name in SETTINGS and unread(name, full) is not None:
            full[name] = None
    return full


def _check(path, name, value, values):
    """Refuses a value of the wrong type for its setting."""
    try:
        if name in ("log_name", "checkpoint_name", "run_suffix"):
            check_names({name: value})
        if name in _OTHERS:
            fits = _fits(value, _OTHERS[name])
        else:
            optional = SETTINGS[name].default is None or unread(name, values) is not None
            fits = optional if value is None else _is_of_kind(value, SETTINGS[name])
            check_value(name, value)
    except (UserError, TypeError, OverflowError):
        fits = False
    if not fits:
        raise DamagedError(f"{path} is damaged: {name} can't be {str(value)[:60]!r}")


def _fits(value, kind):
    """Whether a value is of a type, or a dict with values of a set of types."""
    if isinstance(kind, set):
        return isinstance(value, dict) and {type(v) for v in value.values()} <= kind
    return isinstance(value, kind)


def _is_of_kind(value, setting):
    parse = setting.metadata["parse"]
    if isinstance(setting.default, bool):
        return isinstance(value, bool)
    if parse is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if parse is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if setting.name == "margin":
        return value in ("soft", "none") or type(value) in (int, float)
    return isinstance(value, str)
