"""The closed table of networks: scopes, feature maps, preprocessing and checkpoints."""

from typing import NamedTuple, Tuple


class NetworkSpec(NamedTuple):
    """One row of `NETWORKS`.

    Attributes:
      title: str, the name people know it by.
      scope: str, the variable scope of its published checkpoint.
      feature_map: str, the end point that the embedding head flattens.
      pooled: str, the end point that the classifier reads.
      head_scopes: tuple of str, scopes that depend on the class count and are never restored.
      preprocessing: str, a name of `data.augment.NORMALISATIONS`.
      frame_size: int, pixels a side.
      min_frame_size: int, pixels a side below which the network can't be built.
      bn_decay: float, slim's decay of the moving averages of batch normalisation.
      checkpoint: str, the published checkpoint below `pretrained_dir`.
      checkpoint_source: str, where to get it.
    """

    title: str
    scope: str
    feature_map: str
    pooled: str
    head_scopes: Tuple[str, ...]
    preprocessing: str
    frame_size: int
    min_frame_size: int
    bn_decay: float
    checkpoint: str
    checkpoint_source: str


_SLIM = "http://download.tensorflow.org/models/"

NETWORKS = {
    "resnet50": NetworkSpec(
        title="ResNet-50 v2",
        scope="resnet_v2_50",
        feature_map="resnet_v2_50/block4",
        pooled="global_pool",
        head_scopes=("resnet_v2_50/logits",),
        preprocessing="inception",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.997,
        checkpoint="resnet_v2_50/resnet_v2_50.ckpt",
        checkpoint_source=_SLIM + "resnet_v2_50_2017_04_14.tar.gz",
    ),
    "resnet50_v1": NetworkSpec(
        title="ResNet-50 v1",
        scope="resnet_v1_50",
        feature_map="resnet_v1_50/block4",
        pooled="global_pool",
        head_scopes=("resnet_v1_50/logits",),
        preprocessing="vgg",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.997,
        checkpoint="resnet_v1_50/resnet_v1_50.ckpt",
        checkpoint_source=_SLIM + "resnet_v1_50_2016_08_28.tar.gz",
    ),
    "inc3": NetworkSpec(
        title="Inception V3",
        scope="InceptionV3",
        feature_map="Mixed_7c",
        pooled="PreLogits",
        head_scopes=("InceptionV3/Logits", "InceptionV3/AuxLogits"),
        preprocessing="inception",
        frame_size=299,
        min_frame_size=107,
        bn_decay=0.9997,
        checkpoint="inception_v3.ckpt",
        checkpoint_source=_SLIM + "inception_v3_2016_08_28.tar.gz",
    ),
    "mobile": NetworkSpec(
        title="MobileNet v1 1.0",
        scope="MobilenetV1",
        feature_map="Conv2d_13_pointwise",
        pooled="AvgPool_1a",
        head_scopes=("MobilenetV1/Logits",),
        preprocessing="inception",
        frame_size=224,
        min_frame_size=32,
        bn_decay=0.9997,
        checkpoint="mobilenet_v1_1.0_224/mobilenet_v1_1.0_224.ckpt",
        checkpoint_source=_SLIM + "mobilenet_v1_2018_02_22/mobilenet_v1_1.0_224.tgz",
    ),
}
