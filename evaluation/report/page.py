"""From `Inputs` to one HTML file; each function prepares one section of the template."""

import os

import jinja2
import numpy as np

from evaluation import metrics, plots
from evaluation.report import curves, errors, galleries, images, suspects, tables
from evaluation.report.photos import Photos

TEMPLATE = "report.html.jinja"
# Limits that bound the size of the page.
QUERIES, PAIRS, PAIR_PHOTOS, SUSPECTS, DUPLICATES = 6, 12, 3, 24, 12
DOUBTS = ("softmax", "distance", "both")
# A larger confusion matrix is shown as an image.
MOST_CELLS = 20


def render(inputs):
    """The page of an evaluation.

    Args:
      inputs: inputs.Inputs.

    Returns:
      str, a self-contained HTML document.
    """
    loader = jinja2.FileSystemLoader(os.path.dirname(os.path.abspath(__file__)))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    environment.filters.update(percent=percent, number=number)
    return environment.get_template(TEMPLATE).render(_sections(inputs))


def _sections(inputs):
    """All variables of the template; those about the classifiers only if they know the classes."""
    photos = Photos(inputs)
    return dict(
        **(_classifier_sections(inputs, photos) if inputs.train else {}),
        unseen=inputs.train is None,
        first_class=0 if inputs.train else int(inputs.scored.labels.min()),
        title=inputs.title,
        settings=inputs.settings,
        metrics=inputs.metrics,
        class_names=inputs.class_names,
        own=inputs.own,
        scores=tables.scores(inputs.metrics),
        spaces=tables.spaces(inputs.metrics),
        galleries=_galleries(inputs, photos),
        maps=_maps(inputs),
        distances=curves.distances(inputs.samples),
        learning=_learning(inputs.history),
        advice=inputs.advice,
    )


def _classifier_sections(inputs, photos):
    """The variables about softmax and nearest training images."""
    doubts = tables.in_order((inputs.metrics.get("selective") or {}).get("curves", {}), DOUBTS)
    return dict(
        reliability=_reliability(inputs),
        doubts=doubts,
        risk_coverage=curves.risk_coverage(doubts) if doubts else None,
        unknown={k: v for k, v in (inputs.metrics.get("unknown") or {}).items() if v},
        classes=_classes(inputs),
        confusion=_confusion(inputs),
        pairs=_pairs(inputs, photos),
        errors=_errors(inputs, photos),
        num_errors=int(np.sum(_predicted(inputs.scored) != inputs.scored.labels)),
        reasons=_reasons(inputs.explanation),
        suspects=_suspects(inputs, photos),
        duplicates=_duplicates(inputs, photos),
    )


def percent(value):
    """A fraction of 1 in percent; a dash for None and nan."""
    return "–" if value is None or np.isnan(value) else f"{100 * value:.1f} %"


