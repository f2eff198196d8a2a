"""Settings that only some networks read, and start weights that are missing or of another one."""

import numpy as np
import pytest

from config import resolve
from config.networks import NETWORKS
from training import preflight
from utils.errors import UserError


def make(environ=None, **given):
    return resolve.resolve(dict(given, dataset="cars"), environ=environ or {}, local={})


def message_of(call, *args, **kwargs):
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("net", NETWORKS)
def test_a_config_holds_only_what_its_network_reads(net):
    config = make(net=net)
    assert config.depth_multiplier == (1.0 if net == "mobile" else None)
    assert config.aux_loss_weight == (0.0 if net in ("inc3", "inc4") else None)
    assert (config.bn_decay is None) == (net == "vgg16")
    assert config.feature_map == NETWORKS[net].feature_map


def test_settings_of_other_networks_are_refused():
    message = message_of(make, net="resnet50", aux_loss_weight=0.4)
    for word in ("--aux_loss_weight", "--net resnet50", "--net inc3 or inc4"):
        assert word in message
    assert "--net mobile" in message_of(make, net="inc4", depth_multiplier=0.5)
    assert "--bn_decay" in message_of(make, net="vgg16", bn_decay=0.9)
    assert "1.0, 0.75, 0.5, 0.25" in message_of(make, net="mobile", depth_multiplier=0.3)
    assert "--aux_loss_weight -1" in message_of(make, net="inc3", aux_loss_weight=-1)
    assert make(net="inc3", aux_loss_weight=0.4).aux_loss_weight == 0.4


@pytest.mark.parametrize(
    "given, words",
    [
        (
            dict(net="inc4"),
            ["inception_v4/inception_v4.ckpt", "pretrained inc4 downloads it", "http"],
        ),
        (dict(net="mobile"), ["mobilenet_v1_1.0_224.ckpt", "pretrained mobile downloads it"]),
        (
            dict(net="mobile", depth_multiplier=0.5),
            ["mobilenet_v1_0.5_224/mobilenet_v1_0.5_224.ckpt", "mobile_0.5 downloads it"],
        ),
        (dict(net="densenet161"), ["densenet161 explains where", "github.com/pudae"]),
    ],
)
def test_missing_start_weights_are_answered_with_the_command(tmp_path, given, words):
    environ = {"PRETRAINED_DIR": str(tmp_path)}
    message = message_of(preflight.pretrained_path, make(environ, **given))
    common = ["python -m pretrained ", "PRETRAINED_DIR", "--pretrained none", str(tmp_path)]
    for word in words + common:
        assert word in message
    assert "--pretrained_dir" not in message  # the command looks where the run does
    given = dict(given, pretrained_dir=str(tmp_path))
    message = message_of(preflight.pretrained_path, make(**given))
    assert f" --pretrained_dir {tmp_path} " in message


def test_start_weights_of_another_network_are_refused_before_the_run_begins(tmp_path):
    path = str(tmp_path / "other.npz")
    np.savez(path, **{"InceptionV3/Logits/weights": np.zeros(3)})
    message = message_of(preflight.pretrained_path, make(net="inc4", pretrained=path))
    assert message == f"{path} is not of --net inc4: it holds InceptionV3, not InceptionV4"
    assert preflight.pretrained_path(make(net="inc3", pretrained=path)) == path
