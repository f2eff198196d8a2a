"""How fast training starts, and how that grows with the image list.

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

from benchmarks.turns import Row, lines_of

_PER_CLASS = 500
_CUSTOM = "--dataset custom --pretrained none --batch_size 8".split()


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


def first_step(flags, runs_dir):
    """Starts a training run and ends it after its first step.

    Args:
      flags: list of str, data set and settings.
      runs_dir: str.

    Returns:
      float, seconds until that step was logged; float, processor seconds until then; float, peak
      memory in MB.
    """
    words = [sys.executable, "main.py", *flags, "--log_every_steps", "1", "--gpu", "-1"]
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


def seconds_of_help():
    """Seconds that `main.py --help` takes."""
    start = time.perf_counter()
    subprocess.check_call([sys.executable, "main.py", "--help"], stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(images=1000000, turns=3):
    """Starts with a short and a long list in turn, then digits and --help; list of turns.Row."""
    times, processor, memory = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        short, long = (os.path.join(folder, name) for name in ("short", "long"))
        write_tree(short, 1000)
        write_tree(long, images)
        for _ in range(turns):
            few, many = (
                first_step([*_CUSTOM, "--dataset_path", root], folder) for root in (short, long)
            )
            times.append((few[0], many[0]))
            processor.append((few[1], many[1]))
            memory.append(many[2] - few[2])
        digits = ["--dataset", "digits", "--datasets_dir", folder]
        first_step(digits, folder)  # writes the images
        seconds = [first_step(digits, folder)[0] for _ in range(turns)]
    of_help = [seconds_of_help() for _ in range(turns)]
    what = f"start to the first step, {images:,} images / 1,000 images"
    return [
        _ratio(what, times, most=1.2),
        _ratio(f"{what}, processor time", processor),
        Row(f"MB of memory that {images:,} images take more than 1,000", memory, "", most=300),
        Row("seconds from start to the first step of digits", seconds, "", most=20),
        Row("seconds of main.py --help", of_help, "", most=1),
    ]


def _ratio(what, pairs, most=None):
    medians = " and ".join(f"{statistics.median(values):.3g} s" for values in zip(*pairs))
    return Row(what, [many / few for few, many in pairs], medians, most=most)


def main():
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000000, help="rows of the long list")
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    print(*lines_of(measure(args.images, args.turns)), sep="\n")


if __name__ == "__main__":
    main()
