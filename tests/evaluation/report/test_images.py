import base64
import io

import numpy as np
import pytest
from PIL import Image

from evaluation import plots
from evaluation.report import images
from tests.conftest import write_image


def picture_of(uri):
    kind, content = uri.split(";base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == f"data:image/{picture.format.lower()}"
    return picture


def test_thumbnails_are_small_keep_their_shape_and_are_read_once(tmp_path):
    path = str(tmp_path / "wide.jpg")
    write_image(path, (200, 40, 40), size=(400, 200))
    thumbnails = images.Thumbnails(200, 96)
    uri = thumbnails.of(path)
    picture = picture_of(uri)
    assert picture.size == (96, 48)
    np.testing.assert_allclose(np.asarray(picture).mean(axis=(0, 1)), (200, 40, 40), atol=8)
    (tmp_path / "wide.jpg").unlink()
    assert thumbnails.of(path) == uri


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0 cut off"])
def test_what_cannot_be_read_has_no_thumbnail(tmp_path, content):
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    assert images.Thumbnails(200).of(str(path)) is None
    assert images.Thumbnails(200).of(str(tmp_path / "missing.jpg")) is None


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_every_kind_of_image_is_shown(tmp_path, mode):
    path = str(tmp_path / "image.png")
    Image.new(mode, (20, 10)).save(path)
    assert picture_of(images.Thumbnails(200).of(path)).mode == "RGB"


def test_heat_is_orange_for_and_blue_against():
    frame = np.full((8, 8, 3), 128, np.uint8)
    values = np.array([[2.0, 0.0], [-2.0, 1.0]])
    shown = np.asarray(picture_of(images.heat(frame, values, 40)), int)
    at = {place: shown[place] for place in ((10, 10), (10, 30), (30, 10), (30, 30))}
    assert at[10, 10][0] - at[10, 10][2] > 100 and at[30, 10][2] - at[30, 10][0] > 50
    assert np.ptp(at[10, 30]) < 12
    assert 20 < at[30, 30][0] - at[30, 30][2] < at[10, 10][0] - at[10, 10][2]
    flat = np.asarray(picture_of(images.heat(frame, np.zeros((2, 2)), 40)), int)
    assert np.ptp(flat) < 12


def test_figures_are_pngs():
    figure = plots.new_figure(2, 1)
    figure.subplots().plot([0, 1])
    assert picture_of(images.figure(figure)).size == (220, 110)
    assert images.png_of(lambda path: None) is None
