import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from evaluation.report import page
from evaluation.report.attention import Explanation, HeadMaps
from evaluation.report.suspects import Duplicate
from tests.evaluation.report.conftest import HOSTILE, make_inputs

VOID = {"meta", "link", "img", "br", "input"}


class Tree(HTMLParser):
    """Every tag with its attributes and its text; complains of what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert len(dict(attributes)) == len(attributes), f"an attribute of {tag} stands there twice"
        self.tags.append((tag, dict(attributes), []))
        if tag not in VOID:
            self.open.append((tag, self.tags[-1][2]))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        for _, text in self.open:
            text.append(data)

    def all(self, tag):
        return [(attributes, "".join(text)) for name, attributes, text in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(inputs):
    return page.render(inputs)


@pytest.fixture(scope="module")
def tree(text):
    return Tree(text)


def test_the_page_is_one_file_that_requests_nothing(text, tree):
    assert "http://" not in text and "https://" not in text
    assert "@import" not in text and "url(" not in text
    for name, attributes, _ in tree.tags:
        if name != "a":
            for key in ("src", "href", "srcset", "data", "action"):
                assert attributes.get(key, "data:").startswith("data:"), (name, attributes)
    assert all(a["href"].startswith("#") for a, _ in tree.all("a"))
    policy = [a["content"] for a, _ in tree.all("meta") if "http-equiv" in a]
    assert len(policy) == 1 and policy[0].startswith("default-src 'none'")


def test_screen_readers_find_their_way(tree):
    levels = [int(name[1]) for name, _, _ in tree.tags if re.match(r"h[1-6]$", name)]
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 1
    ids = [a["id"] for _, a, _ in tree.tags if "id" in a]
    assert len(set(ids)) == len(ids)
    assert {a["href"][1:] for a, _ in tree.all("a")} <= set(ids)
    for name in ("main", "header", "nav", "footer"):
        assert len(tree.all(name)) == 1
    assert all(a.get("alt") for a, _ in tree.all("img")) and len(tree.all("img")) > 50
    assert all(a.get("scope") in ("row", "col") for a, _ in tree.all("th"))
    assert len(tree.all("caption")) == len(tree.all("table"))
    assert [a["for"] for a, _ in tree.all("label")] == [a["id"] for a, _ in tree.all("select")]
    assert dict(tree.all("html")[0][0]) == {"lang": "en"}


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(first, second):
    high, low = sorted(map(luminance, (first, second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_colours_of_texts_can_be_read(text):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    colours = dict(re.findall(r"--(\w+): ?(#\w{3,6});", text))
    for name in ("text", "quiet", "link", "right", "wrong"):
        colour = colours[name]
        colour = colour if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:])
        assert contrast(colour, "#ffffff") >= 4.5, name
        assert contrast(colour, colours["soft"]) >= 4.5, name
    # The strongest shades of the confusion matrix, 45 % blue and orange over white.
    for shade in ([31, 95, 168], [214, 93, 14]):
        mixed = "#" + "".join(f"{round(0.55 * 255 + 0.45 * part):02x}" for part in shade)
        assert contrast(colours["text"], mixed) >= 4.5


def test_names_are_texts(text, tree):
    assert "<script>alert" not in text and len(tree.all("script")) == 1
    assert any(HOSTILE in a.get("alt", "") for a, _ in tree.all("img"))
    assert HOSTILE in [words for _, words in tree.all("option")]
    assert HOSTILE in [words for _, words in tree.all("li")]


def test_numbers_of_the_page(inputs, tree):
    rows = {re.sub(r"\s+", " ", words).strip() for _, words in tree.all("tr")}
    assert "accuracy81.2 %75.0 % to 90.0 %" in rows and "Recall@162.5 %–" in rows
    assert "Recall@162.5 %25.0 %" in rows and "other––" in rows
    assert "neighbours right where they differ–" in rows
    assert "both0.12340.1000 to 0.2000" in rows and "softmax0.1234–" in rows
    scored = inputs.scored
    right = np.argmax(scored.probabilities, axis=1) == scored.labels
    votes = np.argmax(scored.votes, axis=1) == scored.labels
    shares = [f"{100 * np.mean(hits[scored.labels == 2]):.1f} %" for hits in (right, votes)]
    assert f"class 266{shares[0]}{shares[1]}" in rows
    assert any(f"wrong on {np.sum(~right)} of 24 images" in words for _, words in tree.all("p"))


def test_galleries_mark_right_and_wrong_in_words(inputs, tree):
    captions = [words for _, words in tree.all("figcaption") if "same class," in words]
    others = [words for _, words in tree.all("figcaption") if "another class," in words]
    assert captions and others
    assert all("✓" in words for words in captions) and all("✗" in words for words in others)
    classes = [a.get("class") for a, _ in tree.all("figure")]
    assert classes.count("thumb right") == len(captions)
    assert classes.count("thumb wrong") == len(others)
    queries = [a for a, _ in tree.all("div") if a.get("class") == "query"]
    assert len(queries) == 3 * page.QUERIES
    assert len(captions) + len(others) == 10 * len(queries) + 2 * 4 * len(inputs.errors)


def test_maps_and_the_reason_for_none(inputs, tree):
    alts = [a["alt"] for a, _ in tree.all("img")]
    assert sum("Where the classifier looks" in alt for alt in alts) == len(inputs.errors)
    assert not any("Where the embedding looks" in alt for alt in alts)
    assert any("No maps of the embedding head: it is not linear." in w for _, w in tree.all("p"))


def test_what_cannot_be_read_is_a_grey_box(tmp_path):
    inputs = make_inputs(tmp_path)
    for i in range(5):
        (tmp_path / f"{i}.jpg").write_bytes(b"no image")
    tree = Tree(page.render(inputs))
    boxes = [a for a, words in tree.all("span") if a.get("class") == "grey"]
    assert len(boxes) > 50 and all("can't be read" in a["aria-label"] for a in boxes)
    assert all(a["role"] == "img" for a in boxes)


def test_duplicates_stand_side_by_side(inputs):
    pairs = [Duplicate(1, 8, 0.0625, 3)]
    tree = Tree(page.render(inputs._replace(duplicates=pairs)))
    words = [w for _, w in tree.all("p") if "hashes differ in 3 of 64 bits" in w]
    assert words == [
        "test/1.jpg and train/8.jpg of the training list: distance 0.06, hashes differ in 3 of 64"
        " bits"
    ]


def test_a_run_without_errors_history_or_scores_of_both_heads(inputs):
    labels = inputs.scored.labels
    perfect = np.eye(4, dtype=np.float32)[labels]
    bare = inputs._replace(
        scored=inputs.scored._replace(probabilities=perfect, votes=perfect),
        errors=np.zeros(0, int), near_errors={"pooled": inputs.nearest}, explanation=None,
        history=[], advice=[], own="pooled", samples={"pooled": inputs.samples["pooled"]},
        metrics=dict(inputs.metrics, split="train", selective=None, calibration=None, heads=None),
    )  # fmt: skip
    text = page.render(bare)
    Tree(text)
    for words in ("No two classes are confused", "has no metrics.csv", "None was found"):
        assert words in text
    assert "wrong on 0 of 24" in text and "The train list:" not in text


def test_many_classes_become_a_picture(tmp_path):
    few = make_inputs(tmp_path / "few", page.MOST_CELLS, 2)
    many = make_inputs(tmp_path / "many", page.MOST_CELLS + 1, 2)
    for inputs, is_picture in ((few, False), (many, True)):
        alts = [a["alt"] for a, _ in Tree(page.render(inputs)).all("img")]
        assert any("Confusion matrix of 21 classes" in alt for alt in alts) == is_picture


def test_the_size_is_bounded(tmp_path):
    """Photos of noise, the hardest to compress, in as many classes and errors as are ever shown."""
    inputs = make_inputs(tmp_path, 60, 12, num_files=720, size=(96, 96), count=24)
    rng = np.random.RandomState(0)
    for path in inputs.scored.paths:
        Image.fromarray(rng.randint(0, 256, (96, 96, 3)).astype(np.uint8)).save(path, quality=95)
    maps = rng.randn(24, 7, 7).astype(np.float32)
    head = HeadMaps(maps, np.zeros(24), maps.sum(axis=(1, 2)))
    frames = rng.randint(0, 256, (24, 224, 224, 3)).astype(np.uint8)
    pairs = [Duplicate(i, i + 100, 0.1, 2) for i in range(50)]
    spaces = ("embedding", "pooled", "both")
    near = {space: inputs.near_errors["pooled"] for space in spaces}
    text = page.render(
        inputs._replace(
            explanation=Explanation(frames, head, head), duplicates=pairs, near_errors=near,
            samples={space: inputs.samples["pooled"] for space in spaces},
        )
    )  # fmt: skip
    found = len(re.findall("data:image/jpeg", text))
    most = (
        page.QUERIES * 3 * 11 + 24 * (1 + 2 + 3 * 4) + page.PAIRS * 2 * page.PAIR_PHOTOS
        + 2 * page.SUSPECTS + 2 * page.DUPLICATES
    )  # fmt: skip
    assert 0.9 * most < found <= most
    assert len(text.encode("utf-8")) < 15e6
