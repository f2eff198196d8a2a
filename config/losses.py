"""The table of training modes: each one's ranking loss, its weight and its settings."""

from typing import Dict, NamedTuple, Optional, Tuple


class LossSpec(NamedTuple):
    """One row of `LOSSES`.

    Attributes:
      title: str, the row's name in tables and figures.
      about: str, the loss and its source, shown in --help.
      weight: str, the setting with its weight; None for softmax alone.
      settings: dict from a parameter of the loss function to the setting with its value.
      memory: bool, --memory can add images to those that it compares.
      per_class: bool, the loss keeps per-class state and also takes `num_classes`.
      rates: dict from a variable of the loss to the setting with its learning-rate factor.
      by_hook: tuple of the settings that a hook of `training` reads for it.
    """

    title: str
    about: str
    weight: Optional[str]
    settings: Dict[str, str] = {}
    memory: bool = False
    per_class: bool = False
    rates: Dict[str, str] = {}
    by_hook: Tuple[str, ...] = ()

    @property
    def reads(self):
        """Set of the settings that this loss uses."""
        named = {self.weight, *self.settings.values(), *self.rates.values(), *self.by_hook}
        return named - {None}


def _own(mode, *parameters):
    """The weight and settings of a loss, named after its mode."""
    settings = {name: f"{mode}_{name}" for name in parameters}
    return dict(weight=f"{mode}_loss_lambda", settings=settings)


_TRIPLET = dict(weight="triplet_loss_lambda", settings={"margin": "margin"})

LOSSES = {
    "vanilla": LossSpec("Softmax", "softmax alone", None),
    "hard": LossSpec(
        "Two-head hard", "batch-hard triplet loss, arXiv:1703.07737", memory=True, **_TRIPLET
    ),
    "semi_hard": LossSpec(
        "Two-head semi-hard", "semi-hard triplet loss, arXiv:1503.03832", memory=True, **_TRIPLET
    ),
    "adaptive": LossSpec(
        "Two-head adaptive",
        "adaptive-weight triplet loss, Ristani & Tomasi, CVPR 2018",
        memory=True,
        **_TRIPLET,
    ),
    "center": LossSpec(
        "Two-head center",
        "center loss, Wen et al., ECCV 2016",
        per_class=True,
        **_own("center", "alpha"),
    ),
    "contrastive": LossSpec(
        "Two-head contrastive",
        "contrastive loss, Hadsell et al., CVPR 2006",
        memory=True,
        **_own("contrastive", "positive_margin", "negative_margin"),
    ),
    "npairs": LossSpec(
        "Two-head N-pair", "N-pair loss, Sohn, NIPS 2016", memory=True, **_own("npairs", "scale")
    ),
    "lifted": LossSpec(
        "Two-head lifted", "lifted structure loss, arXiv:1511.06452", **_own("lifted", "margin")
    ),
    "multi_similarity": LossSpec(
        "Two-head multi-similarity",
        "multi-similarity loss with its mining, arXiv:1904.06627",
        memory=True,
        **_own("multi_similarity", "alpha", "beta", "base", "epsilon"),
    ),
    "circle": LossSpec(
        "Two-head circle",
        "circle loss, arXiv:2002.10857",
        memory=True,
        **_own("circle", "margin", "gamma"),
    ),
    "supcon": LossSpec(
        "Two-head SupCon",
        "supervised contrastive loss, arXiv:2004.11362",
        memory=True,
        **_own("supcon", "temperature"),
    ),
    "smooth_ap": LossSpec(
        "Two-head Smooth-AP",
        "Smooth-AP loss, arXiv:2007.12163",
        memory=True,
        **_own("smooth_ap", "temperature"),
    ),
    "proxy_anchor": LossSpec(
        "Two-head Proxy-Anchor",
        "Proxy-Anchor loss, arXiv:2003.13911",
        per_class=True,
        rates={"proxies": "proxy_anchor_learning_rate"},
        **_own("proxy_anchor", "alpha", "delta"),
    ),
    "arcface": LossSpec(
        "Two-head ArcFace",
        "additive angular margin loss, arXiv:1801.07698",
        per_class=True,
        **_own("arcface", "margin", "scale"),
    ),
    "magnet": LossSpec(
        "Two-head magnet",
        "magnet loss, arXiv:1511.05939",
        per_class=True,
        by_hook=("magnet_refresh_steps",),
        **_own("magnet", "clusters", "alpha"),
    ),
}
RELEASE_MODES = ("vanilla", "hard", "semi_hard", "adaptive", "center")
# The first release's names for two modes.
MODE_ALIASES = {"cntr": "center", "hard_awtl": "adaptive"}
TRAIN_MODES = tuple(LOSSES)
MEMORY_MODES = tuple(mode for mode, row in LOSSES.items() if row.memory)
TWO_HEAD_MODES = tuple(mode for mode, row in LOSSES.items() if row.weight is not None)
# Sums of two modes, each with a weight of its own.
MODE_SUMS = frozenset(
    f"{one}+{other}"
    for one in TWO_HEAD_MODES
    for other in TWO_HEAD_MODES
    if LOSSES[one].weight != LOSSES[other].weight
)


def modes_of(train_mode):
    """Tuple of the modes that a run sums, mostly one."""
    return tuple(train_mode.split("+"))


def modes_that_read(setting):
    """Tuple of the modes whose loss uses a setting, as its weight or a parameter."""
    return tuple(mode for mode, row in LOSSES.items() if setting in row.reads)
