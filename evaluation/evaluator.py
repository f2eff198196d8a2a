"""Evaluation of both heads in one pass: the same numbers during training and in eval.py."""

import dataclasses
import os

import numpy as np

from config import stored
from evaluation import files as eval_files
from evaluation import metrics, spaces
from training import build
from training.preflight import load_dataset
from utils import checkpoints, run_dir
from utils.errors import UserError
from utils.tf1 import open_session, tf

# What main.py ends with: which checkpoint, and the folder below eval/ with the split's name in it.
# The scores of an evaluation during training.
TRAINING_SCORES = eval_files.SCORES
FINAL_EVALUATIONS = (("best", "{}-best"), ("last", "{}"))


def run_network(session, graph, image_list, is_stopped=lambda: False):
    """Runs every image of a split through the network, once.

    Args:
      session: tf.Session, with the network's variables.
      graph: EvalGraph.
      image_list: data.lists.ImageList.
      is_stopped: function of nothing, asked after each batch; True ends the pass.

    Returns:
      None where the pass was stopped, else dict from name to array: `labels` int32 [N], `logits`
      float32 [N, C], `pooled` float32 [N, F], `embeddings` float32 [N, D] with rows of unit norm
      (the pooled ones without that head).

    Raises:
      UserError: an image can't be decoded.
    """
    names = ("labels", "logits", "pooled") + ("embeddings",) * (graph.embeddings is not None)
    fetches = {name: getattr(graph, name) for name in names}
    session.run(graph.iterator.initializer)
    parts = []
    while True:
        if is_stopped():
            return None
        try:
            parts.append(session.run(fetches))
        except tf.errors.OutOfRangeError:
            break
        except tf.errors.OpError as error:
            done = sum(len(part["labels"]) for part in parts)
            build.raise_unreadable(image_list.paths[done:])
            raise error
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in fetches}
    arrays.setdefault("embeddings", spaces.unit_rows(arrays["pooled"]))
    return arrays


def evaluate(arrays, vectors, neighbours=None):
    """Scores a split, except for the clustering, which takes longer than all of these.

    Args:
      arrays: dict of `run_network`.
      vectors: float32 [N, D], what retrieval compares.
      neighbours: int64 [N, k] of `metrics.nearest_neighbours`, where they are known.

    Returns:
      dict from name to float, all fractions of 1.
    """
    labels, logits = arrays["labels"], arrays["logits"]
    return {
        "accuracy": metrics.accuracy(logits, labels),
        "top5_accuracy": metrics.top_k_accuracy(logits, labels, 5),
        "mean_per_class_accuracy": metrics.mean_per_class_accuracy(logits, labels),
        **metrics.retrieval(vectors, labels, neighbours),
    }


def evaluate_run(
    folder, split, which="last", embedding=None, batch_size=None, overrides=None, out=None
):
    """Evaluates a checkpoint of a run and writes eval/<out>/ into its folder.

    Args:
      folder: str, the run folder.
      split: str.
      which: str, "last", "best" or a checkpoint's prefix.
      embedding: "head" or "pooled"; default the head, and pooled for a run without that head.
      batch_size: int, default the run's.
      overrides: dict from setting to value, such as where the data set lies now.
      out: str, default the split.

    Returns:
      dict, what metrics.json holds.

    Raises:
      UserError: the run, the checkpoint or the data set is missing or does not fit.
    """
    config = dataclasses.replace(stored.read(folder)[0], **overrides or {})
    embedding = _embedding_of(config, embedding)
    prefix = checkpoints.find(folder, which, config.checkpoint_name)
    dataset = load_dataset(config, [split])
    run_dir.check_classes(folder, dataset.class_map.labels, dataset.class_map.names)
    image_list = dataset.splits[split]
    arrays = _restore_and_run(config, prefix, image_list, len(dataset.class_map.labels), batch_size)
    vectors = arrays["embeddings"] if embedding == "head" else spaces.unit_rows(arrays["pooled"])
    neighbours = metrics.nearest_neighbours(vectors, metrics.num_neighbours(arrays["labels"]))
    report = dict(
        evaluate(arrays, vectors, neighbours),
        nmi=metrics.clustering_nmi(vectors, arrays["labels"], config.seed),
        split=split,
        num_images=len(image_list.files),
        num_classes=len(dataset.class_map.labels),
        checkpoint=os.path.relpath(prefix, folder),
        step=checkpoints.step_of(prefix),
        embedding=embedding,
        class_map=dataset.class_map.digest,
    )
    report = {k: None if v != v else v for k, v in report.items()}  # JSON has no nan
    report["digest"] = eval_files.digest_of(report)
    names = dataset.class_map.names
    target = os.path.join(folder, "eval", out or split)
    eval_files.write(target, report, arrays, vectors, neighbours, image_list, names, config.seed)
    return report


def _restore_and_run(config, prefix, image_list, num_classes, batch_size):
    with tf.Graph().as_default():
        graph = build.build_eval_graph(config, image_list, num_classes, batch_size)
        saver = tf.train.Saver()
        with open_session(config.gpu) as session:
            checkpoints.restore(saver, session, prefix)
            return run_network(session, graph, image_list)


def _embedding_of(config, embedding):
    has_head = config.emb_dim is not None
    if embedding == "head" and not has_head:
        raise UserError(
            "--embedding head: a vanilla run has no embedding head; leave it out, or choose pooled"
        )
    return embedding or ("head" if has_head else "pooled")
