"""What SECURITY.md promises of the whole source; limits of a reader are tested with the reader."""

import ast
import glob
import os
import re

import pytest

from tests.test_source import ROOT, source_files, tree_of

# These run or build whatever their input says.
UNSAFE_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "yaml", "code"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "Markup"}


def name_of(node):
    """The dotted name that is called: "np.load"."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return getattr(node, "id", "")


def calls():
    for path in source_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call):
                yield path, name_of(node.func), {k.arg: ast.dump(k.value) for k in node.keywords}


@pytest.mark.promise("data hold code", "nothing is unpickled or evaluated")
def test_nothing_is_unpickled_or_evaluated():
    for path in source_files():
        for node in ast.walk(tree_of(path)):
            names = [alias.name for alias in getattr(node, "names", []) if hasattr(alias, "name")]
            names += [getattr(node, "module", None) or ""]
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not {name.split(".")[0] for name in names} & UNSAFE_MODULES, path
    for path, name, keywords in calls():
        assert name not in UNSAFE_CALLS and not name.endswith("read_pickle"), path
        assert "shell" not in keywords, path
        if name.endswith((".load", ".loadtxt", ".genfromtxt")) and name.startswith("np"):
            assert "False" in keywords["allow_pickle"], path


def test_images_are_opened_in_one_place_with_a_bound():
    found = {path for path, name, _ in calls() if name == "Image.open"}
    assert found == {os.path.join("utils", "pictures.py")}


def test_every_page_escapes_what_it_shows():
    pages = [keywords for _, name, keywords in calls() if name.endswith("Environment")]
    assert len(pages) == 2 and all("True" in page["autoescape"] for page in pages)
    templates = glob.glob(os.path.join(ROOT, "*", "templates", "*.html"))
    templates += glob.glob(os.path.join(ROOT, "**", "*.jinja"), recursive=True)
    assert len(templates) == 2
    for path in templates:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert not re.search(r"\|\s*safe|autoescape|innerHTML|document\.write", text), path
