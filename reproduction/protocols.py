"""The protocols of reproduce.py: which checkpoint of a run is scored, and on which list."""

from typing import Dict, NamedTuple


class Protocol(NamedTuple):
    """Which checkpoint of a run gives its number, and how softmax is trained.

    Attributes:
      about: str, for the heading of a table.
      folder: str, the evaluation it reads, under eval/.
      checkpoint: str, the checkpoint that was evaluated.
      samplers: dict from training mode to sampler, for modes that don't use the default.
      eval_split: str, the list that chooses the best checkpoint.
      final_split: str, the list that is scored.
    """

    about: str
    folder: str
    checkpoint: str
    samplers: Dict[str, str]
    eval_split: str = "test"
    final_split: str = "test"


PROTOCOLS = {
    "released": Protocol(
        "protocol released: as in the first release, the best checkpoint is chosen on the test"
        " list, and softmax trains on shuffled batches, the two-head modes on P x K batches",
        "test-best",
        "best on the test list",
        {},
    ),
    "clean": Protocol(
        "protocol clean: the last checkpoint, with no choice made on the test list, and P x K"
        " batches for every mode",
        "test",
        "last",
        {"vanilla": "pk"},
    ),
    "validation": Protocol(
        "protocol validation, for choosing settings: the last checkpoint on the validation list,"
        " and P x K batches for every mode; the test list is not read",
        "val",
        "last",
        {"vanilla": "pk"},
        "val",
        "val",
    ),
    "folds": Protocol(
        "protocol folds: four models for each seed, each trained on three quarters of the training"
        " classes with a fixed number of steps, of which the best by MAP@R on the other quarter is"
        " taken; no training class is in the test list, whose scores are the mean of the four"
        " models; P x K batches for every mode",
        "test-best",
        "best MAP@R on the held-out quarter of the training classes",
        {"vanilla": "pk"},
        "val",
    ),
}
