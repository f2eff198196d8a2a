"""The vectors for retrieval: the embedding head, the classifier's input, or both."""

import numpy as np

SPACES = ("embedding", "pooled", "both")


def names_of(has_embedding_head):
    """The spaces of a run: all of `SPACES`, or only "pooled" without an embedding head."""
    return SPACES if has_embedding_head else ("pooled",)


def unit_rows(vectors):
    """Scales each row to unit norm; a row of zeros stays zero.

    Args:
      vectors: float32 [N, D].

    Returns:
      float32 [N, D].
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-10)).astype(np.float32)


def vectors_of(arrays, space):
    """The vectors of a space.

    Args:
      arrays: mapping with `embeddings` float32 [N, D], rows of unit norm, and `pooled` float32
        [N, F].
      space: str from `SPACES`.

    Returns:
      float32 [N, D], [N, F] or [N, D + F] with rows of unit norm.
    """
    if space == "embedding":
        return arrays["embeddings"]
    pooled = unit_rows(arrays["pooled"])
    if space == "pooled":
        return pooled
    return unit_rows(np.hstack([arrays["embeddings"], pooled]))
