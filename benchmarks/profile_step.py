"""Profile of a training step: the most expensive kinds of op, and a trace for TensorBoard.

    python -m benchmarks.profile_step --net resnet50 --out profile
    tensorboard --logdir profile        Graphs, then the tag "step": compute time and memory

The seconds of an op are those between its start and its end; ops that run side by side add up to
more than the step takes.
"""

import argparse
import collections
import statistics
import tempfile

from benchmarks.step_time import Timed, write_images
from benchmarks.turns import Row, timed
from config.losses import TRAIN_MODES
from config.networks import NETWORKS
from config.resolve import resolve
from utils.tf1 import TENSORFLOW_VERSION, tf

TAG = "step"
_INPUT = "IteratorGetNext"


def traced_step(training):
    """Takes a step of a step_time.Timed; returns its seconds and its tf.RunMetadata."""
    traced = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    return timed(lambda: training.step(options=options, run_metadata=traced))(), traced


def trace(config, folder):
    """Traces one training step after two others.

    Args:
      config: Config.
      folder: str, where the graph and the trace are written, for TensorBoard.

    Returns:
      tf.RunMetadata.
    """
    training = Timed(config)
    _, traced = traced_step(training)
    writer = tf.summary.FileWriter(folder, graph=training.graph)
    writer.add_run_metadata(traced, TAG)
    writer.close()
    return traced


def measure_waiting(net="resnet50", batch_size=32, frame_size=None, rounds=9):
    """How much of a step passes while it waits for its images; list of turns.Row."""
    with tempfile.TemporaryDirectory() as root:
        training = Timed(_config(root, net=net, batch_size=batch_size, frame_size=frame_size))
        steps = [traced_step(training) for _ in range(rounds)]
    waiting = [dict((k, s) for k, _, s in seconds_by_kind(t))[_INPUT] for _, t in steps]
    seconds = [seconds for seconds, _ in steps]
    ratios = [waited / step for waited, step in zip(waiting, seconds)]
    medians = f"{statistics.median(waiting):.4g} s and {statistics.median(seconds):.4g} s"
    what = f"{net}, batch {batch_size}: waiting for images / step"
    return [Row(what, ratios, medians, most=0.03)]


def _config(root, **settings):
    write_images(root)
    return resolve(dict(settings, dataset="custom", dataset_path=root, pretrained="none"))


def seconds_by_kind(traced):
    """Sums the time of each kind of op.

    Args:
      traced: tf.RunMetadata with step statistics.

    Returns:
      list of (kind, number of ops, seconds), the most expensive first.
    """
    counts, seconds = collections.Counter(), collections.Counter()
    for device in traced.step_stats.dev_stats:
        on_gpu = "gpu" in device.device.lower()
        if on_gpu and not device.device.endswith("stream:all"):
            continue  # the time of starting a kernel, or a second listing of it
        for node in device.node_stats:
            kind = node.timeline_label.split(" = ")[-1].split("(")[0] or node.node_name
            kind = kind.replace("_MklNative", "").replace("_Mkl", "")
            counts[kind] += 1
            seconds[kind] += (node.op_end_rel_micros - node.op_start_rel_micros) / 1e6
    return [(kind, counts[kind], total) for kind, total in seconds.most_common()]


def main():
    """Reads the flags, traces a step and prints the ten most expensive kinds of op."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--net", default="resnet50", choices=tuple(NETWORKS))
    add("--train_mode", default="hard", choices=TRAIN_MODES)
    add("--batch_size", type=int, default=32)
    add("--frame_size", type=int, help="pixels per side [default: the network's]")
    add("--precision", default="float32", choices=("float32", "mixed"))
    add("--out", default="profile", help="folder of the trace [default profile]")
    args = vars(parser.parse_args())
    folder = args.pop("out")
    with tempfile.TemporaryDirectory() as root:
        config = _config(root, **args)
        kinds = seconds_by_kind(trace(config, folder))
    total = sum(seconds for _, _, seconds in kinds)
    print(f"{config.net}, batch {config.batch_size}, TensorFlow {TENSORFLOW_VERSION}")
    print(f"{total:.3f} s in {sum(count for _, count, _ in kinds)} ops")
    for kind, count, seconds in kinds[:10]:
        print(f"{kind:36} {count:5} ops {1e3 * seconds:9.1f} ms {100 * seconds / total:5.1f} %")
    print(f"trace for TensorBoard in {folder}")


if __name__ == "__main__":
    main()
