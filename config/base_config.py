"""The Config of a run: every setting with its meaning, unit, default and limits.

A default of None means that `config.resolve` takes the value from the network, or that the run
derives it from its data. The first release's flags are kept as aliases of these names.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple, Union

from config.datasets import DATASETS
from config.losses import LOSSES, MODE_ALIASES, TRAIN_MODES, TWO_HEAD_MODES, modes_that_read
from config.networks import NETWORKS

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
      default: the value if nothing else sets one.
      group: str, its heading in --help.
      text: str, meaning and unit.
      parse: callable from a command-line argument to the value.
      **metadata: `choices`; `least` and `most`, the range; `alias`, a second flag; `metavar`;
        `modes`, `samplers`, `styles` or `nets`, the only ones that use the setting; `resumable`,
        True if it may change when a run is resumed; `before`, the value for runs older than the
        setting, if that is not the default.
    """
    metadata.update(group=group, text=text, parse=parse)
    return field(default=default, metadata=metadata)


def mode_of(text):
    """Reads a training mode; also accepts the first release's names."""
    return MODE_ALIASES.get(text, text)


_MODES_TEXT = "; ".join(f"{mode}: {row.about}" for mode, row in LOSSES.items())


# fmt: off
@dataclass(frozen=True)
class Config:
    """All settings of one run; the flags of `main.py` are its fields."""

    dataset: str = setting("digits", "data", "data set",
        choices=tuple(DATASETS), alias="db_name")
    dataset_path: Optional[str] = setting(None, "data",
        "folder of --dataset custom: lists/*.csv, or one subfolder per class", alias="db_path")
    eval_split: Optional[str] = setting(None, "data",
        "split evaluated during training, used to choose the best checkpoint; default: val"
        " if it is held out from training, else test", choices=("test", "val"))
    sampler: Optional[str] = setting(None, "data",
        "batches of shuffled images, or of P classes with K images each; default: shuffle"
        " for vanilla, else pk", choices=("shuffle", "pk"))
    imbalance_ratio: float = setting(1.0, "data",
        "thins the training list to a long tail: the largest class has this many times the images"
        " of the smallest; 1 keeps the list as it is", float, least=1.0)
    batch_size: int = setting(32, "data", "images per batch, B", int, least=1)
    images_per_class: int = setting(4, "data",
        "images per class, K; a batch has P = batch_size / K classes", int, least=2,
        samplers=("pk",), alias="Triplet_K")
    parallel_calls: int = setting(0, "data",
        "images decoded in parallel; 0 lets tf.data choose", int, least=0,
        alias="tuple_loader_queue_size", resumable=True)
    seed: int = setting(0, "data", "seed of weights, batches and augmentation", int, least=0,
        most=2**32 - 1)

    aug_style: str = setting("img", "augmentation",
        "img: each image resized to its own random short side, then its own crop; batch: each"
        " image resized to one square, then one crop for the whole batch",
        choices=("img", "batch"))
    frame_size: Optional[int] = setting(None, "augmentation",
        "pixels per side of the network's input", int, least=1)
    resize_min: int = setting(350, "augmentation",
        "smallest short side in pixels, also used in evaluation", int, least=1,
        styles=("img",))
    resize_max: int = setting(512, "augmentation",
        "largest short side in pixels", int, least=1, styles=("img",))
    resize_square: int = setting(256, "augmentation",
        "side of the square in pixels", int, least=1, styles=("batch",))
    flip: bool = setting(True, "augmentation", "flip half of the images left to right", switch_of)

    net: str = setting("resnet50", "network", "backbone", choices=tuple(NETWORKS))
    pretrained: Optional[str] = setting(None, "network",
        "checkpoint to start from (.ckpt prefix or .npz), or none; default: the network's"
        " published one under --pretrained_dir")
    emb_dim: int = setting(256, "network", "embedding dimension, D", int,
        least=1, modes=TWO_HEAD_MODES)
    feature_map: Optional[str] = setting(None, "network",
        "end point that the embedding head flattens",
        modes=TWO_HEAD_MODES, metavar="NAME")
    depth_multiplier: float = setting(1.0, "network",
        "fraction of the channels in every layer", float, choices=(1.0, 0.75, 0.5, 0.25),
        nets=WITH_CHOICE_OF_DEPTH)
    bn_decay: Optional[float] = setting(None, "network",
        "decay of batch normalisation's moving averages",
        float, least=0.0, most=1.0, nets=WITH_BATCH_NORM)
    freeze_bn: bool = setting(False, "network",
        "keep the restored batch-normalisation statistics and turn dropout off", switch_of)

    train_mode: str = setting("hard", "loss", _MODES_TEXT, mode_of, choices=TRAIN_MODES)
    triplet_loss_lambda: float = setting(1.0, "loss", "weight of the triplet loss", float,
        least=0.0, modes=modes_that_read("triplet_loss_lambda"))
    margin: Union[float, str] = setting(0.2, "loss",
        "triplet margin in squared distance (at most 4), or soft, or none", margin_of,
        least=0.0, most=4.0,
        modes=modes_that_read("margin"), metavar="{X,soft,none}")
    center_loss_lambda: float = setting(0.003, "loss", "weight of the center loss", float,
        least=0.0, modes=modes_that_read("center_loss_lambda"))
    center_alpha: float = setting(0.5, "loss", "fraction of the way a center moves", float,
        least=0.0, most=1.0, modes=modes_that_read("center_alpha"))
    aux_loss_weight: float = setting(0.0, "loss",
        "weight of the auxiliary classifier's cross-entropy; 0.4 is usual", float, least=0.0,
        nets=WITH_AUXILIARY)
    weight_decay: float = setting(0.0, "loss",
        "L2 penalty on the weights of backbone and heads", float, least=0.0)

    train_iters: int = setting(40000, "schedule", "training steps", int, least=1, resumable=True)
    learning_rate: float = setting(0.01, "schedule", "learning rate of the first step", float,
        least=0.0, resumable=True)
    end_learning_rate: float = setting(0.0, "schedule",
        "learning rate after the last step; decays linearly", float, least=0.0, resumable=True)
    accumulate_batches: int = setting(1, "schedule",
        "batches whose gradients are averaged into one step", int, least=1,
        alias="caffe_iter_size")
    log_every_steps: int = setting(100, "schedule", "steps between log lines", int, least=1,
        alias="logging_threshold", resumable=True)
    eval_every_steps: int = setting(5000, "schedule", "steps between evaluations", int, least=1,
        resumable=True)
    save_every_steps: int = setting(1000, "schedule", "steps between checkpoints", int, least=1,
        alias="save_interval", resumable=True)
    keep_checkpoints: int = setting(3, "schedule", "newest checkpoints to keep", int, least=1,
        resumable=True)

    run_dir: Optional[str] = setting(None, "run folder",
        "run folder, under --runs_dir; default: a name made from the settings",
        alias="checkpoint_dir", resumable=True)
    run_suffix: str = setting("", "run folder", "suffix of the default name",
        alias="checkpoint_suffix", resumable=True, metavar="NAME")
    on_exist: str = setting("resume", "run folder", "what to do with a run that already exists",
        choices=("resume", "overwrite", "fail"), resumable=True)

    gpu: str = setting("0", "machine", "CUDA device; -1 for none", device_of,
        resumable=True, metavar="N")
    precision: str = setting("float32", "machine",
        "of the numbers in training; mixed: 16 bits in convolutions, float16 on a GPU and bfloat16"
        " on a CPU that has it, float32 in losses and matrix products; evaluations after training"
        " use float32", choices=("float32", "mixed"))
    xla: bool = setting(False, "machine", "compile the training step with XLA; GPUs only",
        switch_of, resumable=True)
    datasets_dir: str = setting(None, "machine", "folder of the data sets", resumable=True)
    pretrained_dir: str = setting(None, "machine", "folder of the pretrained checkpoints",
        resumable=True)
    runs_dir: str = setting(None, "machine", "folder of the run folders",
        alias="checkpoints_dir", resumable=True)

    # Not settings: where each path came from, names from the first release's flags, and remarks
    # on the command line for the log.
    path_origins: Dict[str, str] = field(default_factory=dict)
    log_name: str = "log"
    checkpoint_name: str = "model.ckpt"
    remarks: Tuple[str, ...] = ()
    # fmt: on

    @property
    def dataset_dir(self):
        """str, the folder of this run's data set."""
        spec = DATASETS[self.dataset]
        if spec.folder is None:
            return self.dataset_path
        return os.path.join(self.datasets_dir, spec.folder)

    @property
    def ranking_weight(self):
        """float, lambda, the weight of this mode's ranking loss; None without one."""
        weight = LOSSES[self.train_mode].weight
        return None if weight is None else getattr(self, weight)


SETTINGS = {f.name: f for f in dataclasses.fields(Config) if f.metadata}
