"""Profile of a training step: the most expensive kinds of op, and a trace for TensorBoard.

    python -m benchmarks.profile_step --net resnet50 --out profile
    tensorboard --logdir profile        Graphs, then the tag "step": compute time and memory

The seconds of an op are those between its start and its end; ops that run side by side add up to
more than the step takes.
"""

import argparse
import collections
import tempfile

from benchmarks.step_time import Timed, write_images
from config.losses import TRAIN_MODES
from config.networks import NETWORKS
from config.resolve import resolve
from utils.tf1 import TENSORFLOW_VERSION, tf

TAG = "step"


def trace(config, folder):
    """Traces one training step after two others.

    Args:
      config: Config.
      folder: str, where the graph and the trace are written, for TensorBoard.

    Returns:
      tf.RunMetadata.
    """
    timed = Timed(config)
    traced = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    timed.step(options=options, run_metadata=traced)
    writer = tf.summary.FileWriter(folder, graph=timed.graph)
    writer.add_run_metadata(traced, TAG)
    writer.close()
    return traced


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
        write_images(root)
        config = resolve(dict(args, dataset="custom", dataset_path=root, pretrained="none"))
        kinds = seconds_by_kind(trace(config, folder))
    total = sum(seconds for _, _, seconds in kinds)
    print(f"{config.net}, batch {config.batch_size}, TensorFlow {TENSORFLOW_VERSION}")
    print(f"{total:.3f} s in {sum(count for _, count, _ in kinds)} ops")
    for kind, count, seconds in kinds[:10]:
        print(f"{kind:36} {count:5} ops {1e3 * seconds:9.1f} ms {100 * seconds / total:5.1f} %")
    print(f"trace for TensorBoard in {folder}")


if __name__ == "__main__":
    main()
