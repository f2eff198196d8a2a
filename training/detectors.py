"""What can go wrong in training, and how it is noticed: one function for each problem.

A detector gets what the run has shown so far, a `training.advice.Seen`, and returns a Finding or
None. `DETECTORS` says when each is asked.
"""

import math
from typing import Callable, NamedTuple

import numpy as np

from config.losses import LOSSES, modes_of

# Three log lines, since a single one may be a matter of chance.
LINES_IN_A_ROW = 3
# Squared distances of unit vectors are up to 4, and 2 on average if they are random; below this all
# images lie at one point.
NEAR_ZERO = 1e-3
# Batch-hard often passes through distances below this, and should not end with them.
SMALL_AT_THE_END = 0.1
# A fraction of the start that is too small to matter.
SLOW_STATISTICS = 0.05
# More than any difference that the dropout of one batch makes.
LARGE_GAP = 0.2
# Starting from published weights, the loss often rises for some dozens of steps.
STEPS_ABOVE_START = 100
LINES_ABOVE_START = 5
# Twice in a row, since moving averages may need until the second evaluation to catch up.
EVALUATIONS_IN_A_ROW = 2
# Of the training images: all but one in a thousand.
ALL_CORRECT = 0.999
# How near to its margin the triplet loss counts as at it, as a fraction of the margin.
NEAR_MARGIN = 0.02
# More than half of a step spent on input means that a faster input would help more than a faster
# network.
LARGE_WAIT = 0.5


class Finding(NamedTuple):
    """The advice of a detector: one sentence, and the numbers that led to it (dict)."""

    sentence: str
    numbers: dict


def _weights(config):
    """The flags of the weights of a run's ranking losses."""
    return " and ".join(f"--{LOSSES[mode].weight}" for mode in modes_of(config.train_mode))


def collapsed_embedding(seen):
    """All distances near 0, or small at the end."""
    lines, names = seen.newest(LINES_IN_A_ROW), ("positive_distance", "negative_distance")
    largest = [max(line.get(name, 1.0) for name in names) for line in lines]
    config = seen.config
    is_over = bool(lines) and seen.lines[-1][0] >= config.train_iters
    if not lines or max(largest) >= (SMALL_AT_THE_END if is_over else NEAR_ZERO):
        return None
    rate = "--head_learning_rate" if config.head_learning_rate > 1 else "--learning_rate"
    remedies = [f"try a lower {rate}"]
    if config.margin is None:
        remedies.append(f"a lower {_weights(config)}")
    else:
        if config.train_mode != "semi_hard":
            remedies.append("--train_mode semi_hard for the first steps")
        if config.margin != "soft":
            remedies.append("--margin soft")
    if config.train_mode == "hard" and config.sampler == "pk" and config.images_per_class > 2:
        remedies.append("--images_per_class 2")
    return Finding(
        "the embedding has collapsed, for all images map nearly to one point (Hermans et al.,"
        f" arXiv:1703.07737); {', or '.join(remedies)}",
        {name: lines[-1][name] for name in names},
    )


def slow_statistics(seen):
    """Moving averages that still contain the initial values after the last step."""
    config = seen.config
    decay, steps = config.bn_decay, config.train_iters
    if config.freeze_bn or decay is None or decay**steps < SLOW_STATISTICS:
        return None
    advised = max(0.5, 1 - 10 / steps)
    remedy = f"--bn_decay {advised:.2g} suits this length" if advised < decay else "train longer"
    return Finding(
        f"--bn_decay {decay:g} forgets too slowly for --train_iters {steps}"
        f" ({100 * decay**steps:.0f}% of the start remains), so evaluation will lag far behind"
        f" training (github.com/tensorflow/models/issues/391); {remedy}",
        {"bn_decay": decay, "train_iters": steps, "remains": decay**steps},
    )


def lagging_statistics(seen):
    """The same images scored much worse with the moving averages."""
    own, in_evaluation = seen.accuracies
    decay = seen.config.bn_decay
    if decay is None or own - in_evaluation <= LARGE_GAP:
        return None
    return Finding(
        "evaluation is much worse than training on the same images: the moving averages of"
        " batch normalisation have not caught up (github.com/tensorflow/models/issues/391);"
        f" train longer, or choose a --bn_decay below {decay:g}, or --freeze_bn true with"
        " pretrained weights",
        {"accuracy": own, "accuracy_in_evaluation": in_evaluation},
    )


def high_learning_rate(seen):
    """The loss above its start for long."""
    if seen.start is None:
        return None
    start, above = seen.start["loss"], []
    for step, terms in reversed(seen.lines):
        if terms["loss"] <= start:
            break
        above.append(step)
    if len(above) < LINES_ABOVE_START or above[0] - above[-1] < STEPS_ABOVE_START:
        return None
    rate, loss = seen.config.learning_rate, seen.lines[-1][1]["loss"]
    return Finding(
        f"the loss has been above its start ({start:.4g}) since step {above[-1]}: the learning"
        " rate is too high (Smith, arXiv:1506.01186, shows how to find a good one); try"
        f" a --learning_rate of a tenth of {rate:g}",
        {"loss": loss, "first_loss": start, "since_step": above[-1], "learning_rate": rate},
    )


