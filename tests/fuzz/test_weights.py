"""Damaged weights, stored outputs, checkpoint indexes and galleries."""

import io
import os
import struct

import numpy as np
import pytest

from evaluation import outputs
from inference import index as index_files
from pretrained import weights
from tests.fuzz.mutate import every_count, mutated, one_sentence, write
from tests.inference.test_index import IDENTITY, make_index
from utils import checkpoint_index, checkpoint_reader
from utils.tf1 import tf

ARRAYS = {
    "net/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "net/biases": np.ones(3, np.float16),
    "step": np.int64(7),
}


@pytest.mark.promise("damaged .npz weights", "one sentence", "300; 10,000 with -m slow")
@every_count
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, count, save):
    whole = io.BytesIO()
    save(whole, **ARRAYS)
    for seed in range(count // 2):
        path = write(tmp_path / "a.npz", mutated(whole.getvalue(), seed))
        with one_sentence(seed):
            shapes, value_of = weights.open_weights(path)
            for name, shape in shapes.items():
                with one_sentence(seed):
                    assert value_of(name).shape == shape, seed


@every_count
def test_stored_outputs(tmp_path, count):
    """They are taken as they are or not at all."""
    folder = tmp_path / "eval" / "test"
    arrays = {name: np.ones([3, 2], np.float32) for name in outputs.NAMES}
    outputs.save(str(folder / outputs.FILE), arrays, ["a", "b", "c"], "identity")
    whole = (folder / outputs.FILE).read_bytes()
    for seed in range(count):
        write(folder / outputs.FILE, mutated(whole, seed))
        with one_sentence(seed):
            found, _ = outputs.find(str(tmp_path / "eval"), "identity")
            assert found is None or all(np.array_equal(found[n], arrays[n]) for n in arrays), seed


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    prefix = str(tmp_path_factory.mktemp("whole") / "model")
    with tf.Graph().as_default(), tf.Session() as session:
        for number in range(8):
            tf.get_variable(f"net/layer{number}/weights", [3, 1, number + 1])
        tf.get_variable("step", initializer=np.int64(3), trainable=False)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, prefix, write_meta_graph=False)


def with_damaged_entries(index, seed):
    """The index with a damaged first block, whose checksum is right again."""
    footer, position, handle = index[-48:], 0, []
    for _ in range(4):
        number, position = checkpoint_index._varint(footer, position)
        handle.append(number)
    entries = checkpoint_index._block(index, *handle[2:])
    _, value = checkpoint_index._entries_of_block(entries)[0]
    offset, position = checkpoint_index._varint(value, 0)
    size = checkpoint_index._varint(value, position)[0]
    block = mutated(index[offset : offset + size], seed)[:size].ljust(size, b"\0")
    checked = block + b"\0"
    crc = struct.pack("<I", checkpoint_index._masked_crc32c(checked))
    return index[:offset] + checked + crc + index[offset + size + 5 :]


@pytest.mark.promise("damaged checkpoint indexes", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_checkpoint_indexes(tmp_path, checkpoint, count):
    with open(checkpoint + ".index", "rb") as file:
        whole = file.read()
    data = ".data-00000-of-00001"
    prefix = str(tmp_path / "model")
    os.symlink(checkpoint + data, prefix + data)
    for seed in range(count):
        damaged = with_damaged_entries(whole, seed) if seed % 2 else mutated(whole, seed)
        write(prefix + ".index", damaged)
        with one_sentence(seed):
            shapes, value_of = checkpoint_reader.open_reader(prefix)
            for name, shape in shapes.items():
                with one_sentence(seed):
                    assert value_of(name).shape == shape, seed


@pytest.mark.promise("damaged galleries of predict.py", "one sentence", "300; 10,000 with -m slow")
@every_count
def test_galleries(tmp_path, count):
    path = str(tmp_path / "gallery.npz")
    index_files.write(path, make_index())
    with open(path, "rb") as file:
        whole = file.read()
    for seed in range(count):
        write(path, mutated(whole, seed))
        with one_sentence(seed):
            found = index_files.read(path)
            assert len(found.paths) == len(found.vectors("both"))
            index_files.check_identity(path, found, IDENTITY)
