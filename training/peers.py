"""The other processes of a run on several machines: meeting before the start, and watching."""

import http.client
import http.server
import json
import os
import socket
import sys
import threading
import time
import urllib.request

from utils.errors import UserError
from utils.tf1 import tf

_MOST_BYTES = 1 << 20
_PAUSE = 0.5  # seconds between attempts to reach the chief
_INTERVAL = 5.0  # seconds between two looks at a process
_MISSES = 3  # looks in a row without an answer, after which it counts as dead


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
    refusal = _receive(cluster, about, timeout) if cluster.is_chief else None
    if not cluster.is_chief:
        refusal = _send(cluster, about, timeout)
    if refusal:
        raise UserError(refusal)


def _receive(cluster, about, timeout):
    """The chief's part of `meet`; returns why the run is refused, or None."""
    verdict, decided = [], threading.Event()
    expected = range(1, len(cluster.addresses))
    others, all_came = {}, threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802 - the library's name
            try:
                size = min(int(self.headers.get("Content-Length", 0)), _MOST_BYTES)
                sent = json.loads(self.rfile.read(size).decode("utf-8"))
                rank, theirs = expected[expected.index(sent["rank"])], dict(sent["about"])
            except (ValueError, KeyError, TypeError, RecursionError):
                self.send_error(400)
                return
            others[rank] = theirs
            if len(others) == len(expected):
                all_came.set()
            decided.wait()
            answer = json.dumps(verdict[0]).encode("utf-8")
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            """Logs nothing."""

    address = cluster.addresses[0]
    try:
        server = http.server.ThreadingHTTPServer(("", _split(address)[1]), Handler)
    except OSError as error:
        reason = error.strerror
        raise UserError(f"this process can't listen at {address} of TF_CONFIG: {reason}") from None
    server.daemon_threads = False  # so that closing it waits for the answers
    serving = threading.Thread(target=server.serve_forever, args=[_PAUSE], daemon=True)
    serving.start()
    try:
        in_time = all_came.wait(timeout)
        verdict.append(_compare(cluster, about, others) if in_time else None)
        if not in_time:
            verdict[0] = _did_not_come(cluster, sorted(set(expected) - set(others)), timeout)
    finally:
        verdict.append("the chief was stopped")
        decided.set()
        server.shutdown()
        server.server_close()
    return verdict[0]


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
                    f"{_name(cluster, rank)} has {name} {found}, but the chief {value}; start"
                    " every machine with the same command, code, data and versions"
                )
    return None


def _did_not_come(cluster, ranks, timeout):
    names = ", ".join(_name(cluster, rank) for rank in ranks)
    return (
        f"{names} did not answer within the {timeout:g} s of --join_timeout; check TF_CONFIG, the"
        " network, and that the same command runs on every machine"
    )


def _name(cluster, rank):
    kind = "the chief" if rank == 0 else f"worker {rank}"
    return f"{kind} at {cluster.addresses[rank]}"


def _split(address):
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


class Watch:
    """A context that ends this process if another one dies, as TensorFlow would wait forever.

    The chief looks at every process, the others look at the chief: whether something listens at
    the address, as TensorFlow's server does.
    """

    def __init__(self, cluster, timeout, clean_up):
        """Takes the Cluster, the seconds for a first answer, and a function to call before the end.

        Without a cluster it does nothing.
        """
        self._cluster, self._timeout, self._clean_up = cluster, timeout, clean_up
        self._ended = threading.Event()

    def __enter__(self):
        """Starts to watch."""
        if self._cluster is not None:
            ranks = range(1, len(self._cluster.addresses)) if self._cluster.is_chief else [0]
            for rank in ranks:
                threading.Thread(target=self._watch, args=[rank], daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        """Stops watching; after an error of TensorFlow's, only if no other process has died."""
        del kind, trace
        if self._cluster is not None and isinstance(error, tf.errors.OpError):
            time.sleep(3 * _MISSES * _INTERVAL)
        self._ended.set()

    def _watch(self, rank):
        address, deadline = self._cluster.addresses[rank], time.monotonic() + self._timeout
        while not _answers(address) and time.monotonic() < deadline:
            if self._ended.wait(_PAUSE):
                return
        misses = 0
        while misses < _MISSES:
            if self._ended.wait(_INTERVAL):
                return
            misses = 0 if _answers(address) else misses + 1
        self._end(rank)

    def _end(self, rank):
        self._clean_up()
        sys.stderr.write(
            f"\nmain.py: {_name(self._cluster, rank)} no longer answers, so this process ends too;"
            " run the same command again on every machine to resume\n"
        )
        sys.stderr.flush()
        os._exit(1)  # the main thread may be waiting inside TensorFlow


def _answers(address):
    try:
        with socket.create_connection(_split(address), _INTERVAL):
            return True
    except OSError:
        return False
