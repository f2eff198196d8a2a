"""The Config of a run: every setting with its meaning, unit, default and limits.

A default of None means that `config.resolve` takes the value from the network, or that the run
derives it from its data. The first release's flags are kept as aliases of these names.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Dict, Optional, Tuple, Union

from config.datasets import DATASETS
from config.fields import setting
from config.loss_settings import LossSettings
from config.losses import (
    LOSSES,
    MEMORY_MODES,
    MODE_ALIASES,
    MODE_SUMS,
    TRAIN_MODES,
    TWO_HEAD_MODES,
    modes_of,
    modes_that_read,
)
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


def devices_of(text):
    """Reads devices with commas between them: different ones, or -1 several times."""
    devices = [device_of(number) for number in text.split(",")]
    if set(devices) != {"-1"} and ("-1" in devices or len(set(devices)) < len(devices)):
        raise ValueError(text)
    return ",".join(devices)


def mode_of(text):
    """Reads a training mode or a sum; also accepts the first release's names."""
    return "+".join(MODE_ALIASES.get(mode, mode) for mode in modes_of(text))


_MODES_TEXT = "; ".join(
    [f"{mode}: {row.about}" for mode, row in LOSSES.items()]
    + ["hard+proxy_anchor, for example: both, each with its own weight"]
)


