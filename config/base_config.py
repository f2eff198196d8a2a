"""The Config of a run: every setting with its meaning, unit and default.

The names are those of the first release's flags wherever it has one. A default of None stands for
a value that `config.resolve` takes from the network, the data set or the training mode.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Dict, Optional, Union

from config.datasets import DATASETS
from config.networks import NETWORKS

TRIPLET_MODES = ("hard", "semi_hard", "hard_awtl")
TWO_HEAD_MODES = TRIPLET_MODES + ("cntr",)
TRAIN_MODES = ("vanilla",) + TWO_HEAD_MODES
WITH_CHOICE_OF_DEPTH = tuple(net for net, row in NETWORKS.items() if None not in row.checkpoints)
WITH_AUXILIARY = tuple(net for net, row in NETWORKS.items() if row.auxiliary)
WITH_BATCH_NORM = tuple(net for net, row in NETWORKS.items() if row.bn_decay is not None)


def margin_of(text):
    """Reads a margin: a number, "soft" or "none"."""
    return text if text in ("soft", "none") else float(text)


def switch_of(text):
    """Reads "true" or "false"."""
    return {"true": True, "false": False}[text]


def device_of(text):
    """Reads the number of a device, or -1, and keeps it as text."""
    if int(text) < -1:
        raise ValueError(text)
    return str(int(text))


def setting(default, group, text, parse=str, **metadata):
    """A dataclass field that carries what the command line needs to know.

    Args:
      default: the value where nothing else decides.
      group: str, the heading of --help it stands under.
      text: str, meaning and unit.
      parse: callable from a command-line word to the value.
      **metadata: `choices`; `least` and `most`, the range; `alias`, a second flag; `metavar`;
        `modes`, `samplers`, `styles` or `nets`, where alone the setting has a meaning;
        `resumable`, True where a run may go on under another value.
    """
    metadata.update(group=group, text=text, parse=parse)
    return field(default=default, metadata=metadata)


# fmt: off
@dataclass(frozen=True)
class Config:
    """All settings of one run; the flags of `main.py` are its fields."""

    db_name: str = setting("digits", "data", "data set",
        choices=tuple(DATASETS), alias="dataset")
    db_path: Optional[str] = setting(None, "data",
        "folder of --db_name custom: lists/*.csv, or one sub-folder a class")
    eval_split: str = setting("test", "data",
        "split evaluated during training; the best checkpoint is chosen on it",
        choices=("test", "val"), resumable=True)
    sampler: Optional[str] = setting(None, "data",
        "batches of shuffled images, or of P classes with K images each; default: shuffle"
        " for vanilla, else pk", choices=("shuffle", "pk"))
    imbalance_ratio: float = setting(1.0, "data",
        "makes the training list long-tailed: its largest class has this many times the images of"
        " its smallest; 1 leaves it as it is", float, least=1.0)
    batch_size: int = setting(32, "data", "images a batch, B", int, least=1)
    Triplet_K: Optional[int] = setting(None, "data",
        "images a class in a batch, K, P = batch_size / K classes", int, least=2,
        samplers=("pk",), alias="images_per_class")
    tuple_loader_queue_size: int = setting(0, "data",
        "images decoded in parallel; 0 lets tf.data choose", int, least=0,
        alias="parallel_calls", resumable=True)
    seed: int = setting(0, "data", "seed of weights, batches and augmentation", int, least=0)

    aug_style: str = setting("img", "augmentation",
        "img: each image resized to its own random short side, then its own crop; batch: each"
        " image resized to one square, then one crop for the whole batch",
        choices=("img", "batch"))
    frame_size: Optional[int] = setting(None, "augmentation",
        "pixels a side of the network's input", int, least=1)
    resize_min: Optional[int] = setting(None, "augmentation",
        "smallest short side in pixels, also that of evaluation", int, least=1,
        styles=("img",))
    resize_max: Optional[int] = setting(None, "augmentation",
        "largest short side in pixels", int, least=1, styles=("img",))
    resize_square: Optional[int] = setting(None, "augmentation",
        "side of the square in pixels", int, least=1, styles=("batch",))
    flip: bool = setting(True, "augmentation", "flip half of the images left to right", switch_of)

    net: str = setting("resnet50", "network", "backbone", choices=tuple(NETWORKS))
    pretrained: Optional[str] = setting(None, "network",
        "checkpoint to start from (.ckpt prefix or .npz), or none; default: the network's"
        " published one below --pretrained_dir")
    emb_dim: Optional[int] = setting(None, "network", "embedding dimension, D", int,
        least=1, modes=TWO_HEAD_MODES)
    feature_map: Optional[str] = setting(None, "network",
        "end point that the embedding head flattens",
        modes=TWO_HEAD_MODES, metavar="NAME")
    depth_multiplier: Optional[float] = setting(None, "network",
        "share of the channels of every layer", float, choices=(1.0, 0.75, 0.5, 0.25),
        nets=WITH_CHOICE_OF_DEPTH)
    bn_decay: Optional[float] = setting(None, "network",
        "decay of batch normalisation's moving averages",
        float, least=0.0, most=1.0, nets=WITH_BATCH_NORM)
    freeze_bn: bool = setting(False, "network",
        "keep the restored batch-normalisation statistics, and leave dropout out", switch_of)

    train_mode: str = setting("hard", "loss",
        "vanilla: softmax alone; hard, semi_hard, hard_awtl: and batch-hard, semi-hard or"
        " adaptive-weight triplet loss; cntr: and center loss", choices=TRAIN_MODES)
    triplet_loss_lambda: Optional[float] = setting(None, "loss",
        "weight of the triplet loss", float, least=0.0, modes=TRIPLET_MODES)
    margin: Union[float, str, None] = setting(None, "loss",
        "triplet margin in squared distance, or soft, or none", margin_of, least=0.0,
        modes=TRIPLET_MODES, metavar="{X,soft,none}")
    center_loss_lambda: Optional[float] = setting(None, "loss",
        "weight of the center loss", float, least=0.0, modes=("cntr",))
    center_alpha: Optional[float] = setting(None, "loss",
        "share of the way that a center moves", float, least=0.0, most=1.0,
        modes=("cntr",))
    aux_loss_weight: Optional[float] = setting(None, "loss",
        "weight of the auxiliary classifier's cross-entropy; 0.4 is usual", float, least=0.0,
        nets=WITH_AUXILIARY)
    weight_decay: float = setting(0.0, "loss",
        "L2 penalty on the weights of backbone and heads", float, least=0.0)

    train_iters: int = setting(40000, "schedule", "training steps", int, least=1, resumable=True)
    learning_rate: float = setting(0.01, "schedule", "learning rate of the first step", float,
        least=0.0, resumable=True)
    end_learning_rate: float = setting(0.0, "schedule",
        "learning rate after the last step; linear in between", float, least=0.0, resumable=True)
    caffe_iter_size: int = setting(1, "schedule",
        "batches whose gradients are averaged into one step", int, least=1,
        alias="accumulate_batches")
    logging_threshold: int = setting(100, "schedule", "steps between log lines", int, least=1,
        alias="log_every_steps", resumable=True)
    test_interval: int = setting(50, "schedule", "log lines between evaluations", int, least=1,
        resumable=True)
    save_interval: int = setting(1000, "schedule", "steps between checkpoints", int, least=1,
        alias="save_every_steps", resumable=True)
    keep_checkpoints: int = setting(3, "schedule", "newest checkpoints kept", int, least=1,
        resumable=True)

    checkpoint_dir: Optional[str] = setting(None, "run folder",
        "run folder, below --checkpoints_dir; default: a name built from the settings",
        resumable=True)
    checkpoint_suffix: str = setting("base_config", "run folder", "end of the default name",
        resumable=True, metavar="NAME")
    checkpoint_filename: str = setting("model.ckpt", "run folder", "name of the checkpoints",
        metavar="NAME")
    log_filename: str = setting("log", "run folder", "name of the log, without its .txt",
        metavar="NAME")
    on_exist: str = setting("resume", "run folder", "what to do with a run that is there already",
        choices=("resume", "overwrite", "fail"), resumable=True)

    gpu: str = setting("0", "machine", "CUDA device; -1 for none", device_of,
        resumable=True, metavar="N")
    datasets_dir: str = setting(None, "machine", "folder of the data sets", resumable=True)
    pretrained_dir: str = setting(None, "machine", "folder of the pretrained checkpoints",
        resumable=True)
    checkpoints_dir: str = setting(None, "machine", "folder of the run folders", resumable=True)
    path_origins: Dict[str, str] = field(default_factory=dict)
    # fmt: on

    @property
    def dataset_dir(self):
        """str, the folder of this run's data set."""
        spec = DATASETS[self.db_name]
        return self.db_path if spec.folder is None else os.path.join(self.datasets_dir, spec.folder)

    @property
    def run_dir(self):
        """str, the absolute path of this run's folder."""
        name = self.checkpoint_dir or default_run_name(self)
        return os.path.abspath(os.path.join(self.checkpoints_dir, os.path.expanduser(name)))

    @property
    def eval_every_steps(self):
        """int, steps between evaluations."""
        return self.test_interval * self.logging_threshold

    @property
    def ranking_weight(self):
        """float, lambda, the weight of this mode's embedding loss; None without one."""
        return self.center_loss_lambda if self.train_mode == "cntr" else self.triplet_loss_lambda


SETTINGS = {f.name: f for f in dataclasses.fields(Config) if f.metadata}


def default_run_name(config):
    """The first release's folder name, such as cars_resnet50_lr0.01_B32_caf1_iter40K_..."""
    parts = [
        config.db_name,
        config.net,
        f"lr{config.learning_rate:g}",
        f"B{config.batch_size}",
        f"caf{config.caffe_iter_size}",
        f"iter{config.train_iters // 1000}K",
        f"lambda{config.ranking_weight or 0:g}",
        "trn_mode_" + config.train_mode,
        config.checkpoint_suffix,
    ]
    if config.seed:
        parts.append(f"seed{config.seed}")
    return "_".join(parts)
