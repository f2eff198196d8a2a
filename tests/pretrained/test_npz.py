import bz2
import io
import lzma
import pickle
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from pretrained import npz
from pretrained.weights import open_weights
from utils.errors import UserError

VALUES = {
    "net/weights": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "net/fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "net/big_endian": np.arange(5, dtype=">f4"),
    "net/half": np.ones(3, np.float16),
    "step": np.int64(7),
}


@pytest.fixture(params=["plain", "compressed"])
def whole(request, tmp_path):
    path = str(tmp_path / "whole.npz")
    (np.savez if request.param == "plain" else np.savez_compressed)(path, **VALUES)
    return path


def header(text, version=1):
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


def described(descr="<f4", shape="(2,)", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()


def write(path, member, name="net/weights.npy", compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as package:
        package.writestr(name, member)
    return path


def message_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_shapes_and_values_are_numpys(whole):
    shapes, value_of = open_weights(whole)
    assert shapes == {name: value.shape for name, value in VALUES.items()}
    for name, value in VALUES.items():
        np.testing.assert_array_equal(value_of(name), value)
        assert value_of(name).dtype == value.dtype


def test_arrays_are_read_when_they_are_asked_for(whole, monkeypatch):
    read = []
    original = zipfile.ZipFile.read
    monkeypatch.setattr(
        zipfile.ZipFile, "read", lambda self, name: read.append(name) or original(self, name)
    )
    _, value_of = open_weights(whole)
    assert read == []
    value_of("step")
    assert read == ["step.npy"]


PAIR = struct.pack("<2f", 1, 2)
DAMAGED = {
    "asks for 4 TB": header(described(shape="(1000000000000,)")) + PAIR,
    "asks for more than it has": header(described(shape="(3,)")) + PAIR,
    "has more than it asks for": header(described(shape="(1,)")) + PAIR,
    "has too many dimensions": header(described(shape=f"({'1, ' * 40})")) + PAIR[:4],
    "is complex": header(described("<c8", "(1,)")) + PAIR,
    "is a list of objects": header(described("|O")) + pickle.dumps([1, 2]),
    "is a pickle": pickle.dumps({"net/weights": [1, 2]}),
    "is text": header(described("<U1")) + PAIR,
    "is boolean": header(described("|b1")) + PAIR[:2],
    "has a structure": header(
        described("[('a', '<f4')]").replace(b"'[", b"[").replace(b"]'", b"]")
    ),
    "has a deep header": header(b"(" * 5000 + b")" * 5000),
    "has a header of minus signs": header(b"-" * 9000 + b"1"),
    "has a long header": header(described() + b" " * 70000, version=2) + PAIR,
    "has a cut header": header(described())[:30],
    "has an endless header": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + described(),
    "has another version": b"\x93NUMPY\x09\x00" + header(described())[8:] + PAIR,
    "is empty": b"",
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_member_that_is_no_array_of_real_numbers_is_refused_at_once(tmp_path, what):
    path = write(str(tmp_path / "odd.npz"), DAMAGED[what])
    message = message_of(open_weights, path)
    assert path in message and "can't be read as an .npz" in message


def test_long_members_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MOST_BYTES", 1 << 20)
    data = header(described(shape="(2500000,)")) + bytes(10000000)
    path = write(str(tmp_path / "bomb.npz"), data)
    tracemalloc.start()
    assert "holds more than" in message_of(open_weights, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("module, kind", [(bz2, zipfile.ZIP_BZIP2), (lzma, zipfile.ZIP_LZMA)])
def test_compressions_that_numpy_does_not_write_are_refused(tmp_path, module, kind):
    member = header(described()) + PAIR
    path = write(str(tmp_path / "odd.npz"), member, compression=kind)
    assert "a compression that NumPy does not use" in message_of(open_weights, path)


def test_other_members_and_encrypted_ones_are_refused(tmp_path):
    path = write(str(tmp_path / "text.npz"), b"text", name="readme.txt")
    assert "'readme.txt', which is not an array" in message_of(open_weights, path)
    path = write(str(tmp_path / "locked.npz"), header(described()) + PAIR)
    with open(path, "rb") as file:
        contents = bytearray(file.read())
    for start in (6, contents.index(b"PK\x01\x02") + 8):
        contents[start] |= 1
    with open(path, "wb") as file:
        file.write(contents)
    assert "encrypted" in message_of(open_weights, path)


def test_damaged_values_are_found_when_they_are_read(tmp_path):
    path = str(tmp_path / "values.npz")
    np.savez(path, values=np.arange(1000, dtype=np.float32))
    with open(path, "r+b") as file:
        file.seek(2000)
        file.write(b"????")
    shapes, value_of = open_weights(path)
    assert shapes == {"values": (1000,)}
    assert f"{path} can't be read" in message_of(value_of, "values")


def mutated(contents, rng):
    """A copy with changed bytes, a part cut out or doubled, or an end that is missing."""
    copy = bytearray(contents)
    kind = rng.randrange(4)
    if kind == 0:
        del copy[rng.randrange(len(copy)) :]
    elif kind == 1:
        start = rng.randrange(len(copy))
        copy[start : start + rng.randrange(1, 50)] = copy[: rng.randrange(50)]
    else:
        for _ in range(rng.choice([1, 2, 5, 20])):
            copy[rng.randrange(len(copy))] = rng.choice([0, 255, rng.randrange(256)])
    return bytes(copy)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_whatever_is_changed_is_read_or_refused_in_one_sentence(save, tmp_path):
    buffer, rng = io.BytesIO(), random.Random(4)
    save(buffer, **VALUES)
    refused = 0
    for number in range(300):
        path = str(tmp_path / f"{number}.npz")
        with open(path, "wb") as file:
            file.write(mutated(buffer.getvalue(), rng))
        try:
            shapes, value_of = open_weights(path)
            for name, shape in shapes.items():
                assert value_of(name).shape == shape and value_of(name).dtype.kind in "fiu"
        except UserError as error:
            refused += 1
            assert path in str(error) and len(str(error).splitlines()) == 1
    assert refused > 150
