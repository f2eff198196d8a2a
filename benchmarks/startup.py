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
_FLAGS = "--pretrained none --batch_size 8 --log_every_steps 1 --gpu -1".split()


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
      float, seconds until that step was logged; float, processor seconds until then; float, peak
      memory in MB.
    """
    words = [sys.executable, "main.py", "--dataset", "custom", "--dataset_path", root, *_FLAGS]
    words += ["--runs_dir", runs_dir, "--on_exist", "overwrite"]
    start = time.perf_counter()
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "step 1/" in line:
            break
    seconds = time.perf_counter() - start
    process.kill()
    used = os.wait4(process.pid, 0)[2]
    process.stderr.close()
    process.returncode = 0
    if "step 1/" not in lines[-1]:
        raise SystemExit("".join(lines))
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    """Starts with both lists in turn and prints the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000000, help="rows of the long list")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        short, long = (os.path.join(folder, name) for name in ("short", "long"))
        write_tree(short, 1000)
        write_tree(long, args.images)
        for _ in range(args.turns):
            few, many = (first_step(root, folder) for root in (short, long))
            turns.append((many[0] / few[0], many[1] / few[1], many[2] - few[2]))
            print(
                "1,000 images {:.1f} s ({:.1f} s of processor time), {:.0f} MB;".format(*few),
                "{:,} images {:.1f} s ({:.1f} s), {:.0f} MB".format(args.images, *many),
            )
    for name, values in zip(("time", "processor time", "MB more"), zip(*turns)):
        print(f"{name}: {statistics.median(values):.2f} ({min(values):.2f} - {max(values):.2f})")


if __name__ == "__main__":
    main()
