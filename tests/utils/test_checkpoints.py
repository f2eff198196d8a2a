import os
import subprocess
import sys

import numpy as np
import pytest

from utils import checkpoint_index, checkpoints
from utils.errors import UserError
from utils.tf1 import tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = ".data-00000-of-00001"
# Names that are patterns to TensorFlow, which would find nothing or the neighbour's files.
ODD_NAMES = ["run[1]", "a?b", "*", "back\\slash", "plain"]


def save(prefix, classes, name="net/logits", step=5):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable(name, [3, classes])
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(prefix), global_step=step)


def message_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def restore(prefix):
    with tf.Graph().as_default(), tf.Session() as session:
        value = tf.get_variable("net/logits", [3, 4])
        checkpoints.restore(tf.train.Saver(), session, prefix)
        return session.run(value)


class Run:
    """A run of one variable, which holds the step that was saved."""

    def __init__(self, folder, keep=2):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        with tf.Graph().as_default() as graph:
            self.session = tf.Session(graph=graph)
            self.value = tf.get_variable("v", [300])
            self.saver = checkpoints.RunSaver(self.folder, "model.ckpt", keep)

    def save(self, *steps, best=False):
        for step in steps:
            self.value.load(np.full(300, step, np.float32), self.session)
            (self.saver.save_best if best else self.saver.save)(self.session, step)
        return self

    def restored(self, checkpoint="last"):
        with self.session.graph.as_default():
            prefix = checkpoints.find(self.folder, checkpoint)
            checkpoints.restore(tf.train.Saver(), self.session, prefix)
        return float(self.session.run(self.value)[7])


@pytest.fixture
def run(tmp_path):
    made = Run(tmp_path / "run", keep=3).save(10, 20, 30)
    yield made
    made.session.close()


def steps_in(folder):
    """Steps whose index and data are both there, after a look that nothing else is."""
    names = [n for n in os.listdir(str(folder)) if n not in ("best", "checkpoint")]
    steps = sorted({int(name.split("-")[1].split(".")[0]) for name in names})
    wanted = [f"model.ckpt-{step}{end}" for step in steps for end in (".index", DATA)]
    assert sorted(names) == sorted(wanted)
    return steps


def test_a_checkpoint_of_another_network_or_class_count_is_named(tmp_path):
    assert restore(save(tmp_path / "same", 4)).shape == (3, 4)
    message = message_of(restore, save(tmp_path / "classes", 7))
    for word in ("class count", "net/logits of shape (3, 7)", "this one has (3, 4)", "classes-5"):
        assert word in message
    message = message_of(restore, save(tmp_path / "names", 4, "other/logits"))
    assert "another network" in message and "has no net/logits" in message


def test_finding(tmp_path):
    prefix = save(tmp_path / "model.ckpt", 4)
    (tmp_path / "best").mkdir()
    best = save(tmp_path / "best" / "model.ckpt", 4)
    assert checkpoints.find(str(tmp_path), "last") == prefix == checkpoints.latest(str(tmp_path))
    assert checkpoints.find(str(tmp_path), "best") == best
    assert checkpoints.find(str(tmp_path), prefix) == prefix
    other = save(tmp_path / "other", 4)
    assert checkpoints.find(str(tmp_path), "last", "other") == other
    for part in (".index", ".meta", DATA):
        assert f"give its prefix, {prefix}" in message_of(
            checkpoints.find, str(tmp_path), prefix + part
        )
    assert "choose last, best" in message_of(checkpoints.find, str(tmp_path), "elsewhere")
    for checkpoint in ("last", "best"):
        message = message_of(checkpoints.find, str(tmp_path / "none"), checkpoint)
        assert "train the run first" in message


def test_steps_are_numbers_and_other_files_are_not_looked_at(run):
    run.save(100, 101)
    for name in (
        "model.ckpt-200",
        "model.ckpt-x.index",
        "model.ckpt-300.txt",
        "amodel.ckpt-4.index",
    ):
        with open(os.path.join(run.folder, name), "w") as file:
            file.write("mine")
    assert run.restored() == 101
    run.save(102)
    assert len(os.listdir(run.folder)) == 4 + 3 * 2 + 1


@pytest.mark.promise(
    "a run folder is called `run[1]` or `a?b`", "its own checkpoints are found, and no others"
)
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_whose_name_is_a_pattern_works_and_spares_its_neighbours(tmp_path, name):
    neighbour = Run(tmp_path / "a1b", keep=1).save(1)
    odd = Run(tmp_path / name, keep=1).save(2, 3).save(3, 4, best=True)
    assert steps_in(neighbour.folder) == [1] and steps_in(odd.folder) == [3]
    assert steps_in(os.path.join(odd.folder, "best")) == [4]
    assert (neighbour.restored(), odd.restored(), odd.restored("best")) == (1, 3, 4)
    shapes, value_of = checkpoints.open_reader(os.path.join(odd.folder, "model.ckpt-3"))
    assert shapes == {"v": (300,)} and value_of("v")[0] == 3


