import pytest

from utils.errors import UserError
from utils.tf1 import session_config, tf


def test_a_session_is_on_the_device_that_was_asked_for(monkeypatch):
    found = []
    monkeypatch.setattr(tf.config.experimental, "list_physical_devices", lambda kind: found)
    assert session_config("-1").device_count["GPU"] == 0
    assert session_config("3").gpu_options.visible_device_list == ""  # there is none: the CPU
    found += ["a", "b"]
    assert session_config("1").gpu_options.visible_device_list == "1"
    with pytest.raises(UserError, match="--gpu 2: TensorFlow sees 2 devices"):
        session_config("2")
