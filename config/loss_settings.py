"""The settings of the ranking losses that have their own; `Config` inherits them.

Each is named after its mode and read by no other. The defaults are the papers', see the docstrings
of the losses.
"""

from dataclasses import dataclass, fields

from config.fields import setting
from config.losses import modes_that_read


def _weight(mode):
    return _of(mode, "loss_lambda", 1.0, "weight of this loss")


def _of(mode, name, default, text, **limits):
    """A number that only the loss of one mode reads, in a group of its own."""
    limits.setdefault("least", 0.0)
    modes = modes_that_read(f"{mode}_{name}")
    return setting(default, f"loss: {mode}", text, type(default), modes=modes, **limits)


_SMALLEST = 1e-6


# fmt: off
@dataclass(frozen=True)
class LossSettings:
    """One weight for each mode and the parameters of its loss."""

    contrastive_loss_lambda: float = _weight("contrastive")
    contrastive_positive_margin: float = _of("contrastive", "positive_margin", 0.0,
        "distance, not squared, up to which a positive pair costs nothing", most=2.0)
    contrastive_negative_margin: float = _of("contrastive", "negative_margin", 1.0,
        "distance, not squared, from which on a negative pair costs nothing", most=2.0)
    npairs_loss_lambda: float = _weight("npairs")
    npairs_scale: float = _of("npairs", "scale", 1.0,
        "factor of the cosines: the squared norm of embeddings without a fixed one",
        least=_SMALLEST)
    lifted_loss_lambda: float = _weight("lifted")
    lifted_margin: float = _of("lifted", "margin", 1.0, "margin in distance, not squared", most=2.0)
    multi_similarity_loss_lambda: float = _weight("multi_similarity")
    multi_similarity_alpha: float = _of("multi_similarity", "alpha", 2.0,
        "sharpness of the positives", least=_SMALLEST)
    multi_similarity_beta: float = _of("multi_similarity", "beta", 50.0,
        "sharpness of the negatives", least=_SMALLEST)
    multi_similarity_base: float = _of("multi_similarity", "base", 0.5,
        "cosine between similar and dissimilar; 0.5 is the authors' code, the paper has 1",
        least=-1.0, most=1.0)
    multi_similarity_epsilon: float = _of("multi_similarity", "epsilon", 0.1,
        "margin of the mining, in cosine", most=2.0)
    circle_loss_lambda: float = _weight("circle")
    circle_margin: float = _of("circle", "margin", 0.4, "margin in cosine", most=1.0)
    circle_gamma: float = _of("circle", "gamma", 80.0, "scale", least=_SMALLEST)
    supcon_loss_lambda: float = _weight("supcon")
    supcon_temperature: float = _of("supcon", "temperature", 0.1, "temperature of the softmax",
        least=_SMALLEST)
    smooth_ap_loss_lambda: float = _weight("smooth_ap")
    smooth_ap_temperature: float = _of("smooth_ap", "temperature", 0.01,
        "temperature of the sigmoids, in cosine", least=_SMALLEST)
    proxy_anchor_loss_lambda: float = _weight("proxy_anchor")
    proxy_anchor_alpha: float = _of("proxy_anchor", "alpha", 32.0, "scale", least=_SMALLEST)
    proxy_anchor_delta: float = _of("proxy_anchor", "delta", 0.1, "margin in cosine", most=2.0)
    proxy_anchor_learning_rate: float = _of("proxy_anchor", "learning_rate", 100.0,
        "learning rate of the proxies, as a factor of the network's")
    arcface_loss_lambda: float = _weight("arcface")
    arcface_margin: float = _of("arcface", "margin", 0.5, "margin in radians", most=1.57)
    arcface_scale: float = _of("arcface", "scale", 64.0, "scale", least=_SMALLEST)
    magnet_loss_lambda: float = _weight("magnet")
    magnet_clusters: int = _of("magnet", "clusters", 3, "clusters of a class", least=1)
    magnet_alpha: float = _of("magnet", "alpha", 1.0, "margin, in units of twice the variance")
    magnet_refresh_steps: int = _of("magnet", "refresh_steps", 1000,
        "steps between runs of k-means on the embeddings of the training list", least=1)
    # fmt: on


LOSS_GROUPS = tuple(dict.fromkeys(f.metadata["group"] for f in fields(LossSettings)))
