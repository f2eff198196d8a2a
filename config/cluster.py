"""Reads TF_CONFIG, TensorFlow's description of a run on several machines."""

import json
import re
from typing import NamedTuple, Tuple

from utils.errors import UserError

VARIABLE = "TF_CONFIG"
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", re.ASCII)
_EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """The processes of a run on several machines.

    Attributes:
      addresses: tuple of str, host:port of each process; the first is the chief's.
      rank: int, this process's position in it.
      jobs: dict from "chief" and "worker" to list of addresses, as TensorFlow takes it.
      job: str, this process's key in `jobs`.
      index: int, its position there.
    """

    addresses: Tuple[str, ...]
    rank: int
    jobs: dict
    job: str
    index: int

    @property
    def is_chief(self):
        """bool, whether this process writes the run folder."""
        return self.rank == 0


def cluster_of(environ):
    """Reads TF_CONFIG.

    Args:
      environ: mapping, the environment.

    Returns:
      Cluster; None without TF_CONFIG, or if it names a single process.

    Raises:
      UserError: it is malformed.
    """
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _error("it is not JSON") from None
    found = _dict(found, "it", {"cluster", "task"})
    if not found.get("cluster"):
        return None
    jobs = _jobs(_dict(found["cluster"], "cluster", {"chief", "worker"}))
    task = _dict(found.get("task"), "task", {"type", "index"})
    job, index = task.get("type"), task.get("index")
    if not isinstance(job, str) or job not in jobs:
        raise _error(f"task.type must be {' or '.join(jobs)}")
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        raise _error(f"task.index must be a number from 0 to {len(jobs[job]) - 1}")
    addresses = tuple(jobs.get("chief", [])) + tuple(jobs.get("worker", []))
    if len(addresses) == 1:
        return None
    rank = index + (len(jobs.get("chief", [])) if job == "worker" else 0)
    return Cluster(addresses, rank, jobs, job, index)


def host_and_port(address):
    """The host, without the brackets of IPv6, and the port of one of `Cluster.addresses`."""
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def _jobs(cluster):
    """The lists of addresses by job, checked."""
    jobs = {job: cluster[job] for job in ("chief", "worker") if cluster.get(job)}
    seen = set()
    for job, addresses in jobs.items():
        if not isinstance(addresses, list):
            raise _error(f"cluster.{job} must be a list of addresses")
        for address in addresses:
            match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
            if match is None or not 0 < int(match.group(2)) < 2**16:
                raise _error(f"cluster.{job} holds {str(address)[:60]!r}, which is no host:port")
            if address in seen:
                raise _error(f"it names {address} twice")
            seen.add(address)
    if not jobs:
        raise _error("cluster names no worker")
    if len(jobs.get("chief", [])) > 1:
        raise _error("cluster.chief must be a single address")
    return jobs


def _dict(value, name, keys):
    """Refuses anything but a dict with some of the keys; TensorFlow's other keys may be there."""
    if not isinstance(value, dict):
        raise _error(f"{name} must be an object with {' and '.join(sorted(keys))}")
    unknown = sorted(set(value) - keys) if name != "it" else []
    if unknown:
        raise _error(f"{name} holds {unknown[0][:60]!r}; it may hold {' and '.join(sorted(keys))}")
    return value


def _error(reason):
    return UserError(
        f"the environment variable {VARIABLE} is malformed: {reason}; it looks like {_EXAMPLE}"
    )
