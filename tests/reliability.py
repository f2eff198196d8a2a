"""Writes RELIABILITY.md from the marks of the tests: python -m tests.reliability

A test that holds a promise has @pytest.mark.promise(fault, promise) or (fault, promise, figure).
"""

import ast
import glob
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = os.path.join(ROOT, "RELIABILITY.md")
HEAD = """\
# Reliability

What may go wrong, what is promised then, and the test that holds the promise. The table is written
by `python -m tests.reliability` from the marks of the tests. `python -m pytest` runs those of a few
seconds, `python -m pytest -m ci` the longer ones, `.ci/run` both.

| fault | promise | test | figure |
| --- | --- | --- | --- |
"""


def promises():
    """Rows of (file, test, fault, promise, figure), in the order of the files."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "**", "test_*.py"), recursive=True)):
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            for mark in getattr(node, "decorator_list", []):
                if getattr(getattr(mark, "func", None), "attr", None) == "promise":
                    texts = [ast.literal_eval(word) for word in mark.args]
                    yield os.path.relpath(path, ROOT), node.name, texts


def table():
    """The content of RELIABILITY.md."""
    rows = []
    for path, test, (fault, promise, *figure) in promises():
        link = f"[{test[len('test_') :]}]({path})"
        rows.append(f"| {fault} | {promise} | {link} | {''.join(figure)} |\n")
    return HEAD + "".join(rows)


if __name__ == "__main__":
    with open(PATH, "w", encoding="utf-8") as out:
        out.write(table())
