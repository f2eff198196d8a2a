import os

import numpy as np
import pytest

from evaluation.report import errors
from evaluation.report.attention import Explanation, HeadMaps
from evaluation.report.inputs import Found, ImageSet, Inputs, Sample
from tests.conftest import write_image

HOSTILE = '<script>alert("x")</script> & $\\frac$ \'"'


def image_set(rng, folder, name, num_classes, per_class, num_files):
    labels = np.repeat(np.arange(num_classes), per_class).astype(np.int32)
    own = np.eye(num_classes, dtype=np.float32)[labels]
    drawn = [rng.dirichlet(np.ones(num_classes), len(labels)).astype(np.float32) for _ in "ab"]
    files = [f"{name}/{i}.jpg" for i in range(len(labels))]
    paths = [os.path.join(folder, f"{i % num_files}.jpg") for i in range(len(labels))]
    share = np.float32(1 / num_classes)  # so that some of them are wrong
    return ImageSet(files, paths, labels, *[share * own + (1 - share) * p for p in drawn])


def found(rng, queries, size, k):
    rows = np.stack([rng.permutation(size)[:k] for _ in range(queries)])
    return Found(np.sort(rng.rand(queries, k), axis=1), rows)


def metrics_of(num_images):
    heads = dict(
        num_neighbours=5, fusion_weight=0.25, fusion_weight_chosen_on="val", agreement=0.75,
        softmax_right_where_they_differ=0.5, neighbours_right_where_they_differ=None,
        fusion_accuracy=0.875,
    )  # fmt: skip
    curve = dict(coverage=[0.5, 1.0], risk=[0.0, 0.25], area=0.1234, area_interval=[0.1, 0.2])
    return {
        "split": "test", "num_images": num_images, "checkpoint": "model.ckpt-7", "chosen_on": None,
        "accuracy": 0.8125, "recall@1": 0.625, "map@r": None,
        "intervals": {"accuracy": [0.75, 0.9], "recall@1": None},
        "spaces": {"pooled": {"recall@1": 0.25, "other": None}, "embedding": {"recall@1": 0.625}},
        "heads": heads,
        "calibration": dict(ece=0.05, temperature=1.5, ece_after=0.02, temperature_chosen_on="val"),
        "selective": dict(
            error_where_they_agree=0.1, error_where_they_differ=0.6,
            curves={"both": curve, "softmax": dict(curve, area_interval=None)},
        ),
    }  # fmt: skip


def make_inputs(folder, num_classes=4, per_class=6, num_files=5, size=(40, 32), count=8):
    rng = np.random.RandomState(0)
    for i in range(num_files):
        write_image(os.path.join(str(folder), f"{i}.jpg"), (50 * i % 255, 90, 150), size, seed=i)
    sets = [
        image_set(rng, str(folder), name, num_classes, per_class, num_files)
        for name in ("test", "train")
    ]
    total = num_classes * per_class
    chosen = errors.choose(sets[0].probabilities, sets[0].labels, 0, count)
    maps = rng.randn(len(chosen), 2, 2).astype(np.float32)
    head = HeadMaps(maps, np.zeros(len(chosen)), maps.sum(axis=(1, 2)))
    frames = rng.randint(0, 256, (len(chosen), 16, 16, 3)).astype(np.uint8)
    vectors = rng.randn(total, 8).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    samples = {
        space: Sample(vectors[:200], sets[0].labels[:200]) for space in ("embedding", "pooled")
    }
    row = {"step": "1", "split": "train", "cross_entropy": "1.5", "accuracy": "0.5"}
    return Inputs(
        title="a run: test list",
        settings={"network": "MobileNet v1"},
        metrics=metrics_of(total),
        class_names=[HOSTILE] + [f"class {i}" for i in range(1, num_classes)],
        own="embedding",
        scored=sets[0],
        train=sets[1],
        nearest=found(rng, total, total, 10),
        errors=chosen,
        near_errors={space: found(rng, len(chosen), total, 4) for space in samples},
        explanation=Explanation(frames, head, HeadMaps(reason="it is not linear")),
        duplicates=[],
        samples=samples,
        history=[row, dict(row, step="2")],
        advice=[HOSTILE],
        seed=0,
        max_megapixels=200,
    )  # fmt: skip


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    return make_inputs(tmp_path_factory.mktemp("report"))
