"""From the flags that were given to a full Config, with the defaults of net, data set and mode."""

import dataclasses
import json
import os

from config.base_config import SETTINGS, Config
from config.datasets import DATASETS
from config.networks import NETWORKS
from config.paths import resolve_paths
from utils.errors import UserError

# Defaults of the settings that only some modes, samplers, styles or networks read.
CONDITIONAL_DEFAULTS = {
    "emb_dim": 256,
    "triplet_loss_lambda": 1.0,
    "margin": 0.2,
    "center_loss_lambda": 0.003,
    "center_alpha": 0.5,
    "Triplet_K": 4,
    "resize_min": 350,
    "resize_max": 512,
    "resize_square": 256,
    "depth_multiplier": 1.0,
    "aux_loss_weight": 0.0,
}


def resolve(given, environ=None, local=None):
    """Builds the Config of a run.

    Args:
      given: dict from setting to value, what the user chose.
      environ: mapping, the environment; default `os.environ`.
      local: dict, the paths of config/local.ini; default: read from there.

    Returns:
      Config without None in any setting that this run reads.

    Raises:
      UserError: an unknown setting, a value out of range, a setting that this run would not read,
        or a combination that is impossible.
    """
    _refuse_unknown(given)
    given = {name: value for name, value in given.items() if value is not None}
    values = {name: f.default for name, f in SETTINGS.items()}
    values.update(DATASETS[_choice("db_name", given)].defaults)
    values.update({k: v for k, v in given.items() if k in ("net", "train_mode")})
    network = NETWORKS[_choice("net", values)]
    mode = _choice("train_mode", values)
    values["sampler"] = "shuffle" if mode == "vanilla" else "pk"
    for name in ("frame_size", "bn_decay", "feature_map"):
        if values[name] is None:
            values[name] = getattr(network, name)
    for name, default in CONDITIONAL_DEFAULTS.items():
        if values[name] is None:
            values[name] = default
    values.update(given)
    if values["db_path"]:
        values["db_path"] = os.path.abspath(os.path.expanduser(values["db_path"]))
    for name in SETTINGS:
        _check_value(name, values[name])
    _drop_unread(values, given)
    paths, values["path_origins"] = resolve_paths(given, environ, local)
    config = Config(**dict(values, **paths))
    _check_combinations(config)
    _check_frozen(config, given)
    return config


def _refuse_unknown(given):
    unknown = sorted(set(given) - set(SETTINGS))
    if unknown:
        raise UserError(f"there is no setting {unknown[0]}")


def _choice(name, values):
    value = values.get(name, SETTINGS[name].default)
    _check_value(name, value)
    return value


def _check_value(name, value):
    meta = SETTINGS[name].metadata
    choices, least, most = (meta.get(key) for key in ("choices", "least", "most"))
    if choices and value not in choices:
        raise UserError(f"--{name} {value}: choose from {', '.join(map(str, choices))}")
    if isinstance(value, str) or value is None:
        return
    if least is not None and not least <= value < float("inf"):
        raise UserError(f"--{name} {value} has to be a number from {least} up")
    if most is not None and value > most:
        raise UserError(f"--{name} {value} has to be at most {most}")


def _drop_unread(values, given):
    """Sets to None what mode, sampler, style and network don't read; refuses it where given."""
    conditions = (
        ("modes", "train_mode"), ("samplers", "sampler"), ("styles", "aug_style"), ("nets", "net")
    )  # fmt: skip
    for name, f in SETTINGS.items():
        for key, chooser in conditions:
            readers = f.metadata.get(key)
            if readers is None or values[chooser] in readers:
                continue
            if name in given:
                raise UserError(
                    "--{} has no meaning with --{} {}; leave it out, or choose --{} {}".format(
                        name, chooser, values[chooser], chooser, " or ".join(readers)
                    )
                )
            values[name] = None


def _check_combinations(config):
    custom = config.db_name == "custom"
    if custom and not config.db_path:
        raise UserError("--db_name custom needs --db_path, the folder of your images")
    if config.db_path and not custom:
        raise UserError(
            f"--db_path goes with --db_name custom; {config.db_name} lies below --datasets_dir"
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
            "--freeze_bn true keeps pretrained statistics, and --pretrained none has none"
        )
    if config.freeze_bn and "bn_decay" in given:
        raise UserError("--bn_decay has no meaning with --freeze_bn true; leave one of them out")


def _check_batch(config):
    if config.batch_size % config.Triplet_K:
        raise UserError(
            f"--batch_size {config.batch_size} is not a multiple of --Triplet_K {config.Triplet_K}"
        )
    if config.batch_size == config.Triplet_K:
        raise UserError(
            f"--batch_size {config.batch_size} holds a single class of --Triplet_K"
            f" {config.Triplet_K} images and so no negatives; take at least twice as many"
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


def settings_of(config):
    """Dict from setting to value, without what only says where a path came from."""
    return {name: getattr(config, name) for name in SETTINGS}


def load(run_dir):
    """Reads the Config of an earlier run from its args.json.

    Raises:
      UserError: there is no args.json, or it is not one of this program.
    """
    path = os.path.join(run_dir, "args.json")
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        names = [f.name for f in dataclasses.fields(Config)]
        return Config(**{name: stored[name] for name in names})
    except FileNotFoundError:
        raise UserError(f"{run_dir} is not a run folder: it has no args.json") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} can't be read as settings of a run: {error!r}") from None
