import numpy as np

from evaluation import spaces


def test_spaces_by_hand():
    arrays = {
        "embeddings": np.array([[0.6, 0.8], [1.0, 0.0]], np.float32),
        "pooled": np.array([[3.0, 0.0, 4.0], [0.0, 0.0, 0.0]], np.float32),
    }
    assert spaces.vectors_of(arrays, "embedding").tolist() == arrays["embeddings"].tolist()
    pooled = spaces.vectors_of(arrays, "pooled")
    np.testing.assert_allclose(pooled, [[0.6, 0, 0.8], [0, 0, 0]], rtol=1e-6)
    both = spaces.vectors_of(arrays, "both")
    root = np.sqrt(2)
    expected = [np.array([0.6, 0.8, 0.6, 0, 0.8]) / root, [1, 0, 0, 0, 0]]
    np.testing.assert_allclose(both, expected, rtol=1e-6)
    assert both.dtype == np.float32


def test_a_run_without_an_embedding_head_has_one_space():
    assert spaces.names_of(False) == ("pooled",)
    assert spaces.names_of(True) == ("embedding", "pooled", "both")


def test_unit_rows():
    rows = spaces.unit_rows(np.float32([[3, 4], [0, 0]]))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert rows.dtype == np.float32
