import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from data import orientation
from utils.tf1 import tf

PIXELS = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)


def jpeg(**options):
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "JPEG", **options)
    return stream.getvalue()


def segment(marker, payload):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif(value, order="<", before=0, offset=8, kind=3, magic=42):
    """A segment with the orientation behind `before` other entries."""
    entries = [(i, 4, 1, 6, 0) for i in range(before)] + [(0x0112, kind, 1, value, 0)]
    directory = struct.pack(order + "H", len(entries))
    directory += b"".join(struct.pack(order + "HHIHH", *entry) for entry in entries)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", magic, offset)
    return segment(0xE1, b"Exif\0\0" + head + b"\0" * (offset - 8) + directory + b"\0" * 4)


def with_segments(*segments):
    return b"\xff\xd8" + b"".join(segments) + jpeg()[2:]


JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
SENSIBLE = {
    "none": (jpeg(), 1),
    "little-endian": (with_segments(exif(6)), 6),
    "big-endian": (with_segments(exif(8, ">")), 8),
    "behind JFIF": (with_segments(JFIF, exif(3)), 3),
    "behind much": (
        with_segments(JFIF, segment(0xFE, b"x" * 6000), segment(0xE2, b"ICC"), exif(5, ">")),
        5,
    ),
    "behind XMP": (with_segments(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0"), exif(7)), 7),
    "behind entries": (with_segments(exif(2, before=20)), 2),
    "big-endian behind entries": (with_segments(exif(4, ">", before=3)), 4),
    "as Pillow writes it": (jpeg(exif=b"Exif\0\0" + exif(6)[10:]), 6),
}
NONSENSE = {
    "of a thumbnail": with_segments(exif(1, before=2)[:-4] + b"\0\0\0\x30" + exif(6)[16:]),
    "behind another tag": with_segments(exif(6, ">", before=2).replace(b"\0\0\0\4", b"\2\0\0\4")),
    "zero": with_segments(exif(0)),
    "nine": with_segments(exif(9)),
    "a fraction": with_segments(exif(6, kind=5)),
    "no TIFF": with_segments(exif(6, magic=43)),
    "empty": with_segments(segment(0xE1, b"Exif\0\0")),
    "far offset": with_segments(segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\0" * 30)),
    "offset past the end": with_segments(segment(0xE1, b"Exif\0\0MM\0*\0\0\x7f\0" + b"\0" * 30)),
    "only a marker": b"\xff\xd8\xff\xe1",
}


# By its definition: where a stored picture's first row and first column are seen.
SEEN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def turned(pixels, value):
    row, column = SEEN[value]
    if row in ("left", "right"):
        pixels = pixels.transpose(1, 0, 2)
    if "bottom" in (row, column):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if "right" in (row, column) else pixels


@pytest.fixture(scope="module")
def parse():
    with tf.Graph().as_default(), tf.Session() as session:
        contents = tf.placeholder(tf.string, [])
        turn = orientation.turn_of(contents)
        stored = orientation.upright(tf.constant(PIXELS), turn)

        def orientation_in(data):
            is_needed, found = session.run([turn.is_needed, stored], {contents: data})
            values = [v for v in SEEN if np.array_equal(turned(PIXELS, v), found)]
            assert len(values) == 1 and is_needed == (values != [1])
            return values[0]

        yield orientation_in


@pytest.mark.parametrize("name", SENSIBLE)
def test_an_orientation_is_found_as_pillow_finds_it(parse, name):
    data, expected = SENSIBLE[name]
    assert Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == expected
    assert parse(data) == expected


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_upright(parse, name):
    assert parse(NONSENSE[name]) == 1


def test_a_cut_or_spoilt_header_is_no_error(parse):
    data = with_segments(JFIF, exif(6, ">", before=2))
    end = len(data) - len(jpeg()) + 2
    assert {int(parse(data[:length])) for length in range(3, end + 10)} == {1, 6}
    rng = np.random.RandomState(0)
    for _ in range(200):
        spoilt = bytearray(data)
        for place in rng.randint(2, end, 4):
            spoilt[place] = rng.randint(256)
        assert 1 <= parse(bytes(spoilt)) <= 8


@pytest.mark.parametrize("value", range(1, 9))
def test_windows_are_turned_as_pillow_turns_the_whole(value):
    image = Image.fromarray(PIXELS)
    image.getexif()[0x0112] = value
    whole = np.asarray(ImageOps.exif_transpose(image))
    rng = np.random.RandomState(value)
    with tf.Graph().as_default(), tf.Session() as session:
        begin, size = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [2])
        turn = orientation.turn_of(tf.constant(with_segments(exif(value))))
        shape = tf.gather([5, 7], turn.axes[:2])
        window = orientation.stored_window(begin, size, shape, turn)
        top, left, rows, columns = tf.unstack(window)
        part = tf.constant(PIXELS)[top : top + rows, left : left + columns]
        window = orientation.upright(part, turn)
        np.testing.assert_array_equal(whole, turned(PIXELS, value))
        assert tuple(session.run(shape)) == whole.shape[:2]
        for _ in range(10):
            first = [rng.randint(side) for side in whole.shape[:2]]
            length = [rng.randint(1, side - f + 1) for side, f in zip(whole.shape, first)]
            expected = whole[first[0] :, first[1] :][: length[0], : length[1]]
            found = session.run(window, {begin: first, size: length})
            np.testing.assert_array_equal(found, expected)
