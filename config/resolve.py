"""Builds a full Config from the given flags and the defaults of network, data set and mode."""

import dataclasses
import os
import re
import zlib

from config.base_config import SETTINGS, Config
from config.datasets import DATASETS
from config.losses import modes_of
from config.networks import NETWORKS
from config.paths import resolve_paths
from config.recipes import defaults_of
from utils.errors import UserError

_MOST_NAME_CHARACTERS = 120
# Upper limits of settings without one of their own: what 32 bits can hold.
_LARGEST = {int: 2**31 - 1, float: 3e38}
# Settings always in a run's default folder name, even at their defaults.
_ALWAYS_NAMED = ("dataset", "net", "train_mode")
# Resumable settings that still make a different experiment, and so another default folder.
_NAMED_TOO = (
    "train_iters", "learning_rate", "end_learning_rate", "learning_rate_schedule", "warmup_steps"
)  # fmt: skip


def resolve(given, environ=None, local=None, tolerated=()):
    """Builds the Config of a run.

    Args:
      given: dict from setting to value, what the user chose; `log_name` and `checkpoint_name` too.
      environ: mapping, the environment; default `os.environ`.
      local: dict, the paths of config/local.ini; default: read from there.
      tolerated: collection of settings that are ignored, with a remark in the log, rather than
        refused if this run does not use them.

    Returns:
      Config, with None for every setting that this run does not use.

    Raises:
      UserError: an unknown setting, a value out of range, a setting that this run does not use,
        or an impossible combination.
    """
    names = {key: given[key] for key in ("log_name", "checkpoint_name") if given.get(key)}
    given = {key: v for key, v in given.items() if v is not None and key not in names}
    _refuse_unknown(given)
    check_names(dict(names, run_suffix=given.get("run_suffix", "")))
    values = _with_defaults(given)
    for name in SETTINGS:
        check_value(name, values[name])
    remarks = _drop_unread(values, given, tolerated)
    given = {name: value for name, value in given.items() if values[name] is not None}
    paths, values["path_origins"] = resolve_paths(given, environ, local)
    config = Config(**dict(values, **paths, **names), remarks=tuple(remarks))
    _check_combinations(config)
    _check_frozen(config, given)
    _check_memory(config, given)
    _check_warmup(config)
    folder = config.run_dir or _default_run_name(config, given)
    folder = os.path.join(config.runs_dir, os.path.expanduser(folder))
    return dataclasses.replace(config, run_dir=os.path.abspath(folder))


def _with_defaults(given):
    """Every setting's value: given, else that of the recipe, the data set, network or Config."""
    values = {name: f.default for name, f in SETTINGS.items()}
    values.update(DATASETS[_choice("dataset", given)].defaults)
    values.update({k: v for k, v in given.items() if k in ("net", "train_mode")})
    network = NETWORKS[_choice("net", values)]
    mode = _choice("train_mode", values)
    values["sampler"] = "shuffle" if mode == "vanilla" else "pk"
    for name in ("frame_size", "bn_decay", "feature_map"):
        if values[name] is None:
            values[name] = getattr(network, name)
    recipe = _choice("recipe", given)
    values.update(defaults_of(recipe, dict(values, **given)))
    values.update(given)
    if values["dataset_path"]:
        values["dataset_path"] = os.path.abspath(os.path.expanduser(values["dataset_path"]))
    return values


def check_names(names):
    """Refuses names that lead to another folder.

    Args:
      names: dict from "log_name", "checkpoint_name" or "run_suffix" to str.

    Raises:
      UserError: one of them does.
    """
    for key, name in names.items():
        if os.path.basename(name) != name or name in (".", "..") or not _is_path(name):
            raise UserError(
                f"--{key.replace('name', 'filename')} {name} must be a name without a folder"
            )


def _refuse_unknown(given):
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise UserError(f"there is no setting {unknown[0]}")


def _choice(name, values):
    value = values.get(name, SETTINGS[name].default)
    check_value(name, value)
    return value


def check_value(name, value):
    """Refuses a value that a setting can't have.

    Raises:
      UserError: it is not one of the choices, or is out of range.
    """
    meta = SETTINGS[name].metadata
    choices, least = meta.get("choices"), meta.get("least")
    most = meta.get("most", _LARGEST.get(meta["parse"]))
    if value is None:
        return
    sums = meta.get("sums", ())
    if choices and value not in choices and value not in sums:
        also = ", or a sum of two with a weight each, such as hard+proxy_anchor" if sums else ""
        raise UserError(f"--{name} {value}: choose from {', '.join(map(str, choices))}{also}")
    if isinstance(value, str):
        if not _is_path(value):
            raise UserError(f"--{name} {value!r} can't be the name of a file")
        return
    if least is not None and not least <= value < float("inf"):
        raise UserError(f"--{name} {value} must be at least {least}")
    if most is not None and value > most:
        raise UserError(f"--{name} {value} must be at most {most}")


def _is_path(text):
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


# Metadata key that lists the choices using a setting -> the setting that makes the choice.
_CONDITIONS = (
    ("modes", "train_mode"), ("samplers", "sampler"), ("styles", "aug_style"), ("nets", "net")
)  # fmt: skip