def untrained_head(seen):
    """A head whose weights stay as they are."""
    config, heads = seen.config, list(seen.untrained)
    if config.ranking_weight == 0:
        heads.append(f"embedding ({_weights(config)} is 0)")
    if not heads:
        return None
    return Finding(
        f"the head {' and the head '.join(heads)} gets no gradient, so its outputs stay random;"
        " give each head a loss (Taha et al., arXiv:1901.08616), or choose --train_mode vanilla,"
        " which has no embedding head",
        {"heads": heads},
    )


def backbone_not_restored(seen):
    """Layers of the backbone without a value from the start weights."""
    if seen.not_restored is None or seen.not_restored[0] == 0:
        return None
    count, total = seen.not_restored
    return Finding(
        f"{count} of the {total} variables of the backbone are not in the start weights and stay"
        " random, which costs most of what they give (Yosinski et al., arXiv:1411.1792); the log"
        f" names them: choose weights of --net {seen.config.net} and its --depth_multiplier",
        {"not_restored": count, "variables": total},
    )


def one_class_predicted(seen):
    """The same class for every image of the evaluation list."""
    newest = seen.predicted[-EVALUATIONS_IN_A_ROW:]
    if len(newest) < EVALUATIONS_IN_A_ROW or set(newest) != {1} or len(set(seen.eval_labels)) < 2:
        return None
    return Finding(
        f"the last {len(newest)} evaluations predicted one class for all {len(seen.eval_labels)}"
        " images: the classifier has learnt nothing, or its batch-normalisation statistics lag; try"
        " a lower --learning_rate, a lower --bn_decay, and look at a few images with their labels"
        " (karpathy.github.io/2019/04/25/recipe)",
        {"evaluations": len(newest), "images": len(seen.eval_labels)},
    )


def triplets_at_margin(seen):
    """All training images classified, and the triplet loss as if nothing were learnt."""
    margin = seen.config.margin
    resting = {"soft": math.log(2), "none": None}.get(margin, margin)
    lines = seen.newest(LINES_IN_A_ROW)
    if not lines or not resting:
        return None
    for line in lines:
        is_near = abs(line["ranking_loss"] - resting) <= NEAR_MARGIN * resting
        if line["accuracy"] < ALL_CORRECT or not is_near:
            return None
    return Finding(
        f"all training images are classified, but the triplet loss stays at {resting:.4g}, where"
        " positives are as far as negatives (Wu et al., arXiv:1706.07567): the"
        " embedding learns nothing; try a higher --triplet_loss_lambda, a lower --learning_rate or"
        " another --train_mode",
        {"accuracy": lines[-1]["accuracy"], "ranking_loss": lines[-1]["ranking_loss"]},
    )


def slow_input(seen):
    """The images of a step take long even when nothing else runs."""
    of_input, of_step = seen.seconds
    if of_input <= LARGE_WAIT * of_step:
        return None
    return Finding(
        f"reading and decoding the images of a step takes {of_input:.3g} s even while nothing else"
        f" runs, and a step {of_step:.3g} s, so the data keeps the network waiting"
        " (tensorflow.org/guide/data_performance); copy the images to a local disk, keep large"
        " ones resized with --cache, or use more CPU cores",
        {"input_seconds": of_input, "step_seconds": of_step},
    )


def one_image_a_class(seen):
    """No class with two images in a list that needs pairs."""
    lists = {f"--eval_split {seen.config.eval_split}": seen.eval_labels}
    if seen.config.ranking_weight is not None:
        lists["train"] = seen.train_labels
    single = [name for name, labels in lists.items() if np.bincount(labels).max() < 2]
    if not single:
        return None
    return Finding(
        f"the list {' and the list '.join(single)} has one image a class: no image has another of"
        " its class to find or to be drawn near to, so Recall@k and MAP@R are not defined"
        " (Musgrave et al., arXiv:2003.08505); use a list with two images a class or"
        " more",
        {"lists": single},
    )


def chosen_on_test(seen):
    """The best checkpoint chosen by its test scores."""
    config = seen.config
    if config.eval_split != "test" or config.train_iters <= config.eval_every_steps:
        return None
    return Finding(
        "the best checkpoint is chosen by its scores on the test list, which makes them too good"
        " (Musgrave et al., arXiv:2003.08505); hold out a validation list and choose"
        " --eval_split val, or report the last checkpoint",
        {"evaluations": -(-config.train_iters // config.eval_every_steps)},
    )


class Detector(NamedTuple):
    """When a detector is asked ("begin", "line", "evaluation", "input" or "end"), and itself."""

    moment: str
    function: Callable


DETECTORS = {
    "slow_statistics": Detector("begin", slow_statistics),
    "untrained_head": Detector("begin", untrained_head),
    "backbone_not_restored": Detector("begin", backbone_not_restored),
    "one_image_a_class": Detector("begin", one_image_a_class),
    "chosen_on_test": Detector("begin", chosen_on_test),
    "collapsed_embedding": Detector("line", collapsed_embedding),
    "high_learning_rate": Detector("line", high_learning_rate),
    "triplets_at_margin": Detector("line", triplets_at_margin),
    "slow_input": Detector("input", slow_input),
    "one_class_predicted": Detector("evaluation", one_class_predicted),
    "lagging_statistics": Detector("end", lagging_statistics),
}
