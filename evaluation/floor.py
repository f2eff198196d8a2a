"""The scores of a pretrained network without training: python -m evaluation.floor --help."""

import sys

from config.networks import NETWORKS
from evaluation import floor_flags
from utils.errors import UserError, run_script


def floor_lines(config):
    """Scores a data set by the features of the untouched weights.

    The features are the classifier's input, pooled over the last map, of evaluation frames.

    Args:
      config: Config of a run without an embedding head.

    Returns:
      list of str, what was used and the scores; of a list of unseen classes those of retrieval.

    Raises:
      UserError: the data set or the weights are missing or wrong, or C can't be chosen.
    """
    # TensorFlow and scikit-learn are imported late so that --help and flag errors are instant.
    from evaluation import evaluator, metrics, retrieval, spaces
    from training import preflight

    split, chosen_on = preflight.final_split(config), preflight.with_eval_split(config).eval_split
    held_out = chosen_on if chosen_on not in ("test", split) else None
    dataset = preflight.load_dataset(config, {"train", split, held_out or split})
    dataset = evaluator.needed_lists(dataset, split)
    weights = preflight.pretrained_path(config)
    found = _outputs(config, weights, dataset)
    pooled, labels = found[split]["pooled"], found[split]["labels"]
    counts = ", ".join(f"{len(found[name]['labels'])} {name}" for name in sorted(found))
    lines = [
        f"{weights}, {pooled.shape[1]} pooled features at {config.frame_size} pixels;"
        f" images: {counts}"
    ]
    if dataset.splits[split].unseen:
        lines.append(f"no class of the {split} list is in training: retrieval only")
    else:
        lines += _classifier_lines(dataset, found, split, held_out, config.seed)
    unit = spaces.unit_rows(pooled)
    values, _ = retrieval.retrieval_values(unit, labels, names=("recall@1", "map@r"))
    scores = {metrics.METRICS[n].title: retrieval.mean_of(column) for n, column in values.items()}
    return lines + _score_lines(scores)


def _classifier_lines(dataset, found, split, held_out, seed):
    """Lines of the linear probe and the nearest training image."""
    from evaluation import probe, spaces

    if held_out:
        train = set(dataset.splits["train"].paths)
        if not train.isdisjoint(dataset.splits[held_out].paths):
            held_out = None  # C would be chosen on images that it is fitted to
    pooled = {name: arrays["pooled"] for name, arrays in found.items()}
    unit = {name: spaces.unit_rows(rows) for name, rows in pooled.items()}
    labels = {name: arrays["labels"] for name, arrays in found.items()}
    tuned = (pooled[held_out], labels[held_out]) if held_out else None
    strength = probe.choose_strength(pooled["train"], labels["train"], tuned, seed)
    linear = probe.linear_probe(pooled["train"], labels["train"], strength)
    nearest = probe.nearest_accuracy(unit["train"], labels["train"], unit[split], labels[split])
    scores = {
        "accuracy of a linear probe": probe.accuracy(linear, pooled[split], labels[split]),
        "accuracy of the nearest training image": nearest,
    }
    chosen_on = f"the {held_out} list" if held_out else "folds of train"
    return [f"C {strength:g} chosen on {chosen_on}", *_score_lines(scores)]


def _score_lines(scores):
    return [f"{name:<40} {score:.4f}" for name, score in scores.items()]


def _outputs(config, path, dataset):
    """The outputs for the lists of a data set, see `network.run_network`; the head is random."""
    from evaluation import network
    from pretrained import weights
    from utils.tf1 import tf

    heads = NETWORKS[config.net].head_scopes

    def restore(session):
        session.run(tf.global_variables_initializer())
        report = weights.restore(session, path, tf.model_variables(), heads)
        own = tuple(f"{scope}/" for scope in heads)
        missing = [n for n in report.new + report.different_shape if not n.startswith(own)]
        if missing:
            raise UserError(
                f"{path} lacks {missing[0]}, one of {len(missing)} without which the features would"
                " be partly random; choose other weights"
            )

    return network.run_lists(config, restore, dataset.splits, len(dataset.class_map.labels))


def main():
    """Reads the command line and prints the scores of the test list."""
    config = floor_flags.parse(sys.argv[1:])
    print(*floor_lines(config), sep="\n")


if __name__ == "__main__":
    run_script("evaluation.floor", main)
