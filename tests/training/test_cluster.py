import json
import os
import signal
import socket
import time

import numpy as np
import pytest

from benchmarks.scaling import free_ports
from tests.conftest import write_tree
from tests.forked import LIMIT_S, Forked
from training import watch
from utils.checkpoint_reader import open_reader
from utils.logs import read_metrics
from utils.tf1 import tf

STEPS = 40


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_tree(str(tmp_path_factory.mktemp("cluster") / "tree"), 6, list("abcdefgh"))


def flags_of(tree, run_dir, **given):
    flags = dict(
        dataset="custom", dataset_path=tree, net="mobile", pretrained="none", frame_size=32,
        resize_min=32, resize_max=40, emb_dim=8, learning_rate=1e-3, train_iters=STEPS,
        eval_every_steps=STEPS // 2, log_every_steps=5, save_every_steps=10, gpu=-1,
        run_dir=run_dir, join_timeout=90,
    )  # fmt: skip
    return [f"--{name}={value}" for name, value in dict(flags, **given).items()]


class Workers:
    """Processes of one run on this machine."""

    def __init__(self, count, *flags, own_flags=(), ports=None):
        ports = ports or free_ports(count)
        cluster = {"worker": [f"localhost:{port}" for port in ports]}
        self.processes = []
        for index in range(count):
            task = {"type": "worker", "index": index}
            words = list(flags) + list(own_flags[index] if own_flags else [])
            env = {}
            if count > 1:
                env["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
            self.processes.append(Forked("tests/training/worker.py", *words, **env))

    def wait(self):
        """List of (exit code, output)."""
        outputs = [process.finish() for process in self.processes]
        return [(process.exit_code, text) for process, text in zip(self.processes, outputs)]


def weights_of(run_dir):
    shapes, value_of = open_reader(os.path.join(run_dir, f"model.ckpt-{STEPS}"))
    return {name: value_of(name) for name in shapes}


def losses_of(run_dir):
    rows = read_metrics(run_dir)
    return {(row["step"], row["split"]): float(row["loss"] or row["accuracy"]) for row in rows}


def assert_same_run(found, expected):
    ours, theirs = weights_of(found), weights_of(expected)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        bound = 1e-5 * max(1.0, np.abs(value).max())
        np.testing.assert_allclose(ours[name], value, rtol=0, atol=bound, err_msg=name)
    assert losses_of(found) == pytest.approx(losses_of(expected), rel=2e-5)


@pytest.fixture(scope="module")
def unbroken(tree, tmp_path_factory):
    """The run of one process."""
    folder = str(tmp_path_factory.mktemp("unbroken") / "run")
    ((code, text),) = Workers(1, *flags_of(tree, folder)).wait()
    assert code == 0, text
    return folder


def reach(run_dir, step):
    """Waits until metrics.csv has the row of a step."""
    until = time.time() + LIMIT_S
    while time.time() < until:
        if any(int(row["step"]) >= step for row in read_metrics(run_dir)):
            return
        time.sleep(0.05)
    raise AssertionError(f"step {step} was not reached")


@pytest.mark.ci
@pytest.mark.promise(
    "a machine of several dies",
    "the others end within 60 s with one sentence; one machine resumes to the same weights",
)
def test_two_workers_killed_and_resumed_as_one(tree, unbroken, tmp_path):
    folder = str(tmp_path / "run")
    workers = Workers(2, *flags_of(tree, folder))
    reach(folder, int(np.random.RandomState(0).randint(10, 25)))
    workers.processes[1].kill()
    killed = time.time()
    (code, text), _ = workers.wait()
    assert time.time() - killed < 60
    assert code == 1, text
    assert "\nmain.py: worker 1 at localhost:" in text, text
    assert "Traceback" not in text
    assert not os.path.exists(os.path.join(folder, "run.lock"))
    ((code, text),) = Workers(1, *flags_of(tree, folder)).wait()
    assert code == 0, text
    assert_same_run(folder, unbroken)


@pytest.mark.ci
@pytest.mark.promise(
    "a signal to one of several machines", "all save and stop after the same step, and resume"
)
def test_two_workers_stop_together_and_resume(tree, unbroken, tmp_path):
    folder = str(tmp_path / "run")
    workers = Workers(2, *flags_of(tree, folder))
    reach(folder, 5)
    workers.processes[1].send_signal(signal.SIGUSR1)
    for code, text in workers.wait():
        assert code == 128 + signal.SIGUSR1, text
        assert "stopped and saved after step" in text
    for code, text in Workers(2, *flags_of(tree, folder)).wait():
        assert code == 0, text
    assert_same_run(folder, unbroken)


def test_an_error_waits_once_for_the_watch_to_name_a_dead_machine(monkeypatch):
    waits = []
    monkeypatch.setattr(watch.time, "sleep", waits.append)
    watched = watch.Watch(object(), 1.0, None)
    for _ in range(2):  # trainer.train leaves it before and after the session
        watched.__exit__(None, tf.errors.UnavailableError(None, None, ""), None)
    assert waits == [45.0]


@pytest.mark.slow
def test_four_workers(tree, unbroken, tmp_path):
    folder = str(tmp_path / "run")
    for code, text in Workers(4, *flags_of(tree, folder)).wait():
        assert code == 0, text
    assert_same_run(folder, unbroken)


@pytest.mark.promise(
    "machines with different settings", "refused by name before anything is written"
)
def test_workers_with_other_settings(tree, tmp_path):
    folder = str(tmp_path / "run")
    own = [["--margin=0.2"], ["--margin=0.3"]]
    for code, text in Workers(2, *flags_of(tree, folder), own_flags=own).wait():
        assert code == 2
        assert text.splitlines()[-1].startswith("main.py: error: worker 1 at localhost:")
        assert "has --margin 0.3, but the chief 0.2" in text
    assert not os.path.exists(folder)


def test_workers_with_other_start_weights(tree, tmp_path):
    own = []
    for number in range(2):
        path = str(tmp_path / f"machine{number}" / "weights.npz")
        os.makedirs(os.path.dirname(path))
        np.savez(path, **{"MobilenetV1/Conv2d_0/weights": np.full([3, 3, 3, 32], number)})
        own.append([f"--pretrained={path}"])
    for code, text in Workers(2, *flags_of(tree, str(tmp_path / "run")), own_flags=own).wait():
        assert code == 2 and "has digest of the start weights" in text


def test_a_port_in_use(tree, tmp_path):
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen(1)
        of_others, started = taken.getsockname()[1], []
        for index in range(2):
            ports = free_ports(1)
            ports.insert(index, of_others)
            flags = flags_of(tree, str(tmp_path / f"run{index}"), join_timeout=15)
            started.append(Workers(2, *flags, ports=ports))
        for index, workers in enumerate(started):
            refused, other = workers.processes[index], workers.processes[1 - index]
            text = refused.finish()
            other.kill()
            other.finish()
            assert refused.exit_code == 2
            assert f"this process can't listen at localhost:{of_others}" in text
            assert "Traceback" not in text


def test_a_worker_that_does_not_come(tree, tmp_path):
    folder = str(tmp_path / "run")
    workers = Workers(2, *flags_of(tree, folder, join_timeout=3))
    workers.processes[1].kill()
    (code, text), _ = workers.wait()
    assert code == 2
    assert "worker 1 at localhost:" in text and "within the 3 s of --join_timeout" in text
    assert not os.path.exists(folder)


def test_a_chief_that_does_not_come(tree, tmp_path):
    workers = Workers(2, *flags_of(tree, str(tmp_path / "run"), join_timeout=3))
    workers.processes[0].kill()
    _, (code, text) = workers.wait()
    assert code == 2
    assert "the chief at localhost:" in text and "within the 3 s of --join_timeout" in text