def number(value, digits=2):
    """A number with `digits` decimals; a dash for None and nan."""
    return "–" if value is None or np.isnan(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def _predicted(image_set):
    return np.argmax(image_set.probabilities, axis=1)


def _reliability(inputs):
    temperature = (inputs.metrics.get("calibration") or {}).get("temperature")
    correct, scored = _predicted(inputs.scored) == inputs.scored.labels, inputs.scored.probabilities
    after = None
    if temperature is not None:
        after = tables.with_temperature(scored, temperature).max(axis=1), correct
    return curves.reliability((scored.max(axis=1), correct), after, temperature)


def _classes(inputs):
    """The table of classes, their plot, and the means over images and over classes."""
    scored, size = inputs.scored, len(inputs.class_names)
    guesses = [np.argmax(p, axis=1) for p in (scored.probabilities, scored.votes)]
    by_class = [tables.class_accuracies(guess, scored.labels, size) for guess in guesses]
    train_sizes = np.bincount(inputs.train.labels, minlength=size)
    sizes = np.bincount(scored.labels, minlength=size)
    titles = ("softmax", "nearest training images")
    micro = [float(np.mean(guess == scored.labels)) for guess in guesses]
    return {
        "rows": list(zip(range(size), inputs.class_names, train_sizes, sizes, *by_class)),
        "means": list(zip(titles, micro, map(np.nanmean, by_class))),
        "plot": curves.class_accuracy(train_sizes, *by_class),
        "train_range": (int(train_sizes.min()), int(train_sizes.max())),
    }


def _counts(inputs):
    return metrics.confusion_matrix(inputs.scored.probabilities, inputs.scored.labels)


def _confusion(inputs):
    """The counts if they fit into a table, else a plot of them."""
    counts = _counts(inputs)
    if len(counts) > MOST_CELLS:
        return {"picture": curves.confusion(counts), "counts": None}
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [list(zip(*row)) for row in zip(counts.tolist(), shares.tolist())]
    return {"picture": None, "counts": rows}


def _pairs(inputs, photos):
    """The most confused pairs, with photos of each class mistaken for the other."""
    scored, predicted = inputs.scored, _predicted(inputs.scored)

    def shown(label, taken_for):
        rows = np.flatnonzero((scored.labels == label) & (predicted == taken_for))
        return [photos.of(scored, row) for row in rows[:PAIR_PHOTOS]]

    found = tables.confused_pairs(_counts(inputs), PAIRS)
    return [
        {"labels": (i, j), "counts": (there, back), "photos": (shown(i, j), shown(j, i))}
        for i, j, there, back in found
    ]


def _galleries(inputs, photos):
    scored, nearest = inputs.scored, inputs.nearest
    chosen = galleries.choose(scored.labels, nearest.rows, inputs.seed, QUERIES)
    return [
        {
            "kind": kind,
            "rule": galleries.RULES[kind],
            "queries": [
                {
                    "label": scored.labels[row],
                    "photo": photos.of(scored, row),
                    "found": photos.neighbours(scored, nearest, row, scored.labels[row]),
                }
                for row in rows
            ],
        }
        for kind, rows in chosen.items()
    ]


def _errors(inputs, photos):
    """The details of each explained error."""
    scored, train = inputs.scored, inputs.train
    found = []
    for place, row in enumerate(inputs.errors):
        label = scored.labels[row]
        found.append({
            "photo": photos.of(scored, row),
            "label": label,
            "top": errors.top(scored.probabilities[row]),
            "votes": errors.top(scored.votes[row])[0],
            "near": {
                space: photos.neighbours(train, near, place, label)
                for space, near in inputs.near_errors.items()
            },
            "heat": _heat(inputs.explanation, place),
        })  # fmt: skip
    return found


def _heat(explanation, place):
    """The maps that one image has: (head, image, total, contribution of the bias)."""
    if explanation is None:
        return []
    frame = explanation.frames[place]
    heads = {"classifier": explanation.classifier, "embedding": explanation.embedding}
    return [
        (name, images.heat(frame, head.maps[place]), head.totals[place], head.rest[place])
        for name, head in heads.items()
        if head.maps is not None
    ]


def _reasons(explanation):
    """Why heads have no maps: list of (head, reason)."""
    if explanation is None:
        return []
    heads = {"classifier": explanation.classifier, "embedding head": explanation.embedding}
    return [(name, head.reason) for name, head in heads.items() if head.reason]


def _suspects(inputs, photos):
    """The suspect labels of each list: how many, and the clearest."""
    scored, train = inputs.scored, inputs.train
    title = f"The {inputs.metrics['split']} list"
    asked = {title: (scored, [scored.probabilities, scored.votes])}
    asked["The training list"] = train, [train.votes]
    if inputs.metrics["split"] == "train":
        del asked[title]
    return [_denied(title, *parts, photos) for title, parts in asked.items()]


def _denied(title, image_set, classifiers, photos):
    rows, others, margins = suspects.denied_labels(classifiers, image_set.labels)
    shown = [
        {"photo": photos.of(image_set, row), "label": image_set.labels[row], "other": other,
         "margin": margin}
        for row, other, margin in list(zip(rows, others, margins))[:SUSPECTS]
    ]  # fmt: skip
    return {"title": title, "count": len(rows), "of": len(image_set.labels), "shown": shown}


def _duplicates(inputs, photos):
    return [
        {
            "labels": (inputs.scored.labels[pair.row], inputs.train.labels[pair.train_row]),
            "photos": (photos.of(inputs.scored, pair.row), photos.of(inputs.train, pair.train_row)),
            "pair": pair,
        }
        for pair in inputs.duplicates[:DUPLICATES]
    ]


def _maps(inputs):
    """The t-SNE of each space, given enough images: list of (space, size, data: URI)."""
    found = []
    for space, sample in inputs.samples.items():
        uri = images.png_of(
            lambda path, sample=sample: plots.embedding_map(
                path, *sample, inputs.class_names, inputs.seed
            )
        )
        if uri:
            found.append((space, len(sample.labels), uri))
    return found


def _learning(history):
    return images.png_of(lambda path: plots.learning_curves(path, history)) if history else None
