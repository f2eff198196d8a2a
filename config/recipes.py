"""The two recipes: the paper's, and a strong baseline."""

# Defaults of --recipe strong, which a flag of their own overrides; the weight decay is that of
# Goyal et al., arXiv:1706.02677, the others are as in the settings' sources.
STRONG = {
    "learning_rate_schedule": "cosine",
    "weight_decay": 1e-4,
    "label_smoothing": 0.1,
    "head_learning_rate": 10.0,
    "ema_decay": 0.999,
}
RECIPE_SETTINGS = ("warmup_steps", *STRONG)
_WARMUP_PART = 20


def defaults_of(recipe, values):
    """The defaults that a recipe replaces.

    Args:
      recipe: str, "paper" or "strong".
      values: dict from setting to value, of all settings without the recipe.

    Returns:
      dict from setting to value. The strong one warms up for a twentieth of `train_iters`; its
      higher rate for the heads is only for a backbone that starts from other weights than theirs.
    """
    if recipe == "paper":
        return {}
    found = dict(STRONG, warmup_steps=values["train_iters"] // _WARMUP_PART)
    if values["pretrained"] == "none":
        del found["head_learning_rate"]
    return found
