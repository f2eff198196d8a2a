import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from evaluation import plots

NAMES = ("ant", "bee", "a name that is too long to stand above a picture")


def colour_of(image):
    return (20 * image, 255 - 20 * image, 128)


def write_pictures(folder, modes):
    paths = []
    for i, mode in enumerate(modes):
        path = os.path.join(str(folder), f"{i}.png")
        if mode == "I;16":
            Image.fromarray(np.full((30, 40), 65535 // (i + 1), np.uint16)).save(path)
        else:
            Image.new("RGB", (40, 30), colour_of(i)).convert(mode).save(path)
        paths.append(path)
    return paths


def centre(picture, row, column):
    """The colour in the middle of one of the pictures, 9 rows of 6."""
    height, width = picture.shape[:2]
    return picture[int((row + 0.5) * height / 9) + 8, int((column + 0.5) * width / 6)]


def test_neighbours_begin_with_the_worst_query_and_end_with_the_best(tmp_path):
    labels = np.repeat(np.arange(3), 4)
    paths = write_pictures(tmp_path, ["RGB"] * 12)
    nearest = np.array([[j for j in range(12) if j != i and j // 4 != i // 4] for i in range(12)])
    for i in range(12):  # one of five has the query's class; none of image 5, three of image 6
        own = [j for j in range(12) if j // 4 == i // 4 and j != i]
        nearest[i, : {5: 0, 6: 3}.get(i, 1)] = own[: {5: 0, 6: 3}.get(i, 1)]
    plots.neighbours(
        str(tmp_path / "out.png"), paths, labels, nearest, NAMES, seed=0, max_megapixels=200
    )
    picture = np.asarray(Image.open(str(tmp_path / "out.png")).convert("RGB")).astype(int)
    for row, query in ((0, 5), (8, 6)):
        for column, image in enumerate([query, *nearest[query, :5]]):
            found = centre(picture, row, column)
            np.testing.assert_allclose(found, colour_of(image), atol=2, err_msg=f"{row} {column}")
    lines = np.split(picture, 9)
    right, wrong = (42, 127, 63), (192, 57, 43)
    for row, colour, is_drawn in ((0, right, False), (0, wrong, True), (8, right, True)):
        assert ((np.abs(lines[row] - colour) < 9).all(axis=2).sum() > 300) == is_drawn


def test_pictures_of_every_kind_are_drawn(tmp_path):
    modes = ["RGB", "L", "RGBA", "P", "1", "I;16", "LA"]
    paths = write_pictures(tmp_path, modes)
    nearest = np.array([[j for j in range(7) if j != i] for i in range(7)])
    labels = np.zeros(7, int)
    plots.neighbours(
        str(tmp_path / "out.png"), paths, labels, nearest, NAMES, seed=1, max_megapixels=200
    )
    assert Image.open(str(tmp_path / "out.png")).size == (900, 1575)


def test_what_pillow_can_not_read_is_a_grey_field(tmp_path):
    paths = write_pictures(tmp_path, ["RGB"] * 7)
    with open(paths[0], "wb") as file:
        file.write(b"hello")
    os.remove(paths[1])
    nearest = np.array([[j for j in range(7) if j != i] for i in range(7)])
    plots.neighbours(
        str(tmp_path / "out.png"),
        paths,
        np.zeros(7, int),
        nearest,
        NAMES,
        seed=1,
        max_megapixels=200,
    )
    picture = np.asarray(Image.open(str(tmp_path / "out.png")).convert("RGB")).astype(int)
    greys = [np.ptp(centre(picture, row, column)) == 0 for row in range(9) for column in range(6)]
    assert 9 < sum(greys) < 27


def test_photos_are_shown_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for ending, size in ((".jpg", (30, 40)), (".png", (40, 30))):
        path = str(tmp_path / "a") + ending
        Image.new("RGB", (40, 30)).save(path, exif=exif)
        assert plots.read_picture(path, 200).size == size


def test_a_confusion_matrix_shows_shares_of_the_true_class(tmp_path):
    counts = np.array([[9, 1], [0, 0]])
    plots.confusion_matrix(str(tmp_path / "c.png"), counts, NAMES[:2])
    picture = np.asarray(Image.open(str(tmp_path / "c.png")).convert("RGB")).astype(int)
    blue = picture[..., 2] - picture[..., 0]
    assert (blue > 90).mean() > 0.05  # the large share, dark blue


def test_a_map_needs_a_few_points(tmp_path):
    vectors = np.random.RandomState(0).randn(12, 4).astype(np.float32)
    labels = np.arange(12) % 3
    plots.embedding_map(str(tmp_path / "few.png"), vectors[:3], labels[:3], NAMES, seed=0)
    assert not (tmp_path / "few.png").exists()
    plots.embedding_map(str(tmp_path / "map.png"), vectors, labels, NAMES, seed=0)
    assert Image.open(str(tmp_path / "map.png")).size == (780, 600)


@pytest.mark.parametrize("name", [r"$\frac{$", "a$b$c", "$", "\u9ce5\u985e", "caf\udce9", "_x"])
def test_names_are_text_and_no_formula(tmp_path, name):
    names, labels = [name, "b", name * 9], np.arange(12) % 3
    vectors = np.random.RandomState(0).randn(12, 4).astype(np.float32)
    paths = write_pictures(tmp_path, ["RGB"] * 12)
    nearest = np.array([[j for j in range(12) if j != i] for i in range(12)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        plots.confusion_matrix(str(tmp_path / "c.png"), np.eye(3, dtype=int), names)
        plots.embedding_map(str(tmp_path / "m.png"), vectors, labels, names, seed=0)
        plots.neighbours(
            str(tmp_path / "n.png"), paths, labels, nearest, names, seed=0, max_megapixels=200
        )
    assert all((tmp_path / f"{letter}.png").exists() for letter in "cmn")
    assert not [name for name in os.listdir(str(tmp_path)) if name.endswith(".part")]


def test_a_backend_that_is_not_known_does_not_matter(tmp_path):
    code = (
        "import os, numpy as np; from evaluation import plots;"
        f"plots.confusion_matrix({str(tmp_path / 'c.png')!r}, np.eye(2, dtype=int), ['a', 'b']);"
        "assert os.environ['MPLBACKEND'] == 'nonsense'"
    )
    environ = dict(os.environ, MPLBACKEND="nonsense")
    assert subprocess.run([sys.executable, "-c", code], env=environ).returncode == 0
    assert (tmp_path / "c.png").exists()
