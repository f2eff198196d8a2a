import csv
import errno
import glob
import logging
import os
import random

import pytest

from utils import logs
from utils.errors import MachineError, UserError
from utils.tf1 import tf


def test_metrics_csv_and_events_hold_the_same_rows(tmp_path):
    table = logs.MetricsLog(str(tmp_path), ["loss", "accuracy"], 0)
    table.write(1, "train", {"loss": 0.5})
    table.write(1, "test", {"accuracy": 0.25})
    with pytest.raises(ValueError, match="nmi"):
        table.write(2, "test", {"nmi": 1.0})
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


@pytest.mark.promise("the log can't be written", "the run ends with one sentence")
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


class Full:
    """A terminal that can't be written."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.promise("the terminal can't be written", "the run goes on, and its log has it all")
def test_a_full_terminal_does_not_end_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(logs.sys, "stderr", Full())
    with logs.logging_to(str(tmp_path / "log.txt")) as log:
        for text in ("one", "two"):
            log.info(text)
    with open(str(tmp_path / "log.txt")) as file:
        assert [line.split()[-1] for line in file] == ["one", "two"]


@pytest.mark.promise("the disk is full when a row is added to the events", "one sentence, once")
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is full")
def test_events_on_a_full_disk_end_the_run(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(
        logs.tf.io, "TFRecordWriter", lambda path, real=tf.io.TFRecordWriter: real("/dev/full")
    )
    with pytest.raises(MachineError, match="events.* can't be written: No space left on device;"):
        with logs.MetricsLog(str(tmp_path), ["loss"], 0) as table:
            table.write(1, "train", {"loss": 1.0})
    assert capfd.readouterr().err == ""


def test_log_and_events_are_closed_on_failure(tmp_path):
    path = str(tmp_path / "log.txt")
    with pytest.raises(ZeroDivisionError), logs.logging_to(path) as log:
        with logs.MetricsLog(str(tmp_path), ["loss"], 0) as table:
            log.info("begun")
            table.write(1, "train", {"loss": 1})
            table.write(1, "train", {"loss": 1 / 0})
    assert logs.LOGGER.handlers == []
    with open(path) as file:
        assert "begun" in file.read()
    (events,) = glob.glob(str(tmp_path / "events*"))
    assert len(list(tf.train.summary_iterator(events))) == 3


def test_a_folder_in_place_of_the_log_is_said(tmp_path):
    for call in (logs.start_log, lambda path: logs.logging_to(path).__enter__()):
        with pytest.raises(UserError, match="can't be written: Is a directory"):
            call(str(tmp_path))
    (tmp_path / "metrics.csv").mkdir()
    for call in (logs.read_metrics, lambda path: logs.MetricsLog(path, ["loss"], 0)):
        with pytest.raises(UserError, match="metrics.csv can't be read: Is a directory"):
            call(str(tmp_path))
    logs.stop_log()


WHOLE = b"step,split,loss,nmi\r\n10,train,0.5,\r\n10,test,,nan\r\n20,train,1e-05,\r\n"
BROKEN = {
    "header": (WHOLE.replace(b"step", b"st\0p"), []),
    "header lost": (WHOLE[WHOLE.index(b"\n") + 1 :], []),
    "column": (WHOLE.replace(b"loss", b"l\xffss"), ["10", "10", "20"]),
    "step": (WHOLE.replace(b"20,", b"2x,"), ["10", "10"]),
    "number": (WHOLE.replace(b"0.5", b"0.5.1"), ["10", "20"]),
    "NUL": (WHOLE.replace(b"0.5", b"0\0005"), ["10", "20"]),
    "UTF-8": (WHOLE.replace(b"test", b"te\xff\xfet"), ["10", "20"]),
    "cut": (WHOLE[:-9], ["10", "10"]),
    "long": (WHOLE + b"30,train,1,2,3\r\n", ["10", "10", "20"]),
    "quote": (WHOLE.replace(b"0.5", b'"0.5'), ["10", "20"]),
    "huge step": (WHOLE.replace(b"20,", b"2" * 5000 + b","), ["10", "10"]),
}


@pytest.mark.promise(
    "metrics.csv is damaged", "it is kept under another name, and its whole rows are copied"
)
@pytest.mark.parametrize("kind", BROKEN)
def test_a_damaged_metrics_csv_is_kept_and_its_whole_rows_go_on(tmp_path, kind, logged):
    contents, steps = BROKEN[kind]
    path = tmp_path / "metrics.csv"
    for number, kept in enumerate(["metrics.csv.damaged", "metrics.csv.damaged.2"]):
        path.write_bytes(contents)
        assert [row["step"] for row in logs.read_metrics(str(tmp_path))] == steps
        assert path.read_bytes() == contents
        with logs.MetricsLog(str(tmp_path), ["loss", "nmi"], 20):
            pass
        assert (tmp_path / kept).read_bytes() == contents and len(logged) == number + 1
        assert logged[-1][0] == "WARNING" and kept in logged[-1][1]
        assert [row["step"] for row in logs.read_metrics(str(tmp_path))] == steps


def test_a_whole_metrics_csv_is_taken_over_without_a_word(tmp_path, logged):
    (tmp_path / "metrics.csv").write_bytes(WHOLE)
    with logs.MetricsLog(str(tmp_path), ["loss", "nmi", "new"], 20):
        pass
    assert not glob.glob(str(tmp_path / "*damaged*")) and logged == []
    assert (tmp_path / "metrics.csv").read_bytes() == (
        b"step,split,loss,nmi,new\r\n10,train,0.5,,\r\n10,test,,nan,\r\n20,train,1e-05,,\r\n"
    )


def test_columns_that_this_run_does_not_have_are_not_lost(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(WHOLE)
    with logs.MetricsLog(str(tmp_path), ["loss"], 20):
        pass
    assert (tmp_path / "metrics.csv.damaged").read_bytes() == WHOLE


@pytest.mark.promise("any bytes of metrics.csv change", "a resume is not stopped")
def test_no_change_of_bytes_stops_a_resume(tmp_path):
    rng = random.Random(7)
    for number in range(200):
        folder = tmp_path / str(number)
        folder.mkdir()
        changed = bytearray(WHOLE)
        for _ in range(rng.choice([1, 2, 5])):
            changed[rng.randrange(len(WHOLE))] = rng.choice([0, 10, 34, 44, rng.randrange(256)])
        (folder / "metrics.csv").write_bytes(bytes(changed))
        rows = logs._read_rows(str(folder / "metrics.csv"))[0]
        assert all(int(row["step"]) >= 0 and row["split"] for row in rows)
        for row in rows:
            [float(row[name]) for name in row if name not in ("step", "split") and row[name]]
