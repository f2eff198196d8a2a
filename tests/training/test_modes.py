import glob
import os

import pytest

from config.losses import TRAIN_MODES
from tests.training.test_trainer import last_weights, train
from utils import logs

pytestmark = pytest.mark.usefixtures("small_graphs")


@pytest.mark.parametrize("mode", [*TRAIN_MODES, "hard+center"])
def test_every_mode_trains_and_logs_its_terms(shared_tree, tmp_path, mode):
    config = train(shared_tree, tmp_path / "run", train_mode=mode, seed=3)
    weights = last_weights(tmp_path / "run")
    assert weights["global_step"] == 2
    assert ("embedding/weights" in weights) == (mode != "vanilla")
    assert ("centers" in weights) == ("center" in mode)
    rows = [r for r in logs.read_metrics(config.run_dir) if r["split"] == "train"]
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([0.005, 0])
    terms = {"loss", "cross_entropy", "accuracy", "images_per_second"}
    if mode != "vanilla":
        terms |= {"ranking_loss", "active_anchors", "positive_distance", "negative_distance"}
        total = float(rows[0]["cross_entropy"])
        total += config.ranking_weight * float(rows[0]["ranking_loss"])
        assert float(rows[0]["loss"]) == pytest.approx(total, rel=1e-4)
    assert all(rows[1][name] for name in terms)
    tests = [r for r in logs.read_metrics(config.run_dir) if r["split"] == "test"]
    assert len(tests) == 2 and all(0 <= float(r["accuracy"]) <= 1 for r in tests)
    assert glob.glob(os.path.join(config.run_dir, "events*"))
    assert os.path.exists(os.path.join(config.run_dir, "curves.png"))
