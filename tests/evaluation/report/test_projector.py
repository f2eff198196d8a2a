import re

import numpy as np
from PIL import Image

from evaluation.report import projector
from tests.conftest import write_image


def test_files_of_the_projector(tmp_path):
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (90, 90, 90)]
    paths = [str(tmp_path / f"{i}.png") for i in range(5)]
    for path, colour in zip(paths, colours):
        write_image(path, colour, size=(64, 64))
    (tmp_path / "3.png").write_bytes(b"no image")
    vectors = np.random.RandomState(0).randn(5, 3).astype(np.float32)
    labels = np.array([1, 0, 1, 1, 0])
    files = ["a.jpg", "b\tc\nd.jpg", "ü.jpg", "\t", "e.jpg"]
    folder = str(tmp_path / "projector")
    projector.write(folder, vectors, labels, files, paths, ["one\ttwo", "2"], 200)

    rows = (tmp_path / "projector" / "vectors.tsv").read_text().splitlines()
    found = [[float(word) for word in row.split("\t")] for row in rows]
    np.testing.assert_allclose(found, vectors, rtol=1e-5)
    lines = (tmp_path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t") for line in lines] == [
        ["class", "file"], ["2", "a.jpg"], ["one two", "b c d.jpg"], ["2", "ü.jpg"], ["2", "-"],
        ["one two", "e.jpg"],
    ]  # fmt: skip
    config = (tmp_path / "projector" / "projector_config.pbtxt").read_text()
    assert re.sub(r"\s+", " ", config).strip() == (
        'embeddings { tensor_name: "embeddings" tensor_shape: 5 tensor_shape: 3'
        ' tensor_path: "vectors.tsv" metadata_path: "metadata.tsv"'
        ' sprite { image_path: "sprite.jpg" single_image_dim: 64 single_image_dim: 64 } }'
    )
    sheet = np.asarray(Image.open(str(tmp_path / "projector" / "sprite.jpg")).convert("RGB"), int)
    assert sheet.shape == (192, 192, 3)
    expected = colours[:3] + [(200, 200, 200), colours[4]] + [(255, 255, 255)] * 4
    for i, colour in enumerate(expected):
        row, column = divmod(i, 3)
        part = sheet[64 * row + 8 : 64 * row + 56, 64 * column + 8 : 64 * column + 56]
        np.testing.assert_allclose(part.mean(axis=(0, 1)), colour, atol=10)


def test_the_sheet_has_at_most_8192_pixels_per_side():
    for count in (1, 2, 4, 5, 16384, 16385, 24633, 100000):
        columns, pixels = projector.columns_of(count), projector.photo_pixels(count)
        assert (columns - 1) ** 2 < count <= columns**2
        assert 1 <= pixels <= 64 and columns * pixels <= 8192
    assert projector.photo_pixels(24633) == 52
