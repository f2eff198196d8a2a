"""Published checkpoints: fetched from a server of our own, listed, inspected, and every mistake."""

import functools
import http.server
import os
import subprocess
import sys
import tarfile
import threading

import numpy as np
import pytest

from config.networks import NETWORKS, Checkpoint, published_checkpoints
from nets.factory import network_fn
from pretrained import commands, flags, published
from pretrained import weights as weight_files
from utils import download as transfer
from utils.errors import UserError
from utils.tf1 import tf

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """An address that serves a folder, what was asked of it, and that folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(transfer, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as made:
        made.asked, made.folder = [], folder
        made.url = f"http://127.0.0.1:{made.server_address[1]}/"
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def save_checkpoint(prefix, version="V2"):
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.get_variable("net/weights", initializer=[1.0, 2.0]).initializer)
        saver = tf.train.Saver(write_version=getattr(tf.train.SaverDef, version))
        saver.save(session, str(prefix), write_meta_graph=False, write_state=False)


def pack(server, name, folder):
    with tarfile.open(str(server.folder / name), "w:gz") as tar:
        tar.add(str(folder), arcname=".")
    return os.path.getsize(str(server.folder / name))


def message_of(call, *args):
    with pytest.raises(UserError) as caught:
        call(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def perform(*words):
    return list(commands.perform(flags.parse([str(word) for word in words])))


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_a_missing_checkpoint_is_fetched_to_its_place_once(server, tmp_path, version):
    (tmp_path / "made").mkdir()
    save_checkpoint(tmp_path / "made" / "net.ckpt", version)
    size = pack(server, "net_2016.tar.gz", tmp_path / "made")
    checkpoint = Checkpoint("net/net.ckpt", server.url + "net_2016.tar.gz", 70.0, size)
    folder = tmp_path / "pretrained"
    prefix, is_new = published.obtain(checkpoint, str(folder), "Net")
    assert is_new and prefix == str(folder / "net" / "net.ckpt")
    shapes, value_of = weight_files.open_weights(prefix)
    assert shapes == {"net/weights": (2,)} and value_of("net/weights").tolist() == [1, 2]
    assert os.listdir(str(folder)) == ["net"]  # neither the archive nor a part of it
    assert published.obtain(checkpoint, str(folder), "Net") == (prefix, False)
    assert server.asked == ["/net_2016.tar.gz"]


def test_what_is_not_the_checkpoint_is_said(server, tmp_path):
    folder = str(tmp_path / "pretrained")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "readme.txt").write_text("no weights")
    size = pack(server, "other.tar.gz", tmp_path / "made")

    def message(name, **known):
        checkpoint = Checkpoint("net/net.ckpt", server.url + name, 70.0, **known)
        return message_of(published.obtain, checkpoint, folder, "Net")

    assert "404" in message("none.tar.gz")
    assert "not 7: it is a different file" in message("other.tar.gz", archive_bytes=7)
    assert "does not hold net.ckpt, but readme.txt" in message("other.tar.gz", archive_bytes=size)
    (server.folder / "page.tar.gz").write_text("<html>not found</html>")
    assert "not a complete archive" in message("page.tar.gz")
    (tmp_path / "made" / "net.ckpt").write_text("damaged")
    pack(server, "damaged.tar.gz", tmp_path / "made")
    assert "can't be read" in message("damaged.tar.gz")


def test_a_network_without_an_open_address_says_where_to_look(tmp_path):
    message = message_of(perform, "densenet161", "--pretrained_dir", tmp_path)
    for word in ("Google Drive", "pudae/tensorflow-densenet", "tf-densenet161.ckpt", str(tmp_path)):
        assert word in message


def test_all_fetches_what_has_an_address_and_goes_on_with_what_is_there(tmp_path):
    for _, _, checkpoint in published_checkpoints().values():
        os.makedirs(str(tmp_path / os.path.dirname(checkpoint.path)), exist_ok=True)
        if checkpoint.is_open:
            save_checkpoint(tmp_path / checkpoint.path)
    lines = perform("all", "--pretrained_dir", tmp_path)
    names = {name for name, entry in published_checkpoints().items() if entry[2].is_open}
    assert (
        {line.split(":")[0] for line in lines}
        == names
        == set(published_checkpoints()) - {"densenet161"}
    )
    assert all(line.endswith("already exists") for line in lines)


def test_list_tells_what_is_there_and_what_is_missing(tmp_path):
    (tmp_path / "inception_v4").mkdir()
    (tmp_path / "inception_v4" / "inception_v4.ckpt").write_bytes(b"x" * 2_500_000)
    (tmp_path / "inception_v3.ckpt.index").write_text("a part only")
    lines = {line.split()[0]: line for line in perform("list", "--pretrained_dir", tmp_path)}
    assert set(published_checkpoints()) <= set(lines)
    assert "2.5 MB" in lines["inc4"] and "80.2%" in lines["inc4"]
    assert "missing" in lines["inc3"] and "78.0%" in lines["inc3"]
    assert "missing" in lines["mobile_0.25"] and "49.8%" in lines["mobile_0.25"]
    assert "github.com/pudae/tensorflow-densenet" in lines["densenet161"]
    assert any("python -m pretrained NAME" in line for line in lines.values())


@pytest.fixture(scope="module")
def mobile_file(tmp_path_factory):
    """A checkpoint of a MobileNet 0.25 of 7 classes, without one layer and with another's shape."""
    prefix = str(tmp_path_factory.mktemp("mobile") / "mobile.ckpt")
    with tf.Graph().as_default(), tf.Session() as session:
        network = network_fn("mobile", depth_multiplier=0.25)
        network(tf.zeros([1, 32, 32, 3]), 7, False)
        variables = {v.op.name: v for v in tf.model_variables()}
        del variables["MobilenetV1/Conv2d_13_pointwise/weights"]
        odd = tf.get_variable("odd", initializer=np.zeros([3, 3, 3, 9], np.float32))
        variables["MobilenetV1/Conv2d_0/weights"] = odd
        variables["global_step"] = tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        tf.train.Saver(variables).save(session, prefix, write_meta_graph=False)
    return prefix


