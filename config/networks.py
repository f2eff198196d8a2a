"""The table of networks: scopes, feature maps, preprocessing and checkpoints."""

from typing import Dict, NamedTuple, Optional, Tuple


class Checkpoint(NamedTuple):
    """Published ImageNet weights.

    Attributes:
      path: str, its prefix under `pretrained_dir`.
      source: str, the URL of its archive; without one, a description of where to find it.
      top1: float, its published top-1 accuracy in percent.
      archive_bytes: int, size of the archive, if known.
    """

    path: str
    source: str
    top1: float
    archive_bytes: Optional[int] = None

    @property
    def is_open(self):
        """bool, whether `source` is a URL that a program can download."""
        return self.source.startswith("http")


class NetworkSpec(NamedTuple):
    """One row of `NETWORKS`.

    Attributes:
      title: str, its usual name.
      scope: str, the variable scope of its published checkpoint.
      feature_map: str, the end point that the embedding head flattens.
      pooled: str, the end point that the classifier reads.
      head_scopes: tuple of str, scopes that depend on the class count, never restored.
      preprocessing: str, a key of `data.augment.NORMALISATIONS`.
      frame_size: int, pixels per side.
      min_frame_size: int, pixels per side, the smallest input that the network accepts.
      bn_decay: float, decay of the moving averages of batch normalisation in the first release;
        None for a network without it.
      checkpoints: dict from depth multiplier to Checkpoint; {None: ...} if there is only one.
      auxiliary: str, the end point of its auxiliary classifier's logits, or None.
    """

    title: str
    scope: str
    feature_map: str
    pooled: str
    head_scopes: Tuple[str, ...]
    preprocessing: str
    frame_size: int
    min_frame_size: int
    bn_decay: Optional[float]
    checkpoints: Dict[Optional[float], Checkpoint]
    auxiliary: Optional[str] = None


_MODELS = "https://storage.googleapis.com/download.tensorflow.org/models/"


def _resnet(version, depth, date, top1):
    scope = f"resnet_{version}_{depth}"
    published = Checkpoint(f"{scope}/{scope}.ckpt", f"{_MODELS}{scope}_{date}.tar.gz", top1)
    return NetworkSpec(
        title=f"ResNet-{depth} {version}",
        scope=scope,
        feature_map=f"{scope}/block4",
        pooled="global_pool",
        head_scopes=(f"{scope}/logits",),
        preprocessing={"v1": "vgg", "v2": "inception"}[version],
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.997,
        checkpoints={None: published},
    )


def _inception(version, path, date, top1, **row):
    scope = f"InceptionV{version}"
    source = f"{_MODELS}inception_v{version}_{date}.tar.gz"
    standard = dict(
        title=f"Inception V{version}",
        scope=scope,
        feature_map="Mixed_5c",
        pooled="PreLogits",
        head_scopes=(f"{scope}/Logits",),
        preprocessing="inception",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.9997,
        checkpoints={None: Checkpoint(path, source, top1)},
    )
    if version > 2:
        heads = (f"{scope}/Logits", f"{scope}/AuxLogits")
        standard.update(
            head_scopes=heads, frame_size=299, min_frame_size=107, auxiliary="AuxLogits"
        )
    return NetworkSpec(**dict(standard, **row))


def _mobilenet(multiplier, top1):
    name = f"mobilenet_v1_{multiplier}_224"
    source = f"{_MODELS}mobilenet_v1_2018_02_22/{name}.tgz"
    return Checkpoint(f"{name}/{name}.ckpt", source, top1)


# Top-1 from slim's README; DenseNet's from its own repository.
NETWORKS = {
    "resnet50": _resnet("v2", 50, "2017_04_14", 75.6),
    "resnet101": _resnet("v2", 101, "2017_04_14", 77.0),
    "resnet152": _resnet("v2", 152, "2017_04_14", 77.8),
    "resnet50_v1": _resnet("v1", 50, "2016_08_28", 75.2),
    "resnet101_v1": _resnet("v1", 101, "2016_08_28", 76.4),
    "resnet152_v1": _resnet("v1", 152, "2016_08_28", 76.8),
    "inc1": _inception(1, "inception_v1/inception_v1.ckpt", "2016_08_28", 69.8),
    "inc2": _inception(2, "inception_v2/inception_v2.ckpt", "2016_08_28", 73.9),
    "inc3": _inception(3, "inception_v3.ckpt", "2016_08_28", 78.0, feature_map="Mixed_7c"),
    "inc4": _inception(
        4, "inception_v4/inception_v4.ckpt", "2016_09_09", 80.2,
        feature_map="Mixed_7d", pooled="global_pool",
    ),
    "densenet161": NetworkSpec(
        title="DenseNet-161",
        scope="densenet161",
        feature_map="densenet161/dense_block4",
        pooled="global_pool",
        head_scopes=("densenet161/logits",),
        preprocessing="densenet",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.999,
        checkpoints={
            None: Checkpoint(
                "tf-densenet161/tf-densenet161.ckpt",
                "the Google Drive link in the README of github.com/pudae/tensorflow-densenet",
                77.6,
            )
        },
    ),
    "mobile": NetworkSpec(
        title="MobileNet v1",
        scope="MobilenetV1",
        feature_map="Conv2d_13_pointwise",
        pooled="AvgPool_1a",
        head_scopes=("MobilenetV1/Logits",),
        preprocessing="inception",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.9997,
        checkpoints={
            1.0: _mobilenet(1.0, 70.9),
            0.75: _mobilenet(0.75, 68.4),
            0.5: _mobilenet(0.5, 63.3),
            0.25: _mobilenet(0.25, 49.8),
        },
    ),
    "vgg16": NetworkSpec(
        title="VGG-16",
        scope="vgg_16",
        feature_map="vgg_16/pool5",
        pooled="global_pool",
        head_scopes=("vgg_16/fc8",),
        preprocessing="vgg",
        frame_size=224,
        min_frame_size=32,
        bn_decay=None,
        checkpoints={
            None: Checkpoint(
                "vgg_16/vgg_16.ckpt", _MODELS + "vgg_16_2016_08_28.tar.gz", 71.5, 513324920
            )
        },
    ),
}  # fmt: skip


def checkpoint_name(net, depth_multiplier):
    """str, the command-line name of published weights, such as inc4 or mobile_0.5."""
    return net if depth_multiplier in (None, 1.0) else f"{net}_{depth_multiplier}"


def published_checkpoints():
    """All published weights by their name.

    Returns:
      dict from name to (the network's key, its depth multiplier or None, Checkpoint).
    """
    return {
        checkpoint_name(net, multiplier): (net, multiplier, checkpoint)
        for net, row in NETWORKS.items()
        for multiplier, checkpoint in row.checkpoints.items()
    }