@pytest.mark.promise("weights lie in a folder called `run[1]` or `a?b`", "they are read")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_older_format_in_a_folder_whose_name_is_a_pattern(tmp_path, name):
    (tmp_path / name).mkdir()
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.get_variable("v", initializer=[1.0]).initializer)
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V1)
        saver.save(session, str(tmp_path / "old"), write_meta_graph=False, write_state=False)
    path = str(tmp_path / name / "old")
    os.rename(str(tmp_path / "old"), path)
    assert checkpoints.open_reader(path)[1]("v") == [1.0]


def cut(path):
    os.truncate(path, os.path.getsize(path) // 2)


def zero(path):
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(bytes(size))


def flip(path):
    with open(path, "r+b") as file:
        position = file.seek(0, os.SEEK_END) // 3
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 4]))


def empty(path):
    os.truncate(path, 0)


DAMAGES = [os.remove, cut, zero, flip, empty]


@pytest.mark.promise(
    "the state file `checkpoint` is gone or wrong", "the checkpoints are found all the same"
)
@pytest.mark.parametrize("harm", DAMAGES)
def test_the_state_file_does_not_matter(run, harm):
    harm(os.path.join(run.folder, "checkpoint"))
    assert run.restored() == 30


@pytest.mark.promise("the newest checkpoint is damaged", "it is named, and the one before is used")
@pytest.mark.parametrize("harm", DAMAGES)
@pytest.mark.parametrize("end", [".index", DATA])
def test_the_newest_whole_checkpoint_is_used_and_the_damaged_one_named(run, harm, end, logged):
    harm(os.path.join(run.folder, "model.ckpt-30" + end))
    assert run.restored() == 20
    ((level, message),) = logged
    assert level == "WARNING" and "\n" not in message
    assert "model.ckpt-30" in message and "model.ckpt-20" in message
    prefix, damaged = checkpoints.newest_whole(run.folder)
    assert prefix.endswith("-20") and [p[-3:] for p, _ in damaged] == ["-30"]
    run.save(25)  # the run continues from 20
    assert steps_in(run.folder) == [10, 20, 25] and run.restored() == 25


@pytest.mark.promise("all checkpoints are damaged", "nothing is begun or lost")
@pytest.mark.parametrize("harm", DAMAGES)
def test_where_all_are_damaged_nothing_is_begun_or_lost(run, harm):
    for step in (10, 20, 30):
        harm(os.path.join(run.folder, f"model.ckpt-{step}.index"))
    before = sorted(os.listdir(run.folder))
    message = message_of(checkpoints.last_whole, run.folder)
    for step in (10, 20, 30):
        assert f"model.ckpt-{step}" in message
    Run(run.folder)
    assert sorted(os.listdir(run.folder)) == before
    assert checkpoints.last_whole(os.path.join(run.folder, "none")) is None


def test_a_best_checkpoint_that_is_gone_is_not_a_run_without_training(run):
    message = message_of(checkpoints.find, run.folder, "best")
    assert "best checkpoint" in message and "--checkpoint last" in message
    run.save(30, best=True)
    assert run.restored("best") == 30
    cut(os.path.join(run.folder, "best", "model.ckpt-30.index"))
    message = message_of(checkpoints.find, run.folder, "best")
    assert "--checkpoint last" in message and "model.ckpt-30.index is damaged" in message


@pytest.mark.promise("a save was killed", "what it left is removed at the next start")
def test_what_killed_saves_left_is_removed_and_resumes_do_not_pile_up(tmp_path):
    folder = tmp_path / "run"
    for start in range(0, 60, 10):
        run = Run(folder).save(start + 1, start + 2).save(start + 1, best=True)
        for name in ("77.index.tempstate12345", "77" + DATA, f"78{DATA}.tempstate9", "2.meta"):
            (folder / f"model.ckpt-{name}").write_text("part")
        (folder / "best" / f"model.ckpt-77{DATA}.tempstate9").write_text("part")
        again = Run(folder)
        assert steps_with_meta(folder) == [start + 1, start + 2]
        assert (
            again.restored() == start + 2
            and os.listdir(str(folder / "best")).count(f"model.ckpt-77{DATA}.tempstate9") == 0
        )
        run.session.close()
    assert steps_with_meta(folder) == [51, 52] and steps_in(folder / "best") == [51]


