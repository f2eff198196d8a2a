import io
import os
import random
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from data.augment import Augmentation
from data.pipeline import first_unreadable
from datasets_lists import images
from tests.datasets_lists.helpers import kill_the_process, message_of
from utils.tf1 import tf

AUGMENTATION = Augmentation("img", 24, 28, 40, 32, True, "inception", 10**6)
RNG = np.random.RandomState(0)
PHOTO = Image.fromarray(
    np.uint8(
        np.clip(RNG.normal(128, 12, (40, 50, 3)) + np.mgrid[:40, :50].sum(0)[..., None], 0, 255)
    )
)


def examine(path):
    return images.examine(path, 200)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


THUMBNAIL = encoded(PHOTO.resize((16, 16)), "JPEG")
JPEG, PNG = encoded(PHOTO, "JPEG", quality=90), encoded(PHOTO, "PNG")
GIF, BMP = encoded(PHOTO, "GIF"), encoded(PHOTO, "BMP")
# 16 bits a pixel, which Pillow reads but does not write: 4 x 2 pixels of five bits a colour.
BMP_16 = b"BM" + struct.pack("<IHHI", 70, 0, 0, 54)
BMP_16 += struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 16, 0, 16, 0, 0, 0, 0) + bytes(range(16))
# A header that holds a whole JPEG of its own, as cameras write it.
IN_HEADER = JPEG[:2] + b"\xff\xe1" + (len(THUMBNAIL) + 2).to_bytes(2, "big") + THUMBNAIL + JPEG[2:]
CLEAN = {
    "a.jpg": JPEG,
    "b.JPEG": encoded(PHOTO, "JPEG", progressive=True),
    "c.png": PNG,
    "d.gif": GIF,
    "e.bmp": BMP,
    "in_header.jpg": IN_HEADER,
    "and_more.jpg": JPEG + b"\xff\xda behind the end",
    "and_more.png": PNG + b"more",
    "filled.jpg": JPEG[:2] + b"\xff\xff" + JPEG[2:],
    "film.jpg": encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO.rotate(5)]),
}
if sys.version_info >= (3, 8):  # where TensorFlow is not 1.15
    CLEAN["web.webp"] = encoded(PHOTO, "WEBP")
