import pytest

from utils import tf1
from utils.errors import UserError
from utils.tf1 import TENSORFLOW_VERSION, session_config, tf


def test_a_session_is_on_the_device_that_was_asked_for(monkeypatch):
    found = []
    monkeypatch.setattr(tf.config.experimental, "list_physical_devices", lambda kind: found)
    assert session_config("-1").device_count["GPU"] == 0
    assert session_config("3").gpu_options.visible_device_list == ""  # there is none: the CPU
    found += ["a", "b"]
    assert session_config("1").gpu_options.visible_device_list == "1"
    with pytest.raises(UserError, match="--gpu 2: TensorFlow sees 2 devices"):
        session_config("2")


def test_mixed_precision_and_xla_on_a_gpu(monkeypatch):
    monkeypatch.setattr(tf.config.experimental, "list_physical_devices", lambda kind: ["a"])
    options = session_config("0", "mixed", xla=True).graph_options
    assert options.rewrite_options.auto_mixed_precision == 1
    assert options.optimizer_options.global_jit_level == tf.OptimizerOptions.ON_1
    plain = session_config("0").graph_options
    assert plain.rewrite_options.auto_mixed_precision == 0
    assert plain.optimizer_options.global_jit_level == 0


@pytest.mark.parametrize("gpu", ["-1", "0"])
def test_mixed_precision_on_a_cpu(monkeypatch, gpu):
    monkeypatch.setattr(tf1, "cpu_flags", lambda: {"avx512f"})
    with pytest.raises(UserError, match="mixed precision on a CPU"):
        session_config(gpu, "mixed")
    monkeypatch.setattr(tf1, "cpu_flags", lambda: {"avx512f", "avx512_bf16"})
    if TENSORFLOW_VERSION.startswith("1."):
        with pytest.raises(UserError, match="TensorFlow 1.15 has no mixed precision on a CPU"):
            session_config(gpu, "mixed")
    else:
        options = session_config(gpu, "mixed").graph_options.rewrite_options
        assert options.auto_mixed_precision_onednn_bfloat16 == 1
        assert options.auto_mixed_precision == 0


def test_xla_on_a_cpu_is_refused():
    with pytest.raises(UserError, match="--xla true needs a GPU"):
        session_config("-1", xla=True)
