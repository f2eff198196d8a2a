import csv
import errno
import glob
import logging
import os

import pytest

from utils import logs
from utils.tf1 import tf


def test_metrics_csv_and_events_hold_the_same_rows(tmp_path):
    table = logs.MetricsLog(str(tmp_path), ["loss", "accuracy"], 0)
    table.write(1, "train", {"loss": 0.5})
    table.write(1, "test", {"accuracy": 0.25, "nmi": 1.0})
    table.close()
    with open(str(tmp_path / "metrics.csv"), newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["step", "split", "loss", "accuracy"],
        ["1", "train", "0.5", ""],
        ["1", "test", "", "0.25"],
    ]
    (path,) = glob.glob(str(tmp_path / "events*"))
    events = [v for e in tf.train.summary_iterator(path) for v in e.summary.value]
    assert [(v.tag, v.simple_value) for v in events] == [
        ("train/loss", 0.5),
        ("test/accuracy", 0.25),
        ("test/nmi", 1.0),
    ]


def test_rows_after_the_resumed_step_are_dropped(tmp_path):
    table = logs.MetricsLog(str(tmp_path), ["loss"], 0)
    for step in (10, 20, 30):
        table.write(step, "train", {"loss": step})
    table.close()
    logs.MetricsLog(str(tmp_path), ["loss", "extra"], 20).close()
    rows = logs.read_metrics(str(tmp_path))
    assert [row["step"] for row in rows] == ["10", "20"] and rows[0]["extra"] == ""


def test_a_run_without_metrics_has_no_rows(tmp_path):
    assert logs.read_metrics(str(tmp_path)) == []


def test_the_log_is_appended_to(tmp_path, capfd):
    path = os.path.join(str(tmp_path), "log.txt")
    for word in ("one", "two"):
        logs.start_log(path).info("message %s", word)
        logs.stop_log()
    with open(path) as file:
        assert [line.split(" ", 2)[2] for line in file] == ["message one\n", "message two\n"]
    assert capfd.readouterr().err == "message one\nmessage two\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is full")
def test_a_log_on_a_full_disk_ends_the_run():
    logs.start_log("/dev/full")
    try:
        with pytest.raises(OSError) as caught:
            logs.LOGGER.info("a line")
    finally:
        (file,) = [h for h in logs.LOGGER.handlers if isinstance(h, logging.FileHandler)]
        logs.LOGGER.removeHandler(file)
        logs.stop_log()
    assert caught.value.errno == errno.ENOSPC
