"""What a run holds must not grow with its steps: memory, file handles, ops of its graph."""

import os

import pytest

from tests.training.test_trainer import train
from training import hooks

_MB = 2**20


def held():
    """Bytes of resident memory and the number of open files of this process."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd"))


@pytest.mark.promise(
    "a run takes many steps and evaluations",
    "memory grows by less than 50 MB after the first evaluation, open files by none",
    "2,000 steps, 20 evaluations: 16 MB on TensorFlow 2.21, 45 MB on 1.15",
)
@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")
@pytest.mark.parametrize("steps", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_memory_and_open_files_stay_flat(shared_tree, tmp_path, monkeypatch, steps):
    after, beat = {}, hooks.Heartbeat.after_step

    def measure(hook, loop, terms):
        beat(hook, loop, terms)
        assert loop.session.graph.finalized
        after[loop.done] = held()

    monkeypatch.setattr(hooks.Heartbeat, "after_step", measure)
    every = steps // 20
    train(shared_tree, tmp_path / "run", train_iters=steps, eval_every_steps=every,
          log_every_steps=every, save_every_steps=every, train_mode="vanilla")  # fmt: skip
    (memory, files), (memory_after, files_after) = after[every], after[steps]
    print(f"{(memory_after - memory) / _MB:.1f} MB of {memory / _MB:.0f} MB, {files} open files")
    assert memory_after - memory < 50 * _MB
    assert files_after <= files
