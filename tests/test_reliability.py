from tests import reliability


def test_the_table_is_that_of_the_marks():
    with open(reliability.PATH, encoding="utf-8") as file:
        assert file.read() == reliability.table(), "run python -m tests.reliability"


def test_every_promise_is_whole():
    rows = list(reliability.promises())
    assert len(rows) > 30
    for path, test, texts in rows:
        assert test.startswith("test_") and len(texts) in (2, 3), (path, test)
        assert all(texts) and not any("|" in text or "\n" in text for text in texts), (path, test)


def test_the_mark_is_registered(request):
    assert any(line.startswith("promise(") for line in request.config.getini("markers"))
