"""Time of an evaluation, from files to scores, relative to the forward pass of the network.

python -m benchmarks.evaluation
"""

import argparse
import tempfile

from benchmarks.step_time import write_images
from benchmarks.turns import compare, lines_of, take_turns, timed
from config.networks import NETWORKS
from config.resolve import resolve
from evaluation import network, scoring
from training import graphs, preflight
from utils.tf1 import open_session, tf


def measure(net="resnet50", batch_size=32, frame_size=None, rounds=5):
    """Times both on 224 JPEGs.

    Args:
      net: str.
      batch_size: int, B.
      frame_size: int, pixels per side; None for the network's.
      rounds: int.

    Returns:
      list of turns.Row.
    """
    with tempfile.TemporaryDirectory() as root, tf.Graph().as_default():
        write_images(root, per_class=40)
        settings = dict(dataset="custom", dataset_path=root, pretrained="none", net=net)
        settings.update(batch_size=batch_size, frame_size=frame_size, train_mode="hard")
        config = resolve(settings)
        dataset = preflight.load_dataset(config, ["train"])
        image_list, num_classes = dataset.splits["train"], len(dataset.class_map.labels)
        graph = graphs.build_eval_graph(config, image_list, num_classes)
        with open_session(config.gpu) as session:
            session.run([tf.global_variables_initializer(), graph.start])
            images = session.run(graph.images)

            def forward():
                for _ in range(-(-len(image_list.files) // batch_size)):
                    outputs = (graph.logits, graph.pooled, graph.embeddings)
                    session.run(outputs, {graph.images: images})

            def evaluation():
                arrays = network.run_network(session, graph, image_list)
                scoring.in_training(arrays, arrays["embeddings"])

            tasks = {"evaluation": timed(evaluation), "forward pass": timed(forward)}
            seconds = take_turns(tasks, rounds)
    return [compare(seconds, *tasks, where=f"{net}, batch {batch_size}", most=1.1)]


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--net", default="resnet50", choices=tuple(NETWORKS))
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    print(*lines_of(measure(**vars(parser.parse_args()))), sep="\n")


if __name__ == "__main__":
    main()
