"""The shell code of cluster/ with stand-ins for SLURM, Kubernetes and the training program."""

import glob
import json
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLUSTER = os.path.join(ROOT, "cluster")


def write_command(folder, name, script):
    path = folder / name
    path.write_text("#!/bin/bash\n" + script)
    path.chmod(0o755)


@pytest.fixture
def shell(tmp_path):
    """Runs bash with stand-ins first in PATH."""
    write_command(tmp_path, "python", 'echo "$TF_CONFIG"; echo "$@"; exit "${STATUS:-0}"\n')
    write_command(
        tmp_path, "scontrol",
        'if [ "$1" = show ]; then [ "$3" = "node[07-08]" ] && printf "node07\\nnode08\\n"\n'
        'else echo "$@"; fi\n',
    )  # fmt: skip
    write_command(tmp_path, "srun", 'shift; "$@"\n')

    def run(*words, **variables):
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        env = {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}
        env.update(variables, PATH=path)
        done = subprocess.run(
            ["bash", *words], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True
        )
        return done.returncode, done.stdout.splitlines()

    return run


SLURM = dict(SLURM_JOB_ID="123456", SLURM_JOB_NODELIST="node[07-08]", SLURM_NNODES="2",
             SLURM_PROCID="1")  # fmt: skip
SBATCH = os.path.join(CLUSTER, "train.sbatch")


def test_slurm_gives_each_task_its_place(shell):
    status, (config, words) = shell(SBATCH, "--dataset", "a b", **SLURM)
    port = 20000 + 123456 % 20000
    assert status == 0 and words == "main.py --dataset a b"
    assert json.loads(config) == {
        "cluster": {"worker": [f"node07:{port}", f"node08:{port}"]},
        "task": {"type": "worker", "index": 1},
    }


def test_one_node_needs_no_cluster(shell):
    _, (config, _) = shell(SBATCH, **dict(SLURM, SLURM_NNODES="1", SLURM_PROCID="0"))
    assert config == ""


def test_a_run_that_stopped_for_the_time_limit_queues_again(shell):
    status, lines = shell(SBATCH, **SLURM, STATUS="138")
    assert status == 0 and lines[-1] == "requeue 123456"
    status, lines = shell(SBATCH, **SLURM, STATUS="2")
    assert status == 2 and len(lines) == 2


def test_slurm_sends_the_signal_that_the_sbatch_expects():
    with open(SBATCH) as file:
        text = file.read()
    assert "#SBATCH --signal=USR1@120" in text and "#SBATCH --requeue" in text
    assert "#SBATCH --ntasks-per-node=1" in text


def test_kubernetes_gives_each_worker_its_place(shell):
    with open(os.path.join(CLUSTER, "kubernetes.yaml")) as file:
        text = file.read()
    script = re.search(r"            - \|\n((?: {14}.+\n)+)", text).group(1)
    (workers,) = re.findall(r'WORKERS\n +value: "(\d+)"', text)
    assert re.findall(r"(?:completions|parallelism): (\d+)", text) == [workers, workers]
    _, (config, words) = shell("-c", script, WORKERS="3", JOB_COMPLETION_INDEX="2")
    assert json.loads(config) == {
        "cluster": {"worker": [f"two-head-{i}.two-head:2222" for i in range(3)]},
        "task": {"type": "worker", "index": 2},
    }
    assert words.startswith("main.py --dataset cars")


def test_kubernetes_file_is_valid_yaml():
    yaml = pytest.importorskip("yaml")
    with open(os.path.join(CLUSTER, "kubernetes.yaml")) as file:
        service, job = yaml.safe_load_all(file)
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"] == "two-head"
    assert job["spec"]["completionMode"] == "Indexed" and pod["containers"][0]["command"]


@pytest.mark.parametrize("path", sorted(glob.glob(os.path.join(CLUSTER, "*.Dockerfile"))))
def test_images_copy_what_exists(path):
    with open(path) as file:
        copied = re.findall(r"^COPY (.+) \S+$", file.read(), re.MULTILINE)
    assert copied
    for name in " ".join(copied).split():
        assert os.path.exists(os.path.join(ROOT, name)), name
