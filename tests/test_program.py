"""The whole program as its users type it: train, resume, evaluate, be killed, be mistaken."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.forked import Forked

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TINY = (
    "--dataset custom --net mobile --depth_multiplier 0.25 --pretrained none --frame_size 32"
    " --resize_min 34 --resize_max 40 --batch_size 8 --bn_decay 0.5 --log_every_steps 1"
    " --run_dir run"
).split()


@pytest.mark.promise(
    "SIGTERM during training",
    "the step is finished and saved, and the same command goes on",
    "exit code 143",
)
def test_train_be_stopped_go_on_and_evaluate(tree, tmp_path):
    words = [*TINY, "--dataset_path", tree, "--train_iters"]
    process = Forked("main.py", *words, 100000, cwd=tmp_path)
    folder = tmp_path / "checkpoints" / "run"
    log = folder / "log.txt"
    while process.exit_code is None and not (log.exists() and "step 3/" in log.read_text()):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output = process.finish()
    assert process.exit_code == 128 + signal.SIGTERM, output
    message = output.splitlines()[-1]
    assert "stopped and saved after step" in message and "same command" in message
    step = int(message.split("after step ")[1].split()[0])
    assert (folder / f"model.ckpt-{step}.index").exists()

    resumed = subprocess.run(
        [sys.executable, os.path.join(ROOT, "main.py"), *words, str(step + 1)],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert f"{step} of {step + 1} steps done" in resumed.stderr
    assert "WARNING" not in resumed.stderr and "Traceback" not in resumed.stderr
    assert resumed.stdout.splitlines()[-1] == str(folder)
    for name, checkpoint in (("test", f"model.ckpt-{step + 1}"), ("test-best", "best")):
        with open(str(folder / "eval" / name / "metrics.json")) as file:
            assert json.load(file)["checkpoint"].startswith(checkpoint)

    words = ["--run_dir", "run", "--split", "val", "--report", "--projector"]
    process = Forked("eval.py", *words, cwd=tmp_path)
    output = process.finish()
    assert process.exit_code == 0 and "val split, 4 images" in output
    written = [folder / "eval" / "val" / name for name in ("report.html", "projector", "")]
    assert output.splitlines()[-3:] == [str(path) for path in written]
    assert all(path.exists() for path in written)


@pytest.mark.promise(
    "wrong flags and missing folders", "one sentence, and nothing is written", "exit code 2"
)
@pytest.mark.parametrize(
    "script, words, expected",
    [
        ("main.py", ["--batch_size", "30"], "main.py: error: --batch_size 30 is not a multiple"),
        ("main.py", ["--dataset", "cars"], "no folder"),
        ("main.py", ["--run_dir", "file/run"], "can't be written"),
        ("main.py", ["--run_dir", "full"], "not a run folder"),
        ("eval.py", ["--run_dir", "full"], "eval.py: error:"),
        ("eval.py", [], "--run_dir"),
    ],
)
def test_mistakes_end_with_one_sentence_and_code_2(tmp_path, script, words, expected):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    started = Forked(script, *words, *(["--runs_dir", "."] if words else []), cwd=tmp_path)
    output = started.finish()
    assert started.exit_code == 2
    assert expected in output and len(output.splitlines()) == 1
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert sorted(os.listdir(str(tmp_path / "full"))) == ["mine.txt"]
