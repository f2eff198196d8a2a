"""Plain loops in float64 that the evaluation is compared with."""

import numpy as np

RECALL_AT = (1, 2, 4, 8, 16)


def plain_neighbours(vectors, k):
    """Sorts the distances of every pair in float64."""
    rows = []
    for i, query in enumerate(vectors.astype(float)):
        distances = [(np.sum((query - v) ** 2), j) for j, v in enumerate(vectors) if j != i]
        rows.append([j for _, j in sorted(distances)[:k]])
    return np.array(rows)


def plain_retrieval(vectors, labels, num_voters):
    """Means over the queries whose class has another image."""
    order = plain_neighbours(vectors, len(labels) - 1)
    found = {}
    for label, neighbours in zip(labels, order):
        relevant = np.sum(labels == label) - 1
        if relevant == 0:
            continue
        hits = [labels[j] == label for j in neighbours]
        for k in RECALL_AT:
            found.setdefault(f"recall@{k}", []).append(any(hits[:k]))
        precisions = [sum(hits[: r + 1]) / (r + 1) for r in range(relevant) if hits[r]]
        found.setdefault("map@r", []).append(sum(precisions) / relevant)
        found.setdefault("r_precision", []).append(sum(hits[:relevant]) / relevant)
        voters = [labels[j] for j in neighbours[:num_voters]]
        most = max(voters.count(v) for v in voters)
        voted = [v for v in voters if voters.count(v) == most][0]
        found.setdefault("knn_accuracy", []).append(voted == label)
    return {name: np.mean(values) for name, values in found.items()}


def plain_area(doubt, errors):
    """Mean over the images of the error rate among those of no more doubt."""
    rates = []
    for own in doubt:
        answered = [wrong for d, wrong in zip(doubt, errors) if d <= own]
        rates.append(sum(answered) / len(answered))
    return sum(rates) / len(rates)
