"""Notices an embedding that has collapsed to one point, as triplet losses are apt to do."""

_ROWS_IN_A_ROW = 3

ADVICE = (
    "the embedding has collapsed: all images lie at one point and the triplet loss stays at its"
    " margin; try a lower --learning_rate, --train_mode semi_hard for the first steps, or"
    " --margin soft"
)


class CollapseWatch:
    """Looks at the logged terms of a run and warns once."""

    def __init__(self):
        """Starts without a suspicion."""
        self._rows = 0

    def collapsed(self, terms):
        """Whether a warning is due.

        Args:
          terms: dict of one log line, see `losses.objective.pair_statistics`.

        Returns:
          bool, True once: when the mean distances between classes have been near 0, with every
          anchor active, for three log lines in a row.
        """
        at_one_point = terms.get("negative_distance", 1.0) < 1e-3
        self._rows = self._rows + 1 if at_one_point and terms["active_anchors"] > 0.99 else 0
        return self._rows == _ROWS_IN_A_ROW