def test_inspect_shows_variables_and_what_a_network_would_take(mobile_file):
    lines = perform("inspect", mobile_file)
    assert "MobilenetV1/Conv2d_5_pointwise/weights" in "\n".join(lines) and len(lines) == 138
    assert lines[-1].startswith("137 variables, ") and "MobilenetV1" in lines[-1]
    lines = perform("inspect", mobile_file, "--net", "mobile_0.25")
    assert lines[1:3] == ["133 restored", "3 new"]
    assert "  MobilenetV1/Conv2d_13_pointwise/weights  [1, 1, 256, 256]" in lines
    head = "  MobilenetV1/Logits/Conv2d_1c_1x1/biases  [7], a head: it depends on the class count"
    assert lines.count(head) == 2  # new in a run, unused of the file
    shapes = "[3, 3, 3, 9] in the file, [3, 3, 3, 8] in the network"
    assert f"  MobilenetV1/Conv2d_0/weights  {shapes}" in lines
    assert lines[6] == "1 different shape" and "3 unused" in lines and "  global_step  []" in lines
    lines = perform("inspect", "--net", "resnet50", mobile_file)
    assert lines[1] == "0 restored" and lines[2] == "272 new"


@pytest.mark.parametrize(
    "words, expected",
    [
        (
            ["inc9"],
            "there is no command or network inc9; choose list, all, inspect or one of resnet50",
        ),
        (["inspect"], "usage: python -m pretrained inspect PATH"),
        (["inc3", "extra"], "usage: python -m pretrained inc3"),
        (["list", "--net", "inc3"], "--net has no effect with list"),
        (["inspect", "x", "--net", "inc9"], "--net inc9: choose from resnet50"),
        (["inspect", "x"], "there is no checkpoint x"),
        (["list", "--nett", "inc3"], "did you mean --net?"),
        ([], "{list,NAME,all,inspect}"),
    ],
)
def test_mistakes_get_one_sentence(words, expected):
    assert expected in message_of(perform, *words)


def test_the_command_prints_and_ends_as_a_command(tmp_path):
    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "pretrained", *words, "--pretrained_dir", str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
        )  # fmt: skip

    listed = run("list")
    assert listed.returncode == 0 and listed.stderr == ""
    assert len(listed.stdout.splitlines()) == len(published_checkpoints()) + 3
    wrong = run("densenet161")
    assert wrong.returncode == 2 and wrong.stdout == ""
    assert wrong.stderr.startswith("pretrained: error: the weights of DenseNet-161")
    assert len(wrong.stderr.splitlines()) == 1


def test_every_network_has_published_weights():
    for name, (net, multiplier, checkpoint) in published_checkpoints().items():
        assert NETWORKS[net].checkpoints[multiplier] is checkpoint
        assert name.startswith(net) and checkpoint.path.endswith(".ckpt")
        assert 40 < checkpoint.top1 < 90
        if checkpoint.is_open:
            bucket = "https://storage.googleapis.com/download.tensorflow.org/models/"
            assert checkpoint.source.startswith(bucket)
            assert checkpoint.source.endswith((".tar.gz", ".tgz"))
    sources = [entry[2].source for entry in published_checkpoints().values()]
    assert len(set(sources)) == len(sources) == 16
