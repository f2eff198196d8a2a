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


def semi_hard(labels, rows, margin, anchors=None):
    total, pairs = 0.0, 0
    for a in range(len(labels))[:anchors]:
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


def _dot(a, b):
    return sum(float(x) * float(y) for x, y in zip(a, b))


def _far(a, b):
    return max(math.sqrt(distance(a, b)), 1e-7**0.5)


def _mean(values):
    return sum(values) / len(values) if values else 0.0


def contrastive(labels, rows, positive_margin, negative_margin):
    losses = []
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        pulls = [max(0.0, _far(rows[i], rows[p]) - positive_margin) ** 2 / 2 for p in positives]
        pushes = [max(0.0, negative_margin - _far(rows[i], rows[n])) ** 2 / 2 for n in negatives]
        losses.append(_mean(pulls) + _mean(pushes))
    return losses


def npairs(labels, rows, scale):
    losses = []
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        of_pairs = []
        for p in positives:
            near = scale * _dot(rows[i], rows[p])
            terms = [math.exp(scale * _dot(rows[i], rows[n]) - near) for n in negatives]
            of_pairs.append(math.log(1 + sum(terms)))
        losses.append(_mean(of_pairs))
    return losses


def lifted(labels, rows, margin):
    of_pairs = []
    for i in range(len(labels)):
        positives, _ = _sides(labels, i)
        for j in positives:
            total = sum(math.exp(margin - _far(rows[i], rows[n])) for n in _sides(labels, i)[1])
            total += sum(math.exp(margin - _far(rows[j], rows[m])) for m in _sides(labels, j)[1])
            value = math.log(total) + _far(rows[i], rows[j]) if total else 0.0
            of_pairs.append(max(0.0, value) ** 2 / 2)
    return _mean(of_pairs)


def multi_similarity(labels, rows, alpha, beta, base, epsilon):
    losses = []
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        near = [_dot(rows[i], rows[p]) for p in positives]
        far = [_dot(rows[i], rows[n]) for n in negatives]
        kept_near = [s for s in near if far and s < max(far) + epsilon]
        kept_far = [s for s in far if near and s > min(near) - epsilon]
        pull = math.log(1 + sum(math.exp(-alpha * (s - base)) for s in kept_near)) / alpha
        push = math.log(1 + sum(math.exp(beta * (s - base)) for s in kept_far)) / beta
        losses.append(pull + push)
    return losses


def circle(labels, rows, margin, gamma, weights_at=None):
    """With `weights_at`, the weights are those of other rows, as they have no gradient."""
    losses, at = [], rows if weights_at is None else weights_at
    for i in range(len(labels)):
        positives, negatives = _sides(labels, i)
        push, pull = 0.0, 0.0
        for n in negatives:
            weight = max(0.0, _dot(at[i], at[n]) + margin)
            push += math.exp(gamma * weight * (_dot(rows[i], rows[n]) - margin))
        for p in positives:
            weight = max(0.0, 1 + margin - _dot(at[i], at[p]))
            pull += math.exp(-gamma * weight * (_dot(rows[i], rows[p]) - 1 + margin))
        losses.append(math.log(1 + push * pull))
    return losses


def supcon(labels, rows, temperature):
    losses = []
    for i in range(len(labels)):
        scores = {j: _dot(rows[i], rows[j]) / temperature for j in range(len(labels)) if j != i}
        total = sum(math.exp(s) for s in scores.values())
        own = [-math.log(math.exp(scores[p]) / total) for p in _sides(labels, i)[0]]
        losses.append(_mean(own))
    return losses


def smooth_ap(labels, rows, temperature):
    def step(x):
        return 1 / (1 + math.exp(-x / temperature))

    losses, everything = [], range(len(labels))
    for i in everything:
        s = [_dot(rows[i], rows[j]) for j in everything]
        members = [j for j in everything if labels[j] == labels[i]]
        precisions = []
        for p in members:
            relevant = 1 + sum(step(s[j] - s[p]) for j in members if j != p)
            rank = 1 + sum(step(s[j] - s[p]) for j in everything if j != p)
            precisions.append(relevant / rank)
        losses.append(1 - _mean(precisions))
    return losses


def _unit(row):
    length = math.sqrt(_dot(row, row))
    return [float(x) / length for x in row]


def proxy_anchor(labels, rows, proxies, alpha, delta):
    pulls, pushes = [], []
    for q, proxy in enumerate(proxies):
        s = [_dot(row, _unit(proxy)) for row in rows]
        own = [math.exp(-alpha * (s[i] - delta)) for i in range(len(rows)) if labels[i] == q]
        others = [math.exp(alpha * (s[i] + delta)) for i in range(len(rows)) if labels[i] != q]
        pulls += [math.log(1 + sum(own))] if own else []
        pushes.append(math.log(1 + sum(others)))
    return _mean(pulls) + _mean(pushes)


def arcface(labels, rows, directions, margin, scale):
    losses = []
    for y, row in zip(labels, rows):
        cosines = [_dot(row, _unit(direction)) for direction in directions]
        angle = math.acos(cosines[y])
        if angle + margin <= math.pi:
            cosines[y] = math.cos(angle + margin)
        else:
            cosines[y] -= margin * math.sin(margin)
        logits = [scale * c for c in cosines]
        peak = max(logits)
        losses.append(peak + math.log(sum(math.exp(z - peak) for z in logits)) - logits[y])
    return losses


def magnet(labels, rows, centers, alpha, variance_at=None):
    """With `variance_at`, the variance is that of other rows, as it has no gradient."""

    def nearest(row, y):
        return min(distance(row, center) for center in centers[y])

    at = rows if variance_at is None else variance_at
    spread = sum(nearest(row, y) for row, y in zip(at, labels)) / max(len(labels) - 1, 1)
    double, losses = 2 * max(spread, 1e-6), []
    for row, y in zip(rows, labels):
        others = [c for other, own in enumerate(centers) if other != y for c in own]
        total = sum(math.exp(-distance(row, center) / double) for center in others)
        losses.append(max(0.0, nearest(row, y) / double + alpha + math.log(total)))
    return losses
