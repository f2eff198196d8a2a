"""From a network's name to the slim function that builds it."""

import functools

from nets.inception import inception_v3
from nets.mobilenet_v1 import mobilenet_v1
from nets.resnet import resnet
from utils.tf1 import slim_nets

BACKBONES = {
    "resnet50": functools.partial(resnet, slim_nets.resnet_v2.resnet_v2_50, "resnet_v2_50"),
    "resnet50_v1": functools.partial(resnet, slim_nets.resnet_v1.resnet_v1_50, "resnet_v1_50"),
    "inc3": inception_v3,
    "mobile": mobilenet_v1,
}


def network_fn(name, bn_decay=None):
    """Finds a backbone.

    Args:
      name: str, a key of `BACKBONES`.
      bn_decay: float, decay of the moving averages of batch normalisation; None for slim's own.

    Returns:
      Function (images, num_classes, is_training, reuse=None) -> (logits float32 [B, C], dict from
      end point names to tensors), with the variables of the published slim checkpoint.

    Raises:
      ValueError: there is no network of this name.
    """
    if name not in BACKBONES:
        raise ValueError(f"there is no network {name}; choose from {', '.join(BACKBONES)}")
    options = {} if bn_decay is None else {"bn_decay": bn_decay}
    return functools.partial(BACKBONES[name], **options)
