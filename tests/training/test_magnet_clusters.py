import numpy as np

from tests.training.test_trainer import last_weights, train
from training.magnet_clusters import class_centers


def test_centers_are_those_of_separate_groups():
    rng = np.random.RandomState(0)
    means = rng.randn(3, 2, 4) * 10
    labels = np.repeat([0, 1, 2], 20)
    groups = np.tile(np.arange(2), 30)
    rows = (means[labels, groups] + 0.01 * rng.randn(60, 4)).astype(np.float32)
    found = class_centers(rows, labels, 4, 2, seed=3)
    for label in range(3):
        own = [rows[(labels == label) & (groups == g)].mean(axis=0) for g in range(2)]
        distances = np.linalg.norm(found[label][:, np.newaxis] - own, axis=2)
        assert sorted(distances.argmin(axis=1)) == [0, 1] and distances.min(axis=1).max() < 1e-4
    assert np.linalg.norm(found[3], axis=1).min() > 50  # no images, no center near
    np.testing.assert_array_equal(found, class_centers(rows, labels, 4, 2, seed=3))


def test_a_class_of_few_different_images_has_few_centers():
    rows = np.array([[1.0, 0], [1, 0], [0, 1]], np.float32)
    found = class_centers(rows, np.array([0, 0, 1]), 2, 3, seed=0)
    np.testing.assert_allclose(found[:, 0], [[1, 0], [0, 1]])
    assert (found[:, 1:] == 100).all()


def test_training_starts_with_centers_and_moves_them_when_due(shared_tree, tmp_path):
    given = dict(train_mode="magnet", magnet_clusters=2, train_iters=3, learning_rate=0.1)
    train(shared_tree, tmp_path / "once", magnet_refresh_steps=10, **given)
    train(shared_tree, tmp_path / "often", magnet_refresh_steps=2, **given)
    once, often = (last_weights(tmp_path / name)["magnet_centers"] for name in ("once", "often"))
    assert once.shape == (4, 2, 256) and 0 < np.linalg.norm(once, axis=2).max() < 1.01
    assert np.abs(once - often).max() > 1e-6
    log = (tmp_path / "often" / "log.txt").read_text()
    assert "step 0  2 clusters" in log and "step 2  2 clusters" in log
    assert "step 1  2 clusters" not in log
