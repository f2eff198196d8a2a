"""main.py --check: takes a few steps and reports sizes, memory and time; writes nothing."""

import dataclasses
import os
import tempfile
import time

import numpy as np

from config.networks import NETWORKS
from nets.heads import SCOPE as EMBEDDING_SCOPE
from pretrained import weights as weight_files
from training import graphs, preflight
from training.loop import take_step
from utils.tf1 import make_deterministic, open_session, tf

_TIMED_STEPS = 3


def check(config):
    """Builds the run's graph, takes a few steps on real batches and reports on both.

    Args:
      config: Config.

    Returns:
      list of str, the lines to print.

    Raises:
      UserError: the settings don't match the data set or the start weights, or an image can't be
        decoded.
    """
    config = dataclasses.replace(config, cache=None)
    if config.deterministic:
        make_deterministic()
    with tempfile.TemporaryDirectory() as scratch:
        if config.dataset == "digits" and not os.path.isdir(config.dataset_dir):
            config = dataclasses.replace(config, datasets_dir=scratch)
        dataset = preflight.load_dataset(config, ["train"])
        num_classes = len(dataset.class_map.labels)
        preflight.check_class_count(config, num_classes)
        weights = preflight.pretrained_path(config)
        with tf.Graph().as_default():
            graph = graphs.build_train_graph(config, dataset.splits["train"], num_classes)
            with open_session(config.gpu, config.precision, config.xla) as session:
                seconds, terms = _take_steps(session, graph, config, dataset.splits["train"])
            end_point = config.feature_map or NETWORKS[config.net].feature_map
            feature_map = graph.end_points[end_point].shape.as_list()[1:]
            return [
                f"{NETWORKS[config.net].title}, {num_classes} classes, mode {config.train_mode}",
                *_parameter_lines(config),
                f"feature map {end_point}: {' x '.join(map(str, feature_map))}",
                _memory_line(config),
                f"{seconds:.3f} s per step of"
                f" {config.batch_size * config.accumulate_batches} images",
                "last step: " + ", ".join(f"{name} {value:.4g}" for name, value in terms.items()),
                *_weight_lines(config, weights),
            ]


def _take_steps(session, graph, config, image_list):
    """Median seconds of a step, and the terms of the last one."""
    graphs.start(session, graph)
    seconds = []
    for _ in range(1 + _TIMED_STEPS):
        start = time.perf_counter()
        terms = take_step(session, graph, config, image_list, len(seconds))
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:])), terms


def _parameter_lines(config):
    """Lines with the number of parameters of the backbone and of each head."""
    sizes = {"backbone": 0, **{scope: 0 for scope in NETWORKS[config.net].head_scopes}}
    for variable in tf.trainable_variables():
        name = variable.op.name
        owner = next((s for s in (*sizes, EMBEDDING_SCOPE) if name.startswith(s + "/")), "backbone")
        sizes[owner] = sizes.get(owner, 0) + _count(variable)
    return [f"{name}: {size:,} parameters" for name, size in sizes.items()]


def _count(tensor):
    return int(np.prod(tensor.shape.as_list()))


def _memory_line(config):
    """Memory of a step: some copies of the weights, and the tower's activations."""
    kept = "weights, gradients and momentum" + ", averages" * bool(config.ema_decay)
    copies = 4 if config.ema_decay else 3
    weights = copies * sum(_count(v) for v in tf.trainable_variables())
    activations = 0
    for op in tf.get_default_graph().get_operations():
        for tensor in op.outputs if not op.name.startswith(("gradients", "Momentum")) else ():
            known = tensor.dtype == tf.float32 and tensor.shape.is_fully_defined()
            if known and tensor.shape.ndims > 1 and tensor.shape[0] == config.batch_size:
                activations += _count(tensor)
    total, ours, theirs = (4 * n / 2**30 for n in (weights + activations, weights, activations))
    return f"memory: about {total:.1f} GiB ({kept} {ours:.1f}, activations {theirs:.1f})"


def _weight_lines(config, weights):
    """Lines on what the start weights would restore."""
    if weights is None:
        return ["start weights: none, all variables random"]
    shapes, _ = weight_files.open_weights(weights)
    heads = (*NETWORKS[config.net].head_scopes, EMBEDDING_SCOPE)
    report = weight_files.compare(shapes, tf.model_variables(), heads)
    return [f"start weights: {weights}", *(f"  {line}" for line in report.lines())]