def unread(name, values):
    """Why a run does not use a setting: (chooser, the choices that use it), or None.

    Args:
      name: str, the setting.
      values: dict from setting to value.
    """
    for key, chooser in _CONDITIONS:
        readers = SETTINGS[name].metadata.get(key)
        if readers is not None and set(readers).isdisjoint(modes_of(str(values[chooser]))):
            return chooser, readers
    return None


def _drop_unread(values, given, tolerated):
    """Sets to None what mode, sampler, style and network don't use; refuses it if given."""
    remarks = []
    for name in SETTINGS:
        reason = unread(name, values)
        if reason is None:
            continue
        chooser, readers = reason
        where = f"has no effect with --{chooser} {values[chooser]}"
        if name in given and name not in tolerated:
            advice = f"leave it out, or choose --{chooser} {' or '.join(readers)}"
            raise UserError(f"--{name} {where}; {advice}")
        if name in given:
            remarks.append(f"--{name} {given[name]} {where}; it is ignored")
        values[name] = None
    return remarks


def _check_combinations(config):
    custom = config.dataset == "custom"
    if custom and not config.dataset_path:
        raise UserError("--dataset custom needs --dataset_path, the folder of your images")
    if config.dataset_path and not custom:
        raise UserError(
            f"--dataset_path needs --dataset custom; {config.dataset} is found under --datasets_dir"
        )
    least = NETWORKS[config.net].min_frame_size
    if config.frame_size < least:
        raise UserError(
            f"--frame_size {config.frame_size} is too small for --net {config.net}, which needs"
            f" {least} pixels"
        )
    if config.sampler == "pk":
        _check_batch(config)
    _check_resize(config)


def _check_frozen(config, given):
    if config.freeze_bn and config.pretrained == "none":
        raise UserError(
            "--freeze_bn true needs pretrained statistics, but --pretrained none loads none"
        )
    if config.freeze_bn and "bn_decay" in given:
        raise UserError("--bn_decay has no effect with --freeze_bn true; leave one of them out")


def _check_memory(config, given):
    if not config.memory and "memory_start" in given:
        raise UserError("--memory_start has no effect without --memory")
    if config.memory and config.memory_start >= config.train_iters:
        raise UserError(
            f"--memory {config.memory} would never be used: --memory_start {config.memory_start} is"
            f" not below --train_iters {config.train_iters}"
        )


def _check_warmup(config):
    if config.warmup_steps >= config.train_iters:
        raise UserError(
            f"--warmup_steps {config.warmup_steps} must be less than --train_iters"
            f" {config.train_iters}"
        )


def _check_batch(config):
    if config.batch_size % config.images_per_class:
        raise UserError(
            f"--batch_size {config.batch_size} is not a multiple of --images_per_class"
            f" {config.images_per_class}"
        )
    if config.batch_size == config.images_per_class:
        raise UserError(
            f"--batch_size {config.batch_size} holds a single class of --images_per_class"
            f" {config.images_per_class} images and so no negatives; use at least twice as many"
        )


def _check_resize(config):
    if config.aug_style == "batch":
        name, smallest = "resize_square", config.resize_square
    else:
        name, smallest = "resize_min", config.resize_min
        if config.resize_min > config.resize_max:
            raise UserError(
                f"--resize_min {config.resize_min} is larger than --resize_max {config.resize_max}"
            )
    if config.frame_size > smallest:
        raise UserError(
            f"--frame_size {config.frame_size} is larger than --{name} {smallest}, so it can't be"
            " cropped from the resized image"
        )


def _default_run_name(config, given):
    """A descriptive folder name, such as cars_resnet50_hard_margin0.5_seed2.

    Data set, network, mode and a recipe that is not the paper's, then every setting that was given
    and differs from its default.
    """
    named = (*_ALWAYS_NAMED, "dataset_path", "recipe")
    always = {name: given[name] for name in named if name in given}
    defaults = _with_defaults(always)
    parts = [getattr(config, name) for name in _ALWAYS_NAMED]
    if config.dataset_path:
        parts[0] = os.path.basename(config.dataset_path)
    if config.recipe != SETTINGS["recipe"].default:
        parts.append(config.recipe)
    for name, f in SETTINGS.items():
        if name not in given or name in always or given[name] == defaults[name]:
            continue
        meta = f.metadata
        if name in _NAMED_TOO or not meta.get("resumable"):
            parts.append(name + _value_text(given[name]))
    text = "_".join(parts)
    if len(text) > _MOST_NAME_CHARACTERS:
        digest = f"{zlib.crc32(text.encode('utf-8')):08x}"
        text = f"{text[:_MOST_NAME_CHARACTERS]}_{digest}"
    return text + (f"_{config.run_suffix}" if config.run_suffix else "")


def _value_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return re.sub(r"[^\w.+-]+", "-", os.path.basename(str(value)))


def settings_of(config):
    """Dict from setting to value, without the records of where each path came from."""
    return {name: getattr(config, name) for name in SETTINGS}
