import numpy as np

from evaluation.report import galleries


def test_worst_and_best_by_the_share_of_their_class():
    labels = np.array([0, 0, 0, 1, 1, 1, 2])
    nearest = np.array([[1, 2], [3, 0], [3, 4], [4, 5], [0, 1], [3, 0], [0, 1]])
    shares = [1.0, 0.5, 0.0, 1.0, 0.0, 0.5]  # 6 is alone in its class
    seen = set()
    for seed in range(8):
        found = galleries.choose(labels, nearest, seed, 2)
        assert set(found) == set(galleries.RULES)
        assert sorted(found["worst"]) == [2, 4] and sorted(found["best"]) == [0, 3]
        assert 6 not in found["random"] and len(set(found["random"])) == 2
        seen |= set(found["random"])
        again = galleries.choose(labels, nearest, seed, 2)
        assert all(np.array_equal(found[kind], again[kind]) for kind in found)
    assert len(seen) > 3
    every = galleries.choose(labels, nearest, 0, 9)
    assert [shares[row] for row in every["worst"]] == sorted(shares)
    assert [shares[row] for row in every["best"]] == sorted(shares)[::-1]


def test_no_query_where_every_class_has_one_image():
    found = galleries.choose(np.arange(3), np.array([[1], [2], [0]]), 0, 2)
    alone = galleries.choose(np.zeros(1, int), np.zeros((1, 0), int), 0, 2)
    assert all(len(rows) == 0 for rows in [*found.values(), *alone.values()])
