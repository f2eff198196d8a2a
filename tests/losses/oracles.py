"""The losses as plain loops over Python floats; they share nothing with the code they check."""

import math


def distance(a, b):
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b))


def hinged(difference, margin):
    if margin == "soft":
        return math.log1p(math.exp(difference))
    if margin == "none":
        return difference
    return max(0.0, margin + difference)


def _sides(labels, i):
    positives = [j for j in range(len(labels)) if j != i and labels[j] == labels[i]]
    negatives = [j for j in range(len(labels)) if labels[j] != labels[i]]
    return positives, negatives


def batch_hard(labels, rows, margin):
    losses = []
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        if not negatives:
            losses.append(0.0)
            continue
        farthest = max([distance(rows[i], rows[j]) for j in positives] or [0.0])
        nearest = min(distance(rows[i], rows[j]) for j in negatives)
        losses.append(hinged(farthest - nearest, margin))
    return losses


def adaptive(labels, rows, margin):
    losses = []
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        if not negatives:
            losses.append(0.0)
            continue
        far = [distance(rows[i], rows[j]) for j in positives]
        near = [distance(rows[i], rows[j]) for j in negatives]
        far_sum = sum(math.exp(d) for d in far)
        near_sum = sum(math.exp(-d) for d in near)
        positive = sum(math.exp(d) / far_sum * d for d in far)
        negative = sum(math.exp(-d) / near_sum * d for d in near)
        losses.append(hinged(positive - negative, margin))
    return losses


def semi_hard(labels, rows, margin):
    total, pairs = 0.0, 0
    for a in range(len(labels)):
        positives, negatives = _sides(labels, a)
        for p in positives:
            pairs += 1
            if not negatives:
                continue
            to_p = distance(rows[a], rows[p])
            to_negatives = [distance(rows[a], rows[n]) for n in negatives]
            farther = [d for d in to_negatives if d > to_p]
            total += hinged(to_p - (min(farther) if farther else max(to_negatives)), margin)
    return total / pairs if pairs else 0.0


def center(labels, rows, centers, alpha):
    """The loss, and the centers afterwards."""
    loss = 0.5 * sum(distance(row, centers[y]) for y, row in zip(labels, rows))
    moved = [[float(x) for x in c] for c in centers]
    for y in set(labels):
        members = [row for label, row in zip(labels, rows) if label == y]
        for k in range(len(moved[y])):
            pull = sum(float(centers[y][k]) - float(row[k]) for row in members)
            moved[y][k] -= alpha * pull / (1 + len(members))
    return loss, moved