WRONG = {
    "grey.jpg": (encoded(PHOTO.convert("L"), "JPEG"), "not_rgb", "L"),
    "print.jpg": (encoded(PHOTO.convert("CMYK"), "JPEG"), "not_rgb", "CMYK"),
    "clear.png": (encoded(PHOTO.convert("RGBA"), "PNG"), "not_rgb", "RGBA"),
    "palette.png": (encoded(PHOTO.convert("P"), "PNG"), "not_rgb", "P"),
    "deep.png": (
        encoded(Image.fromarray(np.uint16(RNG.rand(9, 9) * 65535)), "PNG"),
        "not_rgb",
        "I",
    ),
    "one_bit.bmp": (encoded(PHOTO.convert("1"), "BMP"), "not_rgb", "1"),
    "png.jpg": (PNG, "misnamed", "PNG"),
    "jpeg.png": (JPEG, "misnamed", "JPEG"),
    "gif.jpg": (GIF, "misnamed", "GIF"),
    "webp.jpg": (encoded(PHOTO, "WEBP"), "misnamed", "WEBP"),
    "tiff.jpg": (encoded(PHOTO, "TIFF"), "misnamed", "TIFF"),
    "film.webp": (
        encoded(PHOTO, "WEBP", save_all=True, append_images=[PHOTO.rotate(5)]),
        "unreadable",
        "",
    ),
    "half.webp": (encoded(PHOTO, "WEBP")[:-200], "unreadable", ""),
    "scan.tif": (encoded(PHOTO, "TIFF"), "unreadable", "not TIFF"),
    "empty.jpg": (b"", "unreadable", ""),
    "html.jpg": (b"<html>not found</html>", "unreadable", "cannot identify"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "truncated", ""),
    "half.png": (PNG[: len(PNG) // 2], "truncated", ""),
    "half.gif": (GIF[: len(GIF) // 2], "truncated", ""),
    "half.bmp": (BMP[: len(BMP) // 2], "truncated", ""),
    "no_end.jpg": (JPEG[:-2] + b"\0" * 9, "truncated", "end of the JPEG"),
    "no_end_in_header.jpg": (IN_HEADER[:-2] + b"\0" * 9, "truncated", "end of the JPEG"),
    "no_end.png": (PNG[:-3], "truncated", "end of the PNG"),
    "deep.bmp": (BMP_16, "unreadable", "16 bits"),
    "no_end.bmp": (BMP[:-1], "truncated", "end of the BMP"),
    "no_end.gif": (GIF[:-2], "truncated", "end of the GIF"),
    "sum.png": (PNG[:-17] + bytes([PNG[-17] ^ 255]) + PNG[-16:], "unreadable", "checksum"),
}


def put(folder, name, data):
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        file.write(data)
    return path


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_image(tmp_path, name):
    found = examine(put(tmp_path, name, CLEAN[name]))
    assert found.problems == () and found.size == (50, 40)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_image(tmp_path, name):
    data, kind, words = WRONG[name]
    found = examine(put(tmp_path, name, data))
    assert kind in [problem for problem, _ in found.problems]
    assert all("\n" not in detail and detail for _, detail in found.problems)
    assert words in dict(found.problems)[kind]


def damaged():
    """Files of every format with bytes changed or cut off."""
    webp = encoded(PHOTO, "WEBP")
    for name, data in (
        ("w.webp", webp),
        ("j.jpg", JPEG),
        ("p.png", PNG),
        ("g.gif", GIF),
        ("b.bmp", BMP),
    ):
        dice = random.Random(name)
        for number in range(25):
            changed = bytearray(data)
            header = 54 if name == "b.bmp" else len(data)
            changed[dice.randrange(header)] ^= dice.randrange(1, 256)
            yield f"{number}{name}", bytes(changed)
        for cut in (1, 2, 3, 4, 7, 12, 50, len(data) // 3):
            yield f"cut{cut}{name}", data[:-cut]


def refusals(paths):
    """Those of the files that training would stop at, by its own decoder."""
    with tf.Graph().as_default(), tf.Session() as session:
        path = tf.placeholder(tf.string, [])
        image = tf.image.decode_image(tf.io.read_file(path), channels=3, expand_animations=False)
        found = []
        for name in paths:
            try:
                session.run(image, {path: name})
            except tf.errors.OpError:
                found.append(name)
    return found


def test_what_training_can_not_decode_is_found(tmp_path):
    """The claim of this room: nothing passes that TensorFlow, in this version, would stop at."""
    cases = dict(damaged())
    cases.update({name: wrong[0] for name, wrong in WRONG.items()}, **CLEAN)
    refused = refusals([put(tmp_path, name, data) for name, data in cases.items()])
    assert len(refused) > 50
    passed = [path for path in refused if not examine(path).problems]
    assert passed == []
    assert first_unreadable([str(tmp_path / name) for name in CLEAN], AUGMENTATION) is None


def test_content_is_that_of_the_pixels(tmp_path):
    def content(name, data):
        return examine(put(tmp_path, name, data)).content

    same = {content("a.png", PNG), content("b.bmp", BMP), content("c.png", PNG + b"more")}
    other = PHOTO.copy()
    other.putpixel((3, 4), (0, 0, 0))
    assert len(same) == 1 and content("d.png", encoded(other, "PNG")) not in same
    wide, high = Image.new("RGB", (6, 4)), Image.new("RGB", (4, 6))
    assert content("e.png", encoded(wide, "PNG")) != content("f.png", encoded(high, "PNG"))
    one, two = (Image.new("P", (4, 4)) for _ in range(2))
    one.putpalette([9, 9, 9])
    two.putpalette([200, 9, 9])
    assert content("g.png", encoded(one, "PNG")) != content("h.png", encoded(two, "PNG"))
    assert content("i.jpg", b"text") == content("j.jpg", b"text") != content("k.jpg", b"other")


def test_a_file_that_can_not_be_opened(tmp_path):
    found = examine(str(tmp_path / "none.jpg"))
    assert found.problems == (("unreadable", "No such file or directory"),)


@pytest.mark.ci
def test_several_processes_give_the_same_in_the_same_order(tmp_path):
    paths = [put(tmp_path, name, data) for name, data in CLEAN.items()] * 4
    one = images.map_over(examine, paths, workers=1)
    assert images.map_over(examine, paths, workers=2) == one
    assert len(one) == len(paths) and one[0] != one[1]


def test_a_process_that_is_killed_is_said_in_one_sentence():
    message = message_of(images.map_over, kill_the_process, ["a", "b"], workers=2)
    assert "killed for lack of memory" in message and "--workers 1" in message


def turned(orientation, kind="JPEG", **options):
    """The photo as a camera held otherwise writes it: other pixels, and how to turn them."""
    way_back = {3: Image.ROTATE_180, 6: Image.ROTATE_90, 8: Image.ROTATE_270}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(PHOTO.transpose(way_back), kind, exif=exif.tobytes(), **options)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_size_and_content_are_those_of_the_upright_image(tmp_path, orientation):
    found = examine(put(tmp_path, "a.png", turned(orientation, "PNG")))
    assert found.size == PHOTO.size and found.problems == ()
    assert found.content == examine(put(tmp_path, "b.png", PNG)).content


def test_damaged_metadata_turn_nothing(tmp_path):
    data = encoded(PHOTO, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    found = examine(put(tmp_path, "a.jpg", data))
    assert found.size == PHOTO.size and found.problems == ()


def test_an_image_of_too_many_pixels_is_not_decoded(tmp_path, monkeypatch):
    def decoded(*_):
        raise AssertionError("it is decoded")

    # A header that claims 20,000 x 20,000 pixels; there are none.
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = PNG[:8] + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + PNG[33:]
    monkeypatch.setattr(Image.Image, "load", decoded)
    found = examine(put(tmp_path, "a.png", data))
    assert found.problems == (("too_large", "has 400 megapixels, more than 200"),)
    assert found.size is None


def test_an_image_below_the_bound_is_decoded_without_a_warning(tmp_path, recwarn, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # of Pillow, which would refuse 2,000
    assert examine(put(tmp_path, "a.jpg", JPEG)).problems == () and len(recwarn) == 0


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_opened(tmp_path, kind):
    path = str(tmp_path / "a.jpg")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        os.symlink("/dev/zero", path)
    else:
        os.mkdir(path)
    assert examine(path).problems == (("unreadable", "is not a regular file"),)
