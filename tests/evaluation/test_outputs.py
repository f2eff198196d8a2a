import collections
import os

import numpy as np
import pytest

from evaluation import outputs

ImageList = collections.namedtuple("ImageList", "files paths labels")
ARRAYS = {name: np.arange(6, dtype=np.float32).reshape(2, 3) for name in outputs.NAMES}


@pytest.fixture
def prefix(tmp_path):
    for name, text in (("c.index", "index"), ("c.data-00000-of-00001", "data")):
        (tmp_path / name).write_text(text)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text(name)
    return str(tmp_path / "c")


def list_of(prefix, labels=(0, 1), names=("a.jpg", "b.jpg")):
    folder = os.path.dirname(prefix)
    return ImageList(list(names), [os.path.join(folder, n) for n in names], np.int32(labels))


def identity(prefix, step=1, image_list=None, settings=("resnet50",)):
    return outputs.identity_of(prefix, step, image_list or list_of(prefix), list(settings))


def test_everything_that_outputs_depend_on_is_in_the_identity(prefix, tmp_path):
    first = identity(prefix)
    assert identity(prefix) == first
    found = {
        first,
        identity(prefix, step=2),
        identity(prefix, settings=["vgg16"]),
        identity(prefix, image_list=list_of(prefix, labels=(1, 0))),
        identity(prefix, image_list=list_of(prefix, names=("b.jpg", "a.jpg"))),
    }
    assert len(found) == 5
    stat = os.stat(str(tmp_path / "a.jpg"))
    (tmp_path / "a.jpg").write_text("c.jpg")
    os.utime(str(tmp_path / "a.jpg"), ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    found.add(identity(prefix))
    (tmp_path / "a.jpg").write_text("longer")
    os.utime(str(tmp_path / "a.jpg"), ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    found.add(identity(prefix))
    (tmp_path / "c.index").write_text("other")
    found.add(identity(prefix))
    (tmp_path / "c.data-00000-of-00001").write_text("cut")
    found.add(identity(prefix))
    assert len(found) == 9


def test_outputs_are_found_by_their_identity_in_every_place(tmp_path):
    folder = str(tmp_path / "eval")
    assert outputs.find(folder, "one") == (None, None)
    outputs.save(os.path.join(folder, "test", outputs.FILE), ARRAYS, ["a", "b"], "one")
    outputs.save(os.path.join(folder, outputs.CACHE, "train.npz"), ARRAYS, ["a", "b"], "two")
    for name, place in (("one", "test"), ("two", outputs.CACHE)):
        arrays, path = outputs.find(folder, name)
        assert os.path.basename(os.path.dirname(path)) == place
        assert set(arrays) == set(outputs.NAMES)
        np.testing.assert_array_equal(arrays["logits"], ARRAYS["logits"])
    assert outputs.find(folder, "three") == (None, None)


@pytest.mark.parametrize("content", [b"", b"PK", b"nonsense", None])
def test_damaged_and_older_files_are_passed_over(tmp_path, content):
    path = str(tmp_path / "eval" / "test" / outputs.FILE)
    outputs.save(path, ARRAYS, ["a", "b"], "one")
    if content is None:
        np.savez(path, **ARRAYS)  # of an earlier version, without an identity
    else:
        with open(path, "wb") as file:
            file.write(content)
    assert outputs.find(str(tmp_path / "eval"), "one") == (None, None)
    whole = str(tmp_path / "eval" / "val" / outputs.FILE)
    outputs.save(whole, ARRAYS, ["a", "b"], "one")
    assert outputs.find(str(tmp_path / "eval"), "one")[1] == whole
    with open(whole, "r+b") as file:
        file.truncate(os.path.getsize(whole) // 2)
    assert outputs.find(str(tmp_path / "eval"), "one") == (None, None)
