import io
import json
import os
import zipfile

import numpy as np
import pytest

from evaluation.spaces import unit_rows
from inference import index as index_files
from utils.errors import UserError

IDENTITY = {
    "class_map": "0123456789ab", "num_classes": 2, "step": 7, "checkpoint_hash": "ff" * 32,
    "preprocessing": {"frame_size": 32, "resize_min": 34, "normalisation": "inception"},
    "checkpoint": "model.ckpt-7", "run_dir": "/runs/a",
}  # fmt: skip


def make_index(has_head=True):
    random = np.random.RandomState(0)
    files = ("a/1.jpg", "a/new\nline.jpg", "b/\udcff.jpg", "../elsewhere/ü.jpg", "b/2.jpg")
    return index_files.Index(
        identity=IDENTITY,
        folder="/photos",
        files=files,
        classes=("ant", "bee", "new one"),
        labels=np.array([0, 0, 1, 2, 1], np.int32),
        embeddings=unit_rows(random.randn(5, 3)) if has_head else None,
        pooled=unit_rows(random.randn(5, 4)),
    )


def equal(a, b):
    plain = all(getattr(a, n) == getattr(b, n) for n in ("identity", "folder", "files", "classes"))
    arrays = [(getattr(a, n), getattr(b, n)) for n in ("labels", "embeddings", "pooled")]
    return plain and all(x is y if x is None else np.array_equal(x, y) for x, y in arrays)


def message_of(path):
    with pytest.raises(UserError) as caught:
        index_files.read(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("has_head", [True, False])
def test_what_is_written_is_read(tmp_path, has_head):
    path = str(tmp_path / "i.npz")
    index_files.write(path, make_index(has_head))
    assert equal(index_files.read(path), make_index(has_head))
    assert os.listdir(str(tmp_path)) == ["i.npz"]
    with np.load(path) as file:  # plain arrays, which NumPy reads without unpickling
        assert file["labels"].tolist() == [0, 0, 1, 2, 1]
    paths = index_files.read(path).paths
    assert paths[0] == "/photos/a/1.jpg" and paths[3] == "/elsewhere/ü.jpg"


def test_vectors_of_every_space_have_unit_norm():
    index = make_index()
    both = index.vectors("both")
    assert both.shape == (5, 7)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(both[:, :3] * np.sqrt(2), index.embeddings, atol=1e-6)
    np.testing.assert_allclose(index.vectors("pooled"), index.pooled, atol=1e-6)


def test_classes_come_and_go():
    index = make_index()
    vectors, pooled = unit_rows(np.ones([2, 3])), unit_rows(np.ones([2, 4]))
    more = index.with_class("newer", ["/photos/n/1.jpg", "/x/2.jpg"], vectors, pooled)
    assert more.files[-2:] == ("n/1.jpg", "../x/2.jpg")
    assert more.labels.tolist() == [0, 0, 1, 2, 1, 3, 3]
    less = more.without_class("new one")
    assert less.classes == ("ant", "bee", "newer") and less.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert less.files == index.files[:3] + index.files[4:] + more.files[-2:]
    assert equal(more.without_class("newer"), index)
    assert less.embeddings.dtype == less.pooled.dtype == np.float32 and len(less.pooled) == 6
    with pytest.raises(UserError, match="has a class new one already; --forget new one"):
        index.with_class("new one", ["x"], vectors[:1], pooled[:1])
    with pytest.raises(UserError, match="has a class ant already; choose another name"):
        index.with_class("ant", ["x"], vectors[:1], pooled[:1])
    with pytest.raises(UserError, match="no class ant was enrolled.*: new one"):
        index.without_class("ant")


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("class_map", "x", "other classes"),
        ("preprocessing", {}, "other preprocessing"),
        ("step", 8, "the checkpoint model.ckpt-7, not model.ckpt-8"),
        ("checkpoint_hash", "x", "a different checkpoint than model.ckpt-7"),
    ],
)
def test_an_index_of_another_network_is_refused(name, value, expected):
    theirs = dict(IDENTITY, **{name: value})
    theirs["checkpoint"] = f"model.ckpt-{theirs['step']}"
    index_files.check_identity("i.npz", make_index(), IDENTITY)
    index_files.check_identity("i.npz", make_index(), dict(IDENTITY, run_dir="/moved"))
    with pytest.raises(UserError, match=expected):
        index_files.check_identity("i.npz", make_index(), theirs)


