"""The table of training modes: each one's ranking loss, its weight and its settings."""

from typing import Dict, NamedTuple, Optional


class LossSpec(NamedTuple):
    """One row of `LOSSES`.

    Attributes:
      title: str, the row's name in tables and figures.
      about: str, the loss and its source, shown in --help.
      weight: str, the setting with its weight; None for softmax alone.
      settings: dict from a parameter of the loss function to the setting with its value.
      per_class: bool, the loss keeps per-class state and also takes `num_classes`.
    """

    title: str
    about: str
    weight: Optional[str]
    settings: Dict[str, str] = {}
    per_class: bool = False


_TRIPLET = dict(weight="triplet_loss_lambda", settings={"margin": "margin"})

LOSSES = {
    "vanilla": LossSpec("Softmax", "softmax alone", None),
    "hard": LossSpec("Two-head hard", "batch-hard triplet loss, arXiv:1703.07737", **_TRIPLET),
    "semi_hard": LossSpec(
        "Two-head semi-hard", "semi-hard triplet loss, arXiv:1503.03832", **_TRIPLET
    ),
    "adaptive": LossSpec(
        "Two-head adaptive", "adaptive-weight triplet loss, Ristani & Tomasi, CVPR 2018", **_TRIPLET
    ),
    "center": LossSpec(
        "Two-head center",
        "center loss, Wen et al., ECCV 2016",
        weight="center_loss_lambda",
        settings={"alpha": "center_alpha"},
        per_class=True,
    ),
}
# The first release's names for two modes.
MODE_ALIASES = {"cntr": "center", "hard_awtl": "adaptive"}
TRAIN_MODES = tuple(LOSSES)
TWO_HEAD_MODES = tuple(mode for mode, row in LOSSES.items() if row.weight is not None)


def modes_that_read(setting):
    """Tuple of the modes whose loss uses a setting, as its weight or a parameter."""
    return tuple(
        mode
        for mode, row in LOSSES.items()
        if setting == row.weight or setting in row.settings.values()
    )
