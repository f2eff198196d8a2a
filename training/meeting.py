"""The processes of a run on several machines meet before the start and compare what they do."""

import hashlib
import http.client
import http.server
import json
import os
import threading
import time
import urllib.request

from config.base_config import SETTINGS
from config.cluster import host_and_port
from training.preflight import records_of
from utils.errors import UserError
from utils.provenance import versions

_MOST_BYTES = 1 << 20
_PAUSE = 0.5  # seconds between attempts to reach the chief
# Settings that may differ between the machines of a run: their devices and paths.
_OWN = (
    "dataset_path", "parallel_calls", "pretrained", "run_dir", "run_suffix", "on_exist", "gpu",
    "join_timeout", "cache", "datasets_dir", "pretrained_dir", "runs_dir",
)  # fmt: skip


def in_common(config, dataset, weights, steps_done):
    """What must be the same on every machine of a run.

    Args:
      config: Config.
      dataset: data.lists.Dataset.
      weights: str, path of the start weights, or None.
      steps_done: int, step of the checkpoint to resume from; None for a new run.

    Returns:
      dict from a name to a JSON value.
    """
    about = {f"--{name}": getattr(config, name) for name in SETTINGS if name not in _OWN}
    about.update(versions())
    about["number of devices"] = len(config.gpu.split(","))
    about["step to resume from"] = steps_done
    about["digest of the start weights"] = weights and _digest(weights)
    for name, value in records_of(dataset).items():
        pairs = value.items() if isinstance(value, dict) else [("", value)]
        about.update({f"{name} {key}".strip(): found for key, found in pairs})
    return about


def _digest(weights):
    """Of a file, or of the index of a checkpoint, which holds the checksum of every tensor."""
    path = weights if os.path.isfile(weights) else weights + ".index"
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:12]


def meet(cluster, about, timeout):
    """Waits until all processes have met, and compares what each is about to do.

    The chief listens on its address of TF_CONFIG, before TensorFlow does, and answers the others
    when all have come.

    Args:
      cluster: config.cluster.Cluster.
      about: dict from a name to a JSON value, which must be the same in every process.
      timeout: float, seconds.

    Raises:
      UserError: a process did not come in time, or is about to do something else.
    """
    about = {name: json.dumps(value, sort_keys=True) for name, value in about.items()}
    refusal = (_receive if cluster.is_chief else _send)(cluster, about, timeout)
    if refusal:
        raise UserError(refusal)


def _receive(cluster, about, timeout):
    """The chief's part of `meet`; returns why the run is refused, or None."""
    verdict, decided = ["the chief was stopped"], threading.Event()
    expected = range(1, len(cluster.addresses))
    others, all_came = {}, threading.Event()

    def answer(sent):
        others[expected[expected.index(sent["rank"])]] = dict(sent["about"])
        if len(others) == len(expected):
            all_came.set()
        decided.wait()
        return verdict[0]

    server = _serve(cluster.addresses[0], answer)
    try:
        if all_came.wait(timeout):
            verdict[0] = _compare(cluster, about, others)
        else:
            verdict[0] = _did_not_come(cluster, sorted(set(expected) - set(others)), timeout)
    finally:
        decided.set()
        server.shutdown()
        server.server_close()
    return verdict[0]


def _serve(address, answer):
    """Starts an HTTP server that answers JSON with `answer(value)`; closing it waits for all."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802 - the library's name
            try:
                size = min(int(self.headers.get("Content-Length", 0)), _MOST_BYTES)
                found = answer(json.loads(self.rfile.read(size).decode("utf-8")))
            except (ValueError, KeyError, TypeError, RecursionError):
                self.send_error(400)
                return
            body = json.dumps(found).encode("utf-8")
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Logs nothing."""

    try:
        server = http.server.ThreadingHTTPServer(("", host_and_port(address)[1]), Handler)
    except OSError as error:
        reason = error.strerror
        raise UserError(f"this process can't listen at {address} of TF_CONFIG: {reason}") from None
    server.daemon_threads = False
    threading.Thread(target=server.serve_forever, args=[_PAUSE], daemon=True).start()
    return server


def _send(cluster, about, timeout):
    """Another process's part of `meet`; returns why the run is refused, or None."""
    body = json.dumps({"rank": cluster.rank, "about": about}).encode("utf-8")
    deadline = time.monotonic() + timeout
    while True:
        left = max(deadline - time.monotonic(), _PAUSE)
        try:
            url = f"http://{cluster.addresses[0]}/"
            # Twice the time, as the chief may have started to wait later.
            with _OPENER.open(url, body, 2 * timeout if left > _PAUSE else left) as answer:
                return json.loads(answer.read(_MOST_BYTES).decode("utf-8"))
        except (OSError, ValueError, http.client.HTTPException):
            if time.monotonic() > deadline:
                return _did_not_come(cluster, [0], timeout)
            time.sleep(_PAUSE)


# The machines of a cluster are reached directly, whatever http_proxy says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _compare(cluster, about, others):
    """A sentence on the first difference between the chief and another process, or None."""
    for rank, theirs in sorted(others.items()):
        for name, value in about.items():
            found = theirs.get(name)
            if found != value:
                return (
                    f"{name_of(cluster, rank)} has {name} {found}, but the chief {value}; start"
                    " every machine with the same command, code, data and versions"
                )
    return None


def _did_not_come(cluster, ranks, timeout):
    names = ", ".join(name_of(cluster, rank) for rank in ranks)
    return (
        f"{names} did not answer within the {timeout:g} s of --join_timeout; check TF_CONFIG, the"
        " network, and that the same command runs on every machine"
    )


def name_of(cluster, rank):
    """How a sentence names a process."""
    kind = "the chief" if rank == 0 else f"worker {rank}"
    return f"{kind} at {cluster.addresses[rank]}"
