"""Detects an embedding that has collapsed to one point, a risk of ranking losses."""

from config.losses import LOSSES, modes_of

_ROWS_IN_A_ROW = 3
_NEAR_ZERO = 1e-3

ADVICE = "the embedding has collapsed: all images map to one point; try a lower --learning_rate"


def advice(mode, margin):
    """What to try against a collapse, except settings already in use.

    Args:
      mode: str, the training mode, or a sum of two.
      margin: float, "soft" or "none"; None for a mode without a margin.

    Returns:
      str.
    """
    if margin is None:
        weights = [f"--{LOSSES[part].weight}" for part in modes_of(mode)]
        return f"{ADVICE}, or a lower {' and '.join(weights)}"
    words = [] if mode == "semi_hard" else ["--train_mode semi_hard for the first steps"]
    words += [] if margin == "soft" else ["--margin soft"]
    return ", or ".join([ADVICE, *words])


class CollapseWatch:
    """Watches the logged terms of a run and warns once."""

    def __init__(self):
        """Starts a new count."""
        self._rows, self._warned = 0, False

    def collapsed(self, terms):
        """Whether to warn now.

        Args:
          terms: dict of one log line, see `losses.objective.pair_statistics`.

        Returns:
          bool, True once: when the mean distances within and between classes have been near 0 for
          three log lines in a row.
        """
        distances = [terms.get(f"{kind}_distance", 1.0) for kind in ("positive", "negative")]
        self._rows = self._rows + 1 if max(distances) < _NEAR_ZERO else 0
        due = self._rows >= _ROWS_IN_A_ROW and not self._warned
        self._warned = self._warned or due
        return due
