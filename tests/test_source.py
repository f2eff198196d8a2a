"""Rules about the source itself: the rooms, the scripts, the flags and the tables."""

import ast
import glob
import os

import pytest

from config.base_config import SETTINGS, Config
from config.losses import LOSSES
from config.networks import NETWORKS
from data.augment import NORMALISATIONS, STYLES
from data.sampling import SAMPLERS
from losses.memory import takes_memory
from losses.objective import RANKING_LOSSES
from nets.factory import BACKBONES
from nets.heads import POOLS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SCRIPTS = {"main.py", "eval.py", "predict.py", "export.py", "reproduce.py"}
# Which rooms, or which modules of them, a room may import; it may always import from itself.
ALLOWED = {
    "config": {"utils.errors"},
    "data": {"utils.errors", "utils.tf1"},
    "nets": {"utils.errors", "utils.tf1"},
    "losses": {"utils.tf1"},
    "utils": set(),
    "pretrained": {"config", "nets.factory", "utils"},
    "training": {"config", "data", "evaluation", "losses", "nets", "pretrained", "utils"},
    "evaluation": {
        "config",
        "pretrained.weights",
        "training.build",
        "training.graphs",
        "training.preflight",
        "utils",
    },  # fmt: skip
    "inference": {
        "config",
        "data",
        "evaluation",
        "pretrained",
        "training.build",
        "training.graphs",
        "training.preflight",
        "utils",
    },  # fmt: skip
    "datasets_lists": {"config", "data.folders", "data.lists", "utils"},
    "reproduction": {
        "config",
        "data.subsets",
        "datasets_lists",
        "evaluation",
        "training.preflight",
        "utils",
    },
}
ROOMS = tuple(ALLOWED)
READ_A_CONFIG = ("config", "training", "evaluation", "pretrained", "datasets_lists",
                 "inference", "reproduction", "benchmarks")  # fmt: skip


def source_files():
    found = glob.glob(os.path.join(ROOT, "*.py"))
    for folder in ROOMS + ("benchmarks", "imgs"):
        found += glob.glob(os.path.join(ROOT, folder, "**", "*.py"), recursive=True)
    return sorted(os.path.relpath(path, ROOT) for path in found)


def tree_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return ast.parse(file.read())


def imports_of(path):
    """Full names of the modules, and of the names taken from them."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_there_are_sources():
    assert len(source_files()) > 30 and "main.py" in source_files()


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room):
    for path in source_files():
        if not path.startswith(room + os.sep):
            continue
        for name in imports_of(path):
            other = name.split(".")[0]
            if other in (*ROOMS, "tests", "benchmarks") and other != room:
                allowed = any(f"{name}.".startswith(f"{module}.") for module in ALLOWED[room])
                assert allowed, f"{path} imports {name}"


def test_nothing_lies_at_the_root_but_scripts():
    found = {os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "*.py"))}
    assert found == SCRIPTS


def test_only_tf1_knows_tensorflow():
    for path in source_files():
        roots = {name.split(".")[0] for name in imports_of(path)}
        if path != os.path.join("utils", "tf1.py"):
            assert not roots & {"tensorflow", "tf_slim", "tf_keras"}, path


def test_config_and_lists_need_no_tensorflow():
    for path in source_files():
        if path.startswith("config" + os.sep) or path in ("data/lists.py", "data/folders.py"):
            assert not any(name.startswith("utils.tf1") for name in imports_of(path)), path


def test_only_some_rooms_read_a_config():
    for path in source_files():
        if path in SCRIPTS or path.split(os.sep)[0] in READ_A_CONFIG:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                reads = node.value.id == "config" and node.attr in SETTINGS
                assert not reads, f"{path} reads config.{node.attr}"


def test_every_setting_is_read_by_somebody():
    read = set()
    for path in source_files():
        if path != os.path.join("config", "cli.py"):
            nodes = ast.walk(tree_of(path))
            read |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    for loss in LOSSES.values():  # these are read by name
        read |= loss.reads
    assert set(SETTINGS) <= read
    others = {"path_origins", "log_name", "checkpoint_name", "remarks"}
    assert set(SETTINGS) | others == set(Config.__dataclass_fields__)


def test_modules_do_nothing_on_import():
    quiet = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    for path in source_files():
        if path == os.path.join("utils", "tf1.py"):
            continue
        for node in tree_of(path).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Str)
            guard = isinstance(node, ast.If) and "__name__" in ast.dump(node.test)
            assert docstring or guard or isinstance(node, quiet), f"{path}:{node.lineno}"


def test_scripts_are_short_and_only_they_print():
    for path in source_files():
        tree = tree_of(path)
        calls = {getattr(n.func, "id", "") for n in ast.walk(tree) if isinstance(n, ast.Call)}
        guarded = any(isinstance(node, ast.If) for node in tree.body)
        if path in SCRIPTS:
            with open(os.path.join(ROOT, path)) as file:
                assert len(file.readlines()) <= 60
        elif not guarded:
            assert "print" not in calls - {"print" if path == "utils/errors.py" else ""}, path
        assert "input" not in calls, path


def test_public_names_are_documented():
    for path in source_files():
        tree = tree_of(path)
        named = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        public = [n for n in named if not n.name.startswith("_")]
        for node in [n for c in public if isinstance(c, ast.ClassDef) for n in c.body]:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                public.append(node)
        for node in public:
            assert ast.get_docstring(node), f"{path} {node.name}"
        assert ast.get_docstring(tree), path


def test_tables_fit_each_other():
    assert set(NETWORKS) == set(BACKBONES)
    assert {row.preprocessing for row in NETWORKS.values()} <= set(NORMALISATIONS)
    assert set(LOSSES) == set(RANKING_LOSSES)
    assert set(SETTINGS["sampler"].metadata["choices"]) == set(SAMPLERS)
    for mode, row in LOSSES.items():
        assert row.memory == (mode != "vanilla" and takes_memory(RANKING_LOSSES[mode])), mode
    assert SETTINGS["emb_pool"].metadata["choices"] == POOLS
    assert set(SETTINGS["aug_style"].metadata["choices"]) == set(STYLES)
