"""The comparison with another program, with a stand-in for it."""

import pytest

from benchmarks import peer
from utils.errors import UserError
from utils.tf1 import tf


def stand_in(folder, script):
    path = folder / "python"
    path.write_text("#!/bin/bash\n" + script)
    path.chmod(0o755)
    return str(path)


def test_a_peer_takes_turns_with_our_step(tmp_path, monkeypatch):
    monkeypatch.setattr(peer, "_our_step", lambda session, batch_size: tf.no_op())
    python = stand_in(tmp_path, 'echo "Other 1"; while read -r size; do echo "$size"; done\n')
    first, second = peer.measure(python, batch_sizes=[8, 16], rounds=2)
    assert first.what.startswith("ResNet-50 step, batch 8: TensorFlow ")
    assert first.what.endswith(" / Other 1") and first.medians.endswith(" and 8 s")
    assert second.medians.endswith(" and 16 s") and len(second.ratios) == 2


def test_a_peer_without_its_packages_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="lacks a package"):
        peer.measure(stand_in(tmp_path, "exit 1\n"))
    monkeypatch.delenv("PEER_PYTHON", raising=False)
    with pytest.raises(UserError, match="--python"):
        peer.measure()