def steps_with_meta(folder):
    path = folder / "model.ckpt-2.meta"
    if path.exists():  # beside no checkpoint but step 2's own: removed with the next save
        path.unlink()
    return steps_in(folder)


def fail_with(message):
    def save(session, prefix, global_step, **_):
        with open(f"{prefix}-{global_step}{DATA}.tempstate1", "w") as file:
            file.write("half")
        raise tf.errors.ResourceExhaustedError(None, None, message)

    return save


NODES = "Graph execution error:\n\nDetected at node 'save/SaveV2'\nNode: 'save/SaveV2'\n"


@pytest.mark.promise(
    "a checkpoint can't be written",
    "it is tried again after 1 s and 10 s, then one sentence; nothing half written is left",
    "3 tries, exit code 1",
)
@pytest.mark.parametrize(
    "reason, makes_room",
    [("No space left on device", True), ("Disk quota exceeded", True), ("Read-only disk", False)],
)
def test_a_checkpoint_that_cannot_be_written_leaves_nothing(
    tmp_path, monkeypatch, reason, makes_room
):
    run = Run(tmp_path)
    text = f"{NODES}{tmp_path}/model.ckpt-7; {reason}\n\t [[{{{{node save/SaveV2}}}}]]\n\nStack"
    monkeypatch.setattr(run.saver._saver, "save", fail_with(text))
    pauses = []
    monkeypatch.setattr(checkpoints.time, "sleep", pauses.append)
    message = message_of(run.saver.save, None, 7)
    assert "model.ckpt-7 can't be written (" in message and reason in message
    assert "Graph execution" not in message and ("free some space" in message) == makes_room
    assert os.listdir(str(tmp_path)) == [] and pauses == [1, 10] and "3 times" in message


def test_a_save_that_works_again_is_enough(tmp_path, monkeypatch, logged):
    run = Run(tmp_path)
    save = run.saver._saver.save

    def mend(seconds):
        monkeypatch.setattr(run.saver._saver, "save", save)

    monkeypatch.setattr(run.saver._saver, "save", fail_with("No space left on device"))
    monkeypatch.setattr(checkpoints.time, "sleep", mend)
    run.save(7)
    assert run.restored() == 7 and not list(tmp_path.glob("*tempstate*"))
    assert "model.ckpt-7 can't be written (No space left" in logged[0][1]


@pytest.mark.promise("the run folder is deleted during a run", "one sentence says so")
def test_a_run_folder_that_is_gone_is_said_to_be(tmp_path):
    run = Run(tmp_path / "run")
    os.rmdir(run.folder)
    for best in (False, True):
        message = message_of(lambda best=best: run.save(3, best=best))
        assert "is gone" in message and "free some space" not in message


SCRIPT = """
import resource, signal, sys
from utils import checkpoints
from utils.errors import UserError
from utils.tf1 import tf

tf.get_variable("v", [100000])
session = tf.Session()
session.run(tf.global_variables_initializer())
saver = checkpoints.RunSaver(sys.argv[1], "model.ckpt", 2)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
try:
    checkpoints.PAUSES = (0, 0)
    saver.save(session, 3)
except UserError as error:
    sys.stdout.write(str(error))
"""


@pytest.mark.promise("a file may not get as large as a checkpoint", "one sentence says so")
def test_the_reason_is_the_systems_own(tmp_path):
    words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    message = subprocess.check_output(words, cwd=ROOT, universal_newlines=True)
    assert (
        "File too large" in message and "Graph" not in message and "free some space" not in message
    )
    assert len(message.splitlines()) == 1 and os.listdir(str(tmp_path)) == []


def test_the_state_file_names_the_newest_for_other_tools(run):
    state = tf.train.get_checkpoint_state(run.folder)
    assert state.model_checkpoint_path == os.path.join(run.folder, "model.ckpt-30")
    assert checkpoint_index.damage(state.model_checkpoint_path) is None


@pytest.mark.parametrize("size", [None, 2, 3])
def test_a_checkpoint_without_the_interval_or_with_other_terms_is_restored(tmp_path, size):
    def build(size, value):
        tf.get_variable("v", initializer=[value])
        if size is not None:
            tf.get_variable(checkpoints.INTERVAL, initializer=np.full(size, value))

    with tf.Graph().as_default(), tf.Session() as session:
        build(size, 5.0)
        session.run(tf.global_variables_initializer())
        prefix = tf.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=5)
    with tf.Graph().as_default(), tf.Session() as session:
        build(3, 1.0)
        session.run(tf.global_variables_initializer())
        checkpoints.restore(tf.train.Saver(), session, prefix)
        value, interval = session.run(tf.global_variables())
    assert value == [5] and interval.tolist() == [5.0 if size == 3 else 1.0] * 3
