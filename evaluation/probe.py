"""Classifiers on fixed features: multinomial logistic regression and the nearest neighbour."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from evaluation.neighbours import Index
from utils.errors import UserError

STRENGTHS = tuple(float(10.0**power) for power in range(-4, 4))
_FOLDS, _ITERATIONS = 5, 1000


def choose_strength(features, labels, held_out=None, seed=0):
    """The C of `linear_probe` with the best accuracy; of equal ones, the smallest.

    Args:
      features: float32 [N, F].
      labels: int [N].
      held_out: (float32 [M, F], int [M]), features and labels that are compared on; None for
        stratified cross-validation with up to five folds.
      seed: int, of the folds.

    Returns:
      float, C.

    Raises:
      UserError: a class with one image, which can't be in two folds.
    """
    if held_out is not None:
        splits = [((features, labels), held_out)]
    else:
        fewest = int(np.bincount(labels)[np.unique(labels)].min())
        if fewest < 2:
            raise UserError(
                "a class of the training list has a single image, which leaves none for"
                " cross-validation; give the data set a validation list"
            )
        folds = StratifiedKFold(min(_FOLDS, fewest), shuffle=True, random_state=seed)
        splits = [
            ((features[rows], labels[rows]), (features[others], labels[others]))
            for rows, others in folds.split(features, labels)
        ]
    accuracies = [
        np.mean([accuracy(linear_probe(*ours, strength), *others) for ours, others in splits])
        for strength in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(accuracies))]


def linear_probe(features, labels, strength):
    """Fits multinomial logistic regression by L-BFGS, as Kornblith et al. do (arXiv:1805.08974).

        minimises  |W|^2 / 2 + C * sum_i -log p_i[y_i],   p_i = softmax(W f_i + b)

    Args:
      features: float32 [N, F].
      labels: int [N].
      strength: float, C.

    Returns:
      sklearn LogisticRegression, whose `predict` takes float32 [M, F].
    """
    # Sums depend on the number of threads, which also wait for one another on a loaded machine.
    with threadpool_limits(1), warnings.catch_warnings():
        # A weak penalty may need more steps than it is worth.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=_ITERATIONS).fit(features, labels)


def accuracy(probe, features, labels):
    """The fraction of the labels that a probe predicts."""
    return float(np.mean(probe.predict(features) == labels))


def nearest_accuracy(features, labels, queries, query_labels):
    """The accuracy of the nearest training image's class.

    Args:
      features: float32 [N, F], rows of unit norm, like the queries.
      labels: int [N].
      queries: float32 [M, F].
      query_labels: int [M].

    Returns:
      float.
    """
    _, rows = Index(features).search(queries, 1)
    return float(np.mean(labels[rows[:, 0]] == query_labels))
