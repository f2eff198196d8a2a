import re

import pytest

from datasets_lists import mat_file, mat_reader


@pytest.fixture(autouse=True)
def _whole_mat_files_are_read_here(request, monkeypatch):
    """A process takes half a second to start; only damaged files need one of their own."""
    if not re.search("truncated|another_file|any_byte|crashes", request.node.name):
        monkeypatch.setattr(
            mat_file, "_run", lambda words: (0, mat_reader.answer(words[1], words[2:]))
        )
