"""The three commands as their users type them."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from datasets_lists import commands, flags
from reproduction import synthetic
from tests.conftest import write_tree
from tests.datasets_lists.helpers import contents_of, message_of

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CUSTOM = ("custom", "--dataset_path", "x")
COMMANDS = ("make", "check", "download")


def run(command, *words, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "datasets_lists", command] + [str(word) for word in words],
        cwd=str(cwd),
        env=dict(os.environ, PYTHONPATH=ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    for name in ("cub", "flowers"):
        synthetic.write(name, str(folder), images_per_class=6)
    return folder


@pytest.fixture
def own(sets, tmp_path):
    return shutil.copytree(str(sets), str(tmp_path / "sets"))


HEAVY = ("tensorflow", "pandas", "numpy", "scipy", "PIL")


def run_and_list_heavy(module, *words):
    """Runs a module as the interpreter's -m does; returns its output and the heavy packages."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x'] + {list(words)!r}\n"
        f"try: runpy.run_module({module!r}, run_name='__main__')\n"
        "except SystemExit as end: print('status', end.code)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines = done.stdout.decode().splitlines()
    return lines[:-2], lines[-2], lines[-1]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_a_manual_and_needs_no_heavy_package(command):
    lines, status, heavy = run_and_list_heavy("datasets_lists", command, "--help")
    text = "\n".join(lines)
    assert (status, heavy) == ("status 0", "[]")
    for words in (f"python -m datasets_lists {command}", "--datasets_dir", "examples:"):
        assert words in text
    assert "--dataset_path, --db_path FOLDER" in text or command == "download"
    assert all(len(line) <= 100 for line in lines)
    assert "None" not in text and "(" + "'" not in text


