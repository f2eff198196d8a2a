import os

import numpy as np

from config import resolve
from tests.training.test_trainer import config_of, last_weights, train
from training import dry_run


def test_a_check_describes_the_run_and_writes_nothing(shared_tree, tmp_path):
    run = tmp_path / "run"
    train(shared_tree, run, train_iters=1)
    weights = last_weights(run)
    before = sorted(os.listdir(str(tmp_path)))
    config = config_of(shared_tree, tmp_path / "new", pretrained=str(run / "model.ckpt-1"))
    text = "\n".join(dry_run.check(config))
    assert sorted(os.listdir(str(tmp_path))) == before
    trained = {n: v.size for n, v in weights.items() if n + "/Momentum" in weights}
    embedding = sum(size for name, size in trained.items() if name.startswith("embedding/"))
    logits = sum(size for name, size in trained.items() if "/Logits/" in name)
    backbone = sum(trained.values()) - embedding - logits
    assert f"backbone: {backbone:,} parameters" in text
    assert f"embedding: {embedding:,} parameters" in text
    assert f"MobilenetV1/Logits: {logits:,} parameters" in text
    assert "feature map Conv2d_13_pointwise: 1 x 1 x 256" in text
    assert "135 variables restored" in text and "GiB" in text
    losses = text.split("loss ")[1].split(",")[0]
    assert np.isfinite(float(losses)) and "s per step of 8 images" in text


def test_the_default_check_leaves_no_data_set_behind(tmp_path):
    given = {"datasets_dir": str(tmp_path / "sets"), "batch_size": 8, "train_mode": "vanilla"}
    text = "\n".join(dry_run.check(resolve.resolve(given, {}, {})))
    assert "10 classes, mode vanilla" in text and "embedding" not in text
    assert "start weights: none" in text and os.listdir(str(tmp_path)) == []
