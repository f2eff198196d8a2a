"""Maps a network's name to the slim function that builds it."""

import functools

from nets.densenet import densenet161
from nets.inception import auxiliary_logits, inception
from nets.inception_v4 import inception_v4
from nets.mobilenet_v1 import mobilenet_v1
from nets.resnet import resnet
from nets.vgg import vgg_16
from utils.tf1 import slim_nets


def _resnet(version, depth):
    scope = f"resnet_{version}_{depth}"
    return functools.partial(resnet, getattr(getattr(slim_nets, f"resnet_{version}"), scope), scope)


def _inception(version, layer, **options):
    base = getattr(slim_nets.inception, f"inception_v{version}_base")
    return functools.partial(inception, base, f"InceptionV{version}", layer, **options)


BACKBONES = {
    "resnet50": _resnet("v2", 50),
    "resnet101": _resnet("v2", 101),
    "resnet152": _resnet("v2", 152),
    "resnet50_v1": _resnet("v1", 50),
    "resnet101_v1": _resnet("v1", 101),
    "resnet152_v1": _resnet("v1", 152),
    "inc1": _inception(1, "Conv2d_0c_1x1"),
    "inc2": _inception(2, "Conv2d_1c_1x1"),
    "inc3": _inception(3, "Conv2d_1c_1x1", auxiliary=auxiliary_logits),
    "inc4": inception_v4,
    "densenet161": densenet161,
    "mobile": mobilenet_v1,
    "vgg16": vgg_16,
}


def network_fn(name, bn_decay=None, depth_multiplier=None):
    """Finds a backbone.

    Args:
      name: str, a key of `BACKBONES`.
      bn_decay: float, decay of the moving averages of batch normalisation; None for slim's own.
      depth_multiplier: float, share of the channels of `mobile`; None for all of them.

    Returns:
      Function (images, num_classes, is_training, reuse=None) -> (logits float32 [B, C], dict from
      end point names to tensors), with the variables of the published slim checkpoint.

    Raises:
      ValueError: there is no network of this name.
    """
    if name not in BACKBONES:
        raise ValueError(f"there is no network {name}; choose from {', '.join(BACKBONES)}")
    options = {"bn_decay": bn_decay, "depth_multiplier": depth_multiplier}
    given = {key: value for key, value in options.items() if value is not None}
    return functools.partial(BACKBONES[name], **given)