# fmt: off
@dataclass(frozen=True)
class Config(LossSettings):
    """All settings of one run; the flags of `main.py` are its fields."""

    dataset: str = setting("digits", "data", "data set",
        choices=tuple(DATASETS), alias="db_name")
    dataset_path: Optional[str] = setting(None, "data",
        "folder of --dataset custom: lists/*.csv, or one subfolder per class", alias="db_path")
    lists_folder: str = setting("lists", "data",
        "folder of the lists, below the data set's; lists_unseen for classes that training never"
        " saw, see python -m datasets_lists make --help", metavar="NAME")
    eval_split: Optional[str] = setting(None, "data",
        "split evaluated during training, used to choose the best checkpoint; default: val"
        " if it is held out from training, else test", choices=("test", "val"))
    final_split: Optional[str] = setting(None, "data",
        "split evaluated at the end, val to leave the test list alone while settings are chosen;"
        " default: test if there is such a list, else as --eval_split", choices=("test", "val"),
        resumable=True)
    sampler: Optional[str] = setting(None, "data",
        "batches of shuffled images, or of P classes with K images each; default: shuffle"
        " for vanilla, else pk", choices=("shuffle", "pk"))
    imbalance_ratio: float = setting(1.0, "data",
        "thins the training list to a long tail: the largest class has this many times the images"
        " of the smallest; 1 keeps the list as it is", float, least=1.0)
    shots: int = setting(0, "data",
        "keeps this many random images of each class in the training list, or all of a class with"
        " fewer; 0 keeps the list as it is", int, least=0)
    batch_size: int = setting(32, "data", "images per batch, B, over all devices", int, least=1)
    images_per_class: int = setting(4, "data",
        "images per class, K; a batch has P = batch_size / K classes", int, least=2,
        samplers=("pk",), alias="Triplet_K")
    on_bad_image: str = setting("fail", "data",
        "what to do with a training image that can't be read or decoded: fail: end and name it;"
        " skip: use the next image of its class instead and log it once; each image is then decoded"
        " once more before it is first used. Evaluation skips none: every image of its list counts",
        choices=("fail", "skip"), resumable=True)
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
        "end point that the embedding head reads",
        modes=TWO_HEAD_MODES, metavar="NAME")
    emb_pool: str = setting("flatten", "network",
        "flatten: the embedding head reads the whole map; average: its mean; gem: its generalised"
        " mean with a learned exponent, arXiv:1711.02512", choices=("flatten", "average", "gem"),
        modes=TWO_HEAD_MODES)
    depth_multiplier: float = setting(1.0, "network",
        "fraction of the channels in every layer", float, choices=(1.0, 0.75, 0.5, 0.25),
        nets=WITH_CHOICE_OF_DEPTH)
    bn_decay: Optional[float] = setting(None, "network",
        "decay of batch normalisation's moving averages",
        float, least=0.0, most=1.0, nets=WITH_BATCH_NORM)
    freeze_bn: bool = setting(False, "network",
        "keep the restored batch-normalisation statistics and turn dropout off", switch_of)

    train_mode: str = setting("hard", "loss", _MODES_TEXT, mode_of, choices=TRAIN_MODES,
        sums=MODE_SUMS)
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
    mining: str = setting("step", "loss",
        "step: the ranking loss compares all images of a step, over all devices and accumulated"
        " batches; batch: those of each part alone", choices=("step", "batch"),
        modes=TWO_HEAD_MODES, before="batch")
    memory: int = setting(0, "loss",
        "embeddings of earlier steps that the ranking loss also compares with, N,"
        " arXiv:1912.06798; 0 for none", int, least=0, modes=MEMORY_MODES)
    memory_start: int = setting(1000, "loss", "steps before --memory is used", int, least=0,
        modes=MEMORY_MODES)
    aux_loss_weight: float = setting(0.0, "loss",
        "weight of the auxiliary classifier's cross-entropy; 0.4 is usual", float, least=0.0,
        nets=WITH_AUXILIARY)
    label_smoothing: float = setting(0.0, "loss",
        "part of the softmax head's target that all classes share, arXiv:1512.00567; 0.1 is usual",
        float, least=0.0, most=1.0)
    weight_decay: float = setting(0.0, "loss",
        "L2 penalty on the weights of backbone and heads, but not on biases, batch normalisation"
        " and depthwise filters", float, least=0.0)

    recipe: str = setting("paper", "schedule",
        "strong: other defaults, for a baseline with schedule, regularisation and averaged weights",
        choices=("paper", "strong"))
    train_iters: int = setting(40000, "schedule", "training steps", int, least=1, resumable=True)
    learning_rate: float = setting(0.01, "schedule", "learning rate of the first step", float,
        least=0.0, resumable=True)
    head_learning_rate: float = setting(1.0, "schedule",
        "learning rate of both heads, which start from random weights, as a factor of the"
        " network's; fine-tuning often takes 10", float, least=0.0)
    end_learning_rate: float = setting(0.0, "schedule",
        "learning rate after the last step", float, least=0.0, resumable=True)
    learning_rate_schedule: str = setting("linear", "schedule",
        "how the learning rate falls to its end: along a line, or half a cosine, arXiv:1608.03983",
        choices=("linear", "cosine"), resumable=True)
    warmup_steps: int = setting(0, "schedule",
        "first steps in which the learning rate rises linearly to --learning_rate,"
        " arXiv:1706.02677; strong: a twentieth of --train_iters", int, least=0, resumable=True)
    ema_decay: float = setting(0.0, "schedule",
        "decay of an exponential moving average of weights and batch-normalisation statistics,"
        " which evaluation, predict.py and export.py then use; 0 for none", float, least=0.0,
        most=0.999999)
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
    strict: bool = setting(False, "schedule",
        "end the run with an error at the first advice of advice.json, once it is saved",
        switch_of, resumable=True)

    run_dir: Optional[str] = setting(None, "run folder",
        "run folder, under --runs_dir; default: a name made from the settings",
        alias="checkpoint_dir", resumable=True)
    run_suffix: str = setting("", "run folder", "suffix of the default name",
        alias="checkpoint_suffix", resumable=True, metavar="NAME")
    on_exist: str = setting("resume", "run folder", "what to do with a run that already exists",
        choices=("resume", "overwrite", "fail"), resumable=True)

    max_megapixels: int = setting(200, "machine",
        "megapixels of the largest image that is decoded; a small file can hold one that fills the"
        " memory", int, least=1, resumable=True)
    deterministic: bool = setting(False, "machine",
        "equal runs on a GPU too, which are slower (TensorFlow 2 only); on the CPU they always are",
        switch_of, resumable=True)
    gpu: str = setting("0", "machine",
        "CUDA devices that share each batch, such as 0,1,2,3; -1 for the CPU, -1,-1 for two"
        " replicas on it", devices_of, resumable=True, metavar="N")
    sync_bn: bool = setting(False, "machine",
        "share batch-normalisation statistics between the devices", switch_of)
    join_timeout: int = setting(300, "machine",
        "seconds to wait for the other machines of TF_CONFIG at the start", int, least=1,
        resumable=True)
    cache: Optional[str] = setting(None, "machine",
        "folder for copies of the training images larger than --resize_max (or --resize_square),"
        " resized to it once as JPEGs of quality 95, so that later passes decode fewer pixels; the"
        " frames differ slightly from those without it; evaluation does not use it",
        resumable=True)
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
        """float, lambda, the weight of this mode's ranking loss; None without one, 1 for a sum."""
        if self.train_mode in MODE_SUMS:
            return 1.0
        weight = LOSSES[self.train_mode].weight
        return None if weight is None else getattr(self, weight)


SETTINGS = {f.name: f for f in dataclasses.fields(Config) if f.metadata}
