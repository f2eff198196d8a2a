"""How training scales: a model of the step, held against 1, 2 and 4 processes on this machine.

    python -m benchmarks.scaling

A step of N replicas takes the time for its images, and that for the exchange of the gradients, of
which a ring all-reduce sends 2 (N - 1) / N times the bytes from each replica. On this machine all
processes share processor and memory, so the images take as long for any N, and the exchange grows
with N - 1: what it costs is measured with two processes, and the time of four is predicted and
measured. The table for GPUs uses the same model with the given speeds.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile

from benchmarks.turns import Row, lines_of
from utils.errors import UserError
from utils.logs import last_line, read_metrics

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Bytes of gradients in a step, float32: ResNet-50 with 196 classes, without and with a 256-d head.
GRADIENT_BYTES = {"softmax": 100e6, "two heads": 203e6}
IMAGE_BYTES = 110e3  # of a photo of ImageNet's size, as a JPEG


def free_ports(count):
    """Ports of this machine that nothing listens at, list of int."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def seconds_per_step(workers, steps, folder):
    """Median seconds of a step of 64 digits, which the processes share.

    Args:
      workers: int, processes.
      steps: int.
      folder: str, for data set and run.
    """
    addresses = [f"localhost:{port}" for port in free_ports(workers)]
    words = dict(
        dataset="digits", net="mobile", pretrained="none", batch_size=64, sampler="shuffle",
        train_iters=steps, log_every_steps=5, eval_every_steps=10**6, save_every_steps=10**6,
        gpu=-1, datasets_dir=folder, runs_dir=folder, run_dir=f"run{workers}", on_exist="overwrite",
    )  # fmt: skip
    command = [sys.executable, "main.py", *(f"--{name}={value}" for name, value in words.items())]
    processes = []
    logs = [os.path.join(folder, f"output{index}") for index in range(workers)]
    for index in range(workers):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        environment = dict(os.environ, TF_CONFIG=config)
        with open(logs[index], "w") as log:
            processes.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            )
    codes = [process.wait() for process in processes]
    for index, code in enumerate(codes):
        if code:
            said = last_line(logs[index])
            raise UserError(f"process {index} of {workers} ended with exit code {code}: {said}")
    rows = [row for row in read_metrics(os.path.join(folder, f"run{workers}")) if row["loss"]]
    return statistics.median(64 / float(row["images_per_second"]) for row in rows[2:])


def measure(steps=60, rounds=2):
    """Times one, two and four processes in turn.

    Returns:
      list of turns.Row: two and four against one, and the prediction for four against four.
    """
    seconds = {1: [], 2: [], 4: []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for workers, values in seconds.items():
                values.append(seconds_per_step(workers, steps, folder))
    one, two, four = seconds.values()
    predicted = [a + 3 * (b - a) for a, b in zip(one, two)]
    off = [max(a / b, b / a) for a, b in zip(predicted, four)]
    times = ", ".join(f"{n}: {statistics.median(v):.3f} s" for n, v in seconds.items())
    return [
        Row("MobileNet, 64 digits: 2 processes / 1", [b / a for a, b in zip(one, two)], times),
        Row("4 processes / 1", [b / a for a, b in zip(one, four)], times),
        Row("4 processes, predicted / measured, larger / smaller", off, times, most=1.5),
    ]


def predicted_step(replicas, compute, gradient_bytes, bandwidth, latency):
    """Seconds of a step.

    Args:
      replicas: int, N.
      compute: float, seconds for a replica's images.
      gradient_bytes: float.
      bandwidth: float, bytes a second from each replica.
      latency: float, seconds of each of the ring's 2 (N - 1) messages.
    """
    exchange = 2 * (replicas - 1) / replicas * gradient_bytes / bandwidth
    return compute + exchange + 2 * (replicas - 1) * latency


def sizing(compute=0.1, batch=32, gigabits=12.5, latency=5e-6):
    """Lines of a Markdown table for 1, 8, 64 and 1,024 GPUs.

    Args:
      compute: float, seconds of a step on one GPU.
      batch: int, images on each GPU.
      gigabits: float, network bandwidth of each GPU.
      latency: float, seconds of a message.
    """
    yield f"{compute:g} s for {batch} images on one GPU, {gigabits:g} Gbit/s for each:"
    yield ""
    yield "| GPUs | step, softmax | step, two heads | images/s, two heads | input, MB/s |"
    yield "|---|---|---|---|---|"
    for replicas in (1, 8, 64, 1024):
        steps = [
            predicted_step(replicas, compute, size, gigabits * 1e9 / 8, latency)
            for size in GRADIENT_BYTES.values()
        ]
        rate = replicas * batch / steps[1]
        times = " | ".join(f"{seconds:.3f} s" for seconds in steps)
        yield f"| {replicas:,} | {times} | {rate:,.0f} | {rate * IMAGE_BYTES / 1e6:,.0f} |"


def main():
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--compute", type=float, default=0.1, help="seconds of a step on one GPU")
    parser.add_argument("--batch", type=int, default=32, help="images on each GPU")
    parser.add_argument("--gigabits", type=float, default=12.5, help="a second, for each GPU")
    args = parser.parse_args()
    print(*sizing(args.compute, args.batch, args.gigabits), sep="\n")
    print(*lines_of(measure(args.steps, args.rounds)), sep="\n")


if __name__ == "__main__":
    main()
