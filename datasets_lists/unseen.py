"""Splits the classes instead of the images, for retrieval on classes that training never saw."""

from config.datasets import FOLDS
from data import lists
from datasets_lists.annotations import Annotations
from utils.errors import UserError

# With fewer, a fold would hold out a single class, in which every neighbour is right.
LEAST_HELD_OUT = 2


def split(annotations):
    """Splits a data set into classes to train on and classes to search.

    The first half of the classes in label order, rounded down, is for training, the rest for test,
    each with all its images (Oh Song et al., arXiv:1511.06452). A data set whose own split already
    has other classes for test, such as Stanford Online Products, keeps it.

    For validation, fold k holds out the k-th quarter of the training classes in label order
    (Musgrave et al., arXiv:2003.08505).

    Args:
      annotations: Annotations.

    Returns:
      Annotations with train and test; and list of Annotations with train, val and the same test,
      one for each fold, empty if there are fewer than 8 training classes.

    Raises:
      UserError: there is a single class.
    """
    rows = sorted({row for found in annotations.splits.values() for row in found})
    labels = sorted({label for label, _ in rows})
    own = {s: {label for label, _ in found} for s, found in annotations.splits.items()}
    is_split = lists.are_unseen(own.get("test", ()), own["train"])
    trained = sorted(own["train"]) if is_split else labels[: len(labels) // 2]
    source = annotations.sources["train"]
    if not trained:
        raise UserError(f"--split unseen needs at least two classes, but {source} has one")

    def made(**classes):
        splits = {s: [row for row in rows if row[0] in held] for s, held in classes.items()}
        return Annotations(annotations.class_names, splits, dict.fromkeys(splits, source))

    searched = set(labels) - set(trained)
    folds = []
    for fold in range(FOLDS) if len(trained) >= FOLDS * LEAST_HELD_OUT else ():
        start, end = (len(trained) * k // FOLDS for k in (fold, fold + 1))
        held_out = set(trained[start:end])
        folds.append(made(train=set(trained) - held_out, val=held_out, test=searched))
    return made(train=set(trained), test=searched), folds


def read_own(root):
    """All images of your own data set, from its lists or from one folder per class.

    Args:
      root: str, the folder.

    Returns:
      Annotations.

    Raises:
      UserError: there are neither lists nor class folders, or they are malformed.
    """
    rows, class_map = lists.read_rows(root, {"train", *lists.splits_of(root)})
    names = dict(zip(*class_map))
    labels = sorted({label for found in rows.values() for label, _ in found})
    index = {label: i for i, label in enumerate(labels)}
    splits = {s: [(index[label], file) for label, file in found] for s, found in rows.items()}
    class_names = tuple(names.get(label, str(label)) for label in labels)
    return Annotations(class_names, splits, dict.fromkeys(splits, root))