def parts_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_parts(path, parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, contents in parts.items():
            archive.writestr(name, contents)


def as_member(array):
    contents = io.BytesIO()
    np.save(contents, array, allow_pickle=True)
    return contents.getvalue()


def changed(parts, **arrays):
    return dict(parts, **{f"{name}.npy": as_member(array) for name, array in arrays.items()})


def about_with(parts, **values):
    about = json.loads(np.load(io.BytesIO(parts["about.npy"])).tobytes().decode())
    text = json.dumps(dict(about, **values))
    return np.frombuffer(text.encode(), np.uint8)


def test_files_that_are_no_whole_index(tmp_path):
    path = str(tmp_path / "i.npz")
    index_files.write(path, make_index())
    parts = parts_of(path)
    ones = np.ones([5, 4], np.float32)
    damaged = {
        "labels is not of type": changed(parts, labels=np.zeros(5)),
        "pooled is not of type |f4": changed(parts, pooled=np.array([{}], object)),
        "dimensions": changed(parts, labels=np.zeros([5, 1], np.int32)),
        "different lengths": changed(parts, labels=np.zeros(4, np.int32)),
        "a label has no class": changed(parts, labels=np.full(5, 3, np.int32)),
        "pooled has a row without unit norm": changed(parts, pooled=ones),
        "embeddings has a row without": changed(parts, embeddings=np.float32([[np.nan]] * 5)),
        "a name is not text": changed(parts, about=about_with(parts, classes=[1, 2, 3])),
        "its format is 2": changed(parts, about=about_with(parts, format=2)),
        "fewer classes than the run": changed(parts, about=about_with(parts, classes=["a"])),
        "class_map": changed(parts, about=about_with(parts, identity={})),
        "about.npy": {n: c for n, c in parts.items() if n != "about.npy"},
        "reshape": dict(parts, **{"labels.npy": parts["labels.npy"][:-4]}),
        "Expecting value": changed(parts, about=np.frombuffer(b"{'x'", np.uint8)),
    }
    for expected, contents in damaged.items():
        write_parts(path, contents)
        message = message_of(path)
        if "type |" not in expected:
            assert expected in message.replace("Expecting property name", "Expecting value")
    write_parts(path, parts, zipfile.ZIP_DEFLATED)  # a few bytes could fill the memory
    assert "compressed" in message_of(path)
    (tmp_path / "x.npz").write_text("hello")
    assert "damaged or something else" in message_of(tmp_path / "x.npz")
    assert "no such file" in message_of(tmp_path / "none.npz")
    os.mkfifo(str(tmp_path / "pipe"))
    assert "not a regular file" in message_of(tmp_path / "pipe")


def test_a_huge_shape_takes_no_memory(tmp_path):
    path = str(tmp_path / "i.npz")
    index_files.write(path, make_index())
    parts = parts_of(path)
    member = parts["pooled.npy"]
    huge = member.replace(b"(5, 4), }" + b" " * 12, b"(5, 400000000000), }" + b" ")
    assert huge != member and len(huge) == len(member)
    write_parts(path, dict(parts, **{"pooled.npy": huge}))
    assert "reshape" in message_of(path)


def test_nothing_is_unpickled(tmp_path):
    path = str(tmp_path / "i.npz")
    index_files.write(path, make_index())

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    parts = parts_of(path)
    for name in ("about", "labels", "embeddings", "pooled"):
        write_parts(path, changed(parts, **{name: np.array([Trap()], object)}))
        message_of(path)
    assert not (tmp_path / "trapped").exists()


def test_damaged_files_are_refused_or_read_as_they_were(tmp_path):
    path = str(tmp_path / "i.npz")
    index_files.write(path, make_index())
    with open(path, "rb") as file:
        whole = file.read()
    parts = parts_of(path)
    random = np.random.RandomState(0)
    refused = 0
    for case in range(300):
        if case % 2:  # in the archive itself
            target = bytearray(whole)
        else:  # in a member whose checksum is right again
            name = sorted(parts)[random.randint(len(parts))]
            target = bytearray(parts[name])
        if case % 3:
            for _ in range(random.randint(1, 5)):
                target[random.randint(len(target))] = random.randint(256)
        else:
            del target[random.randint(len(target)) :]
        if case % 2:
            with open(path, "wb") as file:
                file.write(target)
        else:
            write_parts(path, dict(parts, **{name: bytes(target)}))
        try:
            index = index_files.read(path)
            assert len(index.files) == len(index.labels) == 5
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 200


def test_an_index_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        index_files.write(str(tmp_path / "file" / "i.npz"), make_index())