def test_help_names_the_commands_and_the_data_sets():
    lines, status, heavy = run_and_list_heavy("datasets_lists", "--help")
    assert (status, heavy) == ("status 0", "[]")
    for words in (*COMMANDS, "aircrafts", "custom", "python -m datasets_lists COMMAND --help"):
        assert words in "\n".join(lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_earlier_spelling_and_a_wrong_flag(command):
    module = f"datasets_lists.{command}"
    lines, status, heavy = run_and_list_heavy(module, "cub", "--datset_dir", "x")
    assert (status, heavy) == ("status 2", "[]")
    assert lines == [
        "datasets_lists: error: unknown argument --datset_dir; did you mean --datasets_dir?"
    ]


def test_no_command_needs_tensorflow(own):
    code = (
        "import sys; from datasets_lists import commands, flags;"
        f" words = ['make', 'all', '--subset', '--datasets_dir', {own!r}];"
        " assert commands.run(*flags.parse(words), print); assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE)
    assert done.returncode == 0


def test_make_then_check_then_a_problem(own):
    made = run("make", "cub", "--datasets_dir", own, "--subset")
    assert made.returncode == 0, made.stderr
    lists = os.path.join(own, "CUB_200_2011", "lists")
    assert f"{lists} is written" in made.stdout and "clean: no problem found" in made.stdout
    assert sorted(os.listdir(lists)) == [
        "classes.csv",
        "test_all_sub_list.csv",
        "train_all_sub_list.csv",
    ]
    again = run("make", "cub", "--datasets_dir", own, "--subset")
    assert again.returncode == 0 and "is unchanged" in again.stdout
    report = os.path.join(own, "report.json")
    counted = run("check", "cub", "--datasets_dir", own, "--json", report)
    assert counted.returncode == 1 and "has 6 images, not 5994" in counted.stdout
    with open(report) as file:
        assert json.load(file)["clean"] is False
    assert run("check", "cub", "--datasets_dir", own, "--subset").returncode == 0


def test_the_three_endings_of_a_command(own):
    assert run("check", "cub", "--datasets_dir", own).returncode == 2
    refused = run("make", "cub", "--datasets_dir", own)
    assert refused.returncode == 2 and refused.stdout == ""
    assert refused.stderr.startswith("datasets_lists: error: ")
    assert len(refused.stderr.splitlines()) == 1 and "Traceback" not in refused.stderr
    shutil.rmtree(os.path.join(own, "CUB_200_2011", "images"))
    found = run("make", "cub", "--datasets_dir", own, "--subset")
    assert found.returncode == 1 and "listed images that are missing: 12" in found.stdout
    assert run("make", "cub", "--datasets_dir", own, "--subset", "--skip_images").returncode == 1


def test_custom_from_a_folder_a_class(tmp_path):
    tree = write_tree(str(tmp_path / "own"), per_class=10)
    made = run("make", "custom", "--dataset_path", "own", "--split", 0.5, 0, 0.5, cwd=tmp_path)
    assert made.returncode in (0, 1), made.stderr
    assert sorted(os.listdir(os.path.join(tree, "lists"))) == [
        "classes.csv",
        "test_all_sub_list.csv",
        "train_all_sub_list.csv",
    ]
    other = run("make", "custom", "--dataset_path", "own", "--seed", 3, cwd=tmp_path)
    assert other.returncode == 2 and "--overwrite" in other.stderr
    checked = run("check", "--dataset_path", tree, "--json", "-")
    assert json.loads(checked.stdout)["title"] == "your own images"


def call(*words):
    """A command within this process; returns whether no problem is left, and the text."""
    lines = []
    clean = commands.run(*flags.parse(list(words)), lines.append)
    return clean, "\n".join(lines)


def test_all_takes_what_is_in_place_and_one_that_fails_stops_no_other(own):
    clean, text = call("make", "all", "--datasets_dir", own, "--subset")
    assert clean and "Oxford Flowers-102" in text and "CUB-200-2011" in text
    clean, text = call("check", "--datasets_dir", own, "--subset")
    assert clean and text.count("clean: no problem found") == 2
    os.remove(os.path.join(own, "flower102", "setid.mat"))
    message = message_of(call, "make", "all", "--datasets_dir", own, "--subset")
    assert message == "1 of 2 data sets failed: flowers"


def test_all_of_nothing(tmp_path):
    message = message_of(call, "make", "all", "--datasets_dir", str(tmp_path))
    assert "CUB_200_2011" in message and str(tmp_path) in message
    message = message_of(call, "check", "dogs", "--datasets_dir", str(tmp_path))
    assert "download dogs" in message
    message = message_of(call, "make", "custom", "--dataset_path", str(tmp_path / "none"))
    assert str(tmp_path / "none") in message


def test_levels_of_aircrafts(tmp_path):
    root = synthetic.write("aircrafts", str(tmp_path), num_classes=4, images_per_class=6)
    words = ["make", "aircrafts", "--datasets_dir", str(tmp_path), "--subset"]
    assert call(*words)[1].count("4 classes") == 1
    before = contents_of(root)
    assert "--overwrite" in message_of(call, *words, "--level", "family")
    assert contents_of(root) == before
    assert "2 classes" in call(*words, "--level", "family", "--overwrite")[1]
    assert "1 classes" in call(*words, "--level", "manufacturer", "--overwrite")[1]


def test_check_fixes(own):
    call("make", "cub", "--datasets_dir", own, "--subset")
    folder = os.path.join(own, "CUB_200_2011", "images", "001.Bird_of_kind_0")
    path = os.path.join(folder, sorted(os.listdir(folder))[0])
    from PIL import Image

    Image.open(path).convert("L").save(path)
    clean, text = call("check", "cub", "--datasets_dir", own, "--subset")
    assert not clean and "images that are not RGB: 1" in text
    clean, text = call("check", "cub", "--datasets_dir", own, "--subset", "--fix")
    assert clean and "repaired 001.Bird_of_kind_0" in text and os.path.exists(path + ".orig")


def test_a_report_that_can_not_be_written(own):
    call("make", "cub", "--datasets_dir", own, "--subset")
    words = ["check", "cub", "--datasets_dir", own, "--json", os.path.join(own, "none", "x.json")]
    assert "x.json can't be written" in message_of(call, *words)


@pytest.mark.parametrize(
    "command, words, expected",
    [
        ("make", [], "required: NAME"),
        ("make", ["bird"], "birds"),
        ("make", ["digits"], "choose from"),
        ("make", ["cub", "--datset_dir", "x"], "did you mean --datasets_dir?"),
        ("make", ["cub", "--level", "family"], "--level does not apply to cub"),
        ("make", ["all", "--level", "family"], "--level does not apply to all"),
        ("make", ["aircrafts", "--level", "species"], "variant"),
        ("make", ["custom"], "needs --dataset_path"),
        ("make", ["cub", "--dataset_path", "x"], "--dataset_path does not apply to cub"),
        ("make", ["cub", "--seed", "0"], "--seed does not apply to cub"),
        ("make", ["cub", "--split", "0.7", "0.1", "0.2"], "--split does not apply to cub"),
        ("make", [*CUSTOM, "--subset"], "--subset does not apply to custom"),
        ("make", [*CUSTOM, "--split", "0.7"], "three numbers"),
        ("make", [*CUSTOM, "--split", "a", "b", "c"], "three numbers"),
        ("make", ["cub", "--split", "unseen", "--seed", "1"], "--seed does not apply to cub"),
        (
            "make",
            [*CUSTOM, "--split", "unseen", "--seed", "1"],
            "--seed has no effect with --split",
        ),
        ("make", [*CUSTOM, "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        ("make", ["cub", "--workers", "0"], "'0' is not a whole number of at least 1"),
        ("check", ["--json", "x"], "--json works on one data set"),
        ("check", ["custom"], "needs --dataset_path"),
        ("download", ["all"], "choose from"),
        ("download", ["custom"], "choose from"),
    ],
)
def test_wrong_command_lines(command, words, expected):
    assert expected in message_of(flags.parse, [command, *words])


def test_no_command_and_a_misspelt_one():
    assert "make, check or download" in message_of(flags.parse, [])
    assert "no command cub" in message_of(flags.parse, ["cub"])
    assert "did you mean check?" in message_of(flags.parse, ["chek", "cub"])


def test_the_earlier_name_of_a_flag():
    command, given = flags.parse(["check", "--db_path", "x"])
    assert (command, given.name, given.dataset_path) == ("check", "custom", "x")
