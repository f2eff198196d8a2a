import os
import random
import struct
import subprocess
import sys

import numpy as np
import pytest

from utils import checkpoint_index
from utils.tf1 import tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = ".data-00000-of-00001"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A checkpoint of variables of several types and shapes."""
    prefix = str(tmp_path_factory.mktemp("whole") / "model")
    with tf.Graph().as_default(), tf.Session() as session:
        for number in range(60):
            tf.get_variable(f"net/layer{number}/weights", [3, 1, number + 1])
        for name, value in (("step", np.int64(3)), ("half", np.ones(5, np.float16)),
                            ("flag", np.array([True])), ("none", np.zeros([0, 4])),
                            ("text", np.array("words"))):  # fmt: skip
            tf.get_variable(name, initializer=tf.constant(value), trainable=False)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, prefix, write_meta_graph=False)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def copied(whole, folder, index, data=None):
    prefix = str(folder / "copy")
    for end, contents in ((".index", index), (DATA, read(whole + DATA) if data is None else data)):
        with open(prefix + end, "wb") as file:
            file.write(contents)
    return prefix


def test_a_whole_checkpoint_has_no_damage(whole, tmp_path):
    assert checkpoint_index.damage(whole) is None
    assert checkpoint_index.damage(copied(whole, tmp_path, read(whole + ".index"))) is None


@pytest.mark.promise(
    "bits of a checkpoint's index change",
    "it is seen before TensorFlow reads it",
    "200 bits and 7 lengths",
)
def test_every_changed_bit_and_every_cut_of_an_index_is_seen(whole, tmp_path):
    index = read(whole + ".index")
    rng = random.Random(1)
    unread = range(len(index) - 48, len(index) - 8)  # the footer's padding has no checksum
    for position in rng.sample(range(len(index)), 200):
        if position in unread:
            continue
        flipped = bytearray(index)
        flipped[position] ^= 1 << rng.randrange(8)
        prefix = copied(whole, tmp_path, bytes(flipped))
        assert f"{prefix}.index is damaged" in checkpoint_index.damage(prefix), position
    for length in (0, 1, 47, 48, 100, len(index) // 2, len(index) - 1):
        prefix = copied(whole, tmp_path, index[:length])
        assert checkpoint_index.damage(prefix) is not None, length


def test_data_that_is_missing_or_cut_off_is_named(whole, tmp_path):
    index = read(whole + ".index")
    prefix = copied(whole, tmp_path, index, read(whole + DATA)[:-1])
    assert checkpoint_index.damage(prefix) == f"{prefix}{DATA} is cut off"
    os.remove(prefix + DATA)
    assert checkpoint_index.damage(prefix) == f"{prefix}{DATA} is missing"
    os.remove(prefix + ".index")
    assert "can't be read: No such file" in checkpoint_index.damage(prefix)


def test_a_file_that_is_too_large_is_not_read(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint_index, "_MOST_BYTES", 100)
    assert "impossible for an index" in checkpoint_index.damage(whole)


# Known values: RFC 3720, appendix B.4, in the masked form of LevelDB.
@pytest.mark.parametrize("data, crc", [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)])
def test_the_checksum(data, crc):
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert checkpoint_index._masked_crc32c(data) == masked


# A process of its own: what the check lets through must not end TensorFlow's.
SCRIPT = """
import sys
from utils import checkpoint_reader
from utils.errors import UserError

for line in sys.stdin:
    try:
        shapes, value_of = checkpoint_reader.open_reader(line.strip())
        for name in shapes:
            value_of(name)
    except UserError:
        pass
print("alive")
"""


def blocks_of(index):
    """(offset, size) of each block, by the footer and the index block that it names."""
    numbers, position = [], len(index) - 48
    for _ in range(4):
        number, position = checkpoint_index._varint(index, position)
        numbers.append(number)
    blocks = [tuple(numbers[:2]), tuple(numbers[2:])]
    inner = checkpoint_index._block(index, *numbers[2:])
    for _, handle in checkpoint_index._entries_of_block(inner):
        offset, position = checkpoint_index._varint(handle, 0)
        blocks.append((offset, checkpoint_index._varint(handle, position)[0]))
    return blocks


@pytest.mark.promise("a checkpoint's index is malicious", "it does not end the process")
def test_no_index_with_right_checksums_ends_the_process(whole, tmp_path):
    index, rng, prefixes = read(whole + ".index"), random.Random(2), []
    blocks = blocks_of(index)
    for number in range(300):
        changed = bytearray(index)
        for _ in range(rng.choice([1, 1, 2, 5])):
            offset, size = rng.choice(blocks)
            changed[offset + rng.randrange(size)] = rng.choice([0, 255, rng.randrange(256)])
        for offset, size in blocks:
            end = offset + size + 1
            crc = checkpoint_index._masked_crc32c(bytes(changed[offset:end]))
            changed[end : end + 4] = struct.pack("<I", crc)
        (tmp_path / str(number)).mkdir()
        prefixes.append(copied(whole, tmp_path / str(number), bytes(changed)))
    reasons = [checkpoint_index.damage(prefix) for prefix in prefixes]
    assert 50 < sum(reason is not None for reason in reasons) < 300
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input="\n".join(prefixes), cwd=ROOT,
        stdout=subprocess.PIPE, universal_newlines=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "alive\n")
