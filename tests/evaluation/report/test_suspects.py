import numpy as np
import pytest
from PIL import Image

from evaluation.report import suspects
from evaluation.report.inputs import Found

RNG = np.random.RandomState(5)


def plain_class(probabilities, labels):
    """The rule in plain loops."""
    num_classes = len(probabilities[0])
    limits = []
    for j in range(num_classes):
        own = [p[j] for p, label in zip(probabilities, labels) if label == j]
        limits.append(sum(own) / len(own) if own else float("inf"))
    found = []
    for p in probabilities:
        enough = [j for j in range(num_classes) if p[j] >= limits[j]]
        found.append(max(enough, key=lambda j: p[j]) if enough else -1)
    return found


def test_confident_class():
    seen = set()
    for _ in range(20):
        probabilities = RNG.dirichlet(np.ones(4) / 2, 12)
        labels = RNG.randint(0, 3, 12)  # no image of the last class
        found = suspects.confident_class(probabilities, labels)
        assert found.tolist() == plain_class(probabilities.tolist(), labels.tolist())
        seen |= set(found)
    assert seen == {-1, 0, 1, 2}


def test_all_classifiers_have_to_name_the_same_class():
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    first, second = np.full((2, 8, 3), 0.05)
    for probabilities, said in (
        (first, [0, 0, 1, 1, 1, 2, 2, 2]),
        (second, [0, 1, 1, 1, 1, 0, 2, 2]),
    ):
        probabilities[np.arange(8), said] = 0.9
    rows, others, margins = suspects.denied_labels([first, second], labels)
    assert (rows.tolist(), others.tolist()) == ([2], [1])
    assert margins == pytest.approx([0.85])
    assert suspects.denied_labels([first], labels)[0].tolist() == [2, 5]


def noisy(labels, num_classes, rng):
    """The probabilities of a good classifier that was never given the wrong labels."""
    logits = rng.randn(len(labels), num_classes)
    logits[np.arange(len(labels)), labels] += 8
    shares = np.exp(logits)
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_planted_label_errors_are_found(seed):
    rng = np.random.RandomState(seed)
    true = rng.randint(0, 10, 1000)
    planted = rng.permutation(1000)[:50]
    labels = true.copy()
    labels[planted] = (true[planted] + rng.randint(1, 10, 50)) % 10
    heads = [noisy(true, 10, rng) for _ in range(2)]
    found, others, margins = suspects.denied_labels(heads, labels)
    hits = set(found) & set(planted)
    assert len(hits) / len(found) > 0.9 and len(hits) / 50 > 0.6
    assert np.mean(others == true[found]) > 0.9
    assert np.all(np.diff(margins) <= 0)


def pattern(path, seed, size=120):
    blocks = np.random.RandomState(seed).randint(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(blocks).resize((size, size), Image.BICUBIC).save(path)


def test_near_copies_with_another_label(tmp_path):
    names = {"a.jpg": 0, "small_a.png": 0, "b.jpg": 1, "c.jpg": 2}
    for name, seed in names.items():
        pattern(str(tmp_path / name), seed, 60 if "small" in name else 120)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    train_paths = [str(tmp_path / name) for name in ("a.jpg", "b.jpg", "broken.jpg")]
    paths = [
        str(tmp_path / name) for name in ("small_a.png", "c.jpg", "small_a.png", "small_a.png")
    ]
    found = Found(
        np.array([[0.1, 0.2, 0.2], [0.01, 0.2, 0.2], [0.05, 0.2, 0.3], [0.3, 0.4, 0.5]]),
        np.array([[0, 1, 2], [1, 0, 2], [0, 1, 2], [0, 1, 2]]),
    )
    labels, train_labels = np.array([1, 0, 0, 1]), np.array([0, 2, 2])
    pairs = suspects.near_duplicates(paths, labels, train_paths, train_labels, found, 200)
    # The second looks otherwise, the third has the same label, the fourth is too far away.
    assert [(p.row, p.train_row, p.distance) for p in pairs] == [(0, 0, 0.1)]
    assert pairs[0].bits <= suspects.MOST_BITS
