import errno
import signal

import pytest

from utils.errors import Interrupted, UserError, reason_of, run_script


def ended(error):
    def run():
        if error is not None:
            raise error

    try:
        run_script("x.py", run)
    except SystemExit as stop:
        return stop.code
    return 0


def test_exit_codes_and_messages(capsys):
    assert ended(None) == 0
    assert ended(UserError("no such thing")) == 2
    assert capsys.readouterr().err == "x.py: error: no such thing\n"
    assert ended(Interrupted(signal.SIGTERM, "saved")) == 143
    assert capsys.readouterr().err == "x.py: saved\n"
    assert ended(KeyboardInterrupt()) == 130
    with pytest.raises(ZeroDivisionError):  # a fault of ours keeps its traceback
        run_script("x.py", lambda: 1 / 0)


@pytest.mark.promise("the disk is full", "one sentence says so, without a traceback")
def test_a_full_disk_is_no_fault_of_ours(capsys):
    assert ended(OSError(errno.ENOSPC, "No space left on device", "runs/log.txt")) == 1
    message = "x.py: error: runs/log.txt can't be written: No space left on device; free some"
    assert capsys.readouterr().err == message + " space and run the same command again\n"
    assert ended(OSError(errno.EACCES, "Permission denied", "runs")) == 1
    message = "x.py: error: runs can't be read or written: Permission denied\n"
    assert capsys.readouterr().err == message


@pytest.mark.promise("a run folder is deleted or unmounted in mid-run", "one sentence names it")
def test_a_folder_that_is_gone_is_named(capsys, tmp_path):
    path = str(tmp_path / "runs" / "a" / "metrics.csv")
    assert ended(FileNotFoundError(errno.ENOENT, "No such file or directory", path)) == 1
    message = f"{path} can't be read or written, as there is no {tmp_path / 'runs'} any more;"
    assert message in capsys.readouterr().err


class OpError(Exception):
    def __init__(self, message):
        super().__init__()
        self.message = message


IN_NODE = (
    "Graph execution error:\n\nDetected at node 'x' defined at:\n    File \"a.py\"\nNode: 'x'\n"
)
IN_DATASET = (
    "Graph execution error:\n\nError in user-defined function passed to MapDataset:1 transformation"
    " with iterator: Iterator::Root::ParallelMapV2: "
)


@pytest.mark.parametrize(
    "message",
    [
        IN_NODE + "Bad: data.\n\t [[{{node x}}]]",
        IN_DATASET + "Bad: data.\n\t [[{{node x}}]]\n\t [[IteratorGetNext]]",
        "{{function_node __inference_Dataset_map_1}} Bad: data\n\t [[{{node x}}]]",
        "2 root error(s) found.\n  (0) Invalid argument: Bad: data\n\t [[node x]]",
        IN_NODE + "assertion failed: [Bad: data] [3 4]\n\t [[{{node x}}]]",
    ],
)
def test_the_reason_of_an_error(message):
    assert reason_of(OpError(message)) == "Bad: data"


def test_the_reason_of_an_error_of_the_system():
    assert reason_of(OSError(errno.EACCES, "Permission denied", "x")) == "Permission denied"
    assert reason_of(OSError("odd")) == "odd" and reason_of(OpError("")) == "OpError"


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\x1b[2Jb", "a\0b"])
def test_a_name_can_not_break_the_sentence(name):
    text = str(UserError(f"{name} is missing"))
    assert text.isprintable() and "\\" in text and text.endswith("b is missing")
