"""How the start of training grows with the image list: time to the first step, and memory.

python -m benchmarks.startup
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from PIL import Image

_PER_CLASS = 500
# A small network, so that its own time hides as little as possible.
_FLAGS = (
    "--net mobile --depth_multiplier 0.25 --pretrained none --frame_size 96 --resize_min 96"
    " --resize_max 128 --batch_size 8 --log_every_steps 1 --gpu -1"
).split()


def write_tree(root, count):
    """Writes the lists of `count` images, a tenth of them for testing, and the image files.

    The files are links to a few JPEGs, as many links as a file system allows at least.
    """
    os.makedirs(os.path.join(root, "lists"))
    num_sources = -(-count // 30000)
    random = np.random.RandomState(0)
    for i in range(num_sources):
        pixels = random.randint(0, 256, (12, 16, 3)).astype(np.uint8)
        photo = Image.fromarray(pixels).resize((500, 375), Image.BICUBIC)
        photo.save(os.path.join(root, f"source{i}.jpg"))
    rows = []
    for row in range(count):
        label = row // _PER_CLASS
        folder = os.path.join(root, f"class_{label:04d}")
        if row % _PER_CLASS == 0:
            os.mkdir(folder)
        name = f"image_{label:04d}_{row % _PER_CLASS:05d}.jpg"
        os.link(os.path.join(root, f"source{row % num_sources}.jpg"), os.path.join(folder, name))
        rows.append(f"{row},{label},class_{label:04d}/{name}\n")
    for split, chosen in (
        ("test", rows[::10]),
        ("train", [r for i, r in enumerate(rows) if i % 10]),
    ):
        with open(os.path.join(root, "lists", f"{split}_all_sub_list.csv"), "w") as file:
            file.writelines([",label,file_name\n", *chosen])


def first_step(root, runs_dir):
    """Starts a training run and ends it after its first step.

    Returns:
      float, seconds of the process until that step was logged; float, its peak memory in MB.
    """
    words = [sys.executable, "main.py", "--dataset", "custom", "--dataset_path", root, *_FLAGS]
    words += ["--runs_dir", runs_dir, "--on_exist", "overwrite"]
    start = time.perf_counter()
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "step 1/" in line:
                break
        seconds = time.perf_counter() - start
        if process.poll() is not None:
            raise SystemExit("".join(lines))
        with open(f"/proc/{process.pid}/status") as file:
            status = dict(line.split(":", 1) for line in file)
        process.kill()
    return seconds, int(status["VmHWM"].split()[0]) / 1024


def main():
    """Starts with both lists in turn and prints the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000000, help="rows of the long list")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    ratios, more = [], []
    with tempfile.TemporaryDirectory() as folder:
        short, long = (os.path.join(folder, name) for name in ("short", "long"))
        write_tree(short, 1000)
        write_tree(long, args.images)
        for _ in range(args.turns):
            (a, before), (b, after) = (first_step(root, folder) for root in (short, long))
            ratios.append(b / a)
            more.append(after - before)
            print(f"1,000 images {a:.1f} s, {args.images:,} {b:.1f} s, ratio {b / a:.2f},"
                  f" {after - before:.0f} MB more")  # fmt: skip
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f}),"
          f" {statistics.median(more):.0f} MB more")  # fmt: skip


if __name__ == "__main__":
    main()
