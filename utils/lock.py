"""The lock of a run folder: one process at a time works on it."""

import contextlib
import json
import logging
import os
import socket
import time

from utils.errors import UserError

LOCK_FILE = "run.lock"
SILENT_SECONDS = 600  # without a sign of life, a lock holder on another machine counts as dead
_LOGGER = logging.getLogger("two_head")


@contextlib.contextmanager
def lock(path):
    """Holds the lock of a run folder during a with-block.

    The operating system's file lock decides; it ends with its process. It may not cover processes
    on other machines: these are recognised by the file's contents and modification time.

    Args:
      path: str, the run folder, which exists.

    Yields:
      Function without arguments that updates the file's time; call it every few minutes.

    Raises:
      UserError: another process is using the folder, or the file can't be written.
    """
    file_path = os.path.join(path, LOCK_FILE)
    mine = {"host": socket.gethostname(), "pid": os.getpid(), "started": time.ctime()}
    try:
        file, reach = _open(file_path)
    except OSError as error:
        raise UserError(f"{file_path} can't be written: {error.strerror}") from None
    with file:
        _check_holder(path, file_path, mine["host"], reach)
        file.truncate(0)
        json.dump(mine, file)
        file.flush()
        try:
            yield lambda: _touch(file_path)
        finally:
            with contextlib.suppress(OSError):
                if _holder(file_path) == mine:  # else another machine has taken over
                    os.remove(file_path)


def unlock(path):
    """Removes this process's lock of a run folder, for an end that leaves no with-block."""
    file_path = os.path.join(path, LOCK_FILE)
    holder = _holder(file_path)
    if (holder.get("host"), holder.get("pid")) == (socket.gethostname(), os.getpid()):
        os.remove(file_path)


def _open(file_path):
    """The file, open for appending, and how far its lock reaches, see `_lock_by_system`."""
    while True:
        file = open(file_path, "a", encoding="utf-8")
        reach = _lock_by_system(file)
        try:
            if os.path.samestat(os.fstat(file.fileno()), os.stat(file_path)):
                return file, reach
        except FileNotFoundError:
            pass
        file.close()  # its holder has removed it in the meantime


def _lock_by_system(file):
    """str: "held" by another process; "here", now ours; "nowhere", locks are not supported."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "held"
    except (ImportError, OSError):
        return "nowhere"
    return "here"


def _check_holder(path, file_path, host, reach):
    """Refuses the folder while the process named in the file may be alive."""
    holder = _holder(file_path)
    theirs, pid = holder.get("host"), holder.get("pid")
    silent = time.time() - os.path.getmtime(file_path)
    if reach == "held" or (
        holder and silent < SILENT_SECONDS and (reach, theirs) != ("here", host)
    ):
        raise UserError(
            f"process {pid} on {theirs} has been using the run folder {path} since"
            f" {holder.get('started')}: wait for it to end, or choose another --run_dir"
        )
    if holder:
        level = logging.INFO if theirs == host else logging.WARNING
        text = "%s: taken over from process %s on %s, which left it behind"
        _LOGGER.log(level, text, file_path, pid, theirs)


def _holder(file_path):
    """Dict, the contents of the file; empty if they can't be read."""
    try:
        with open(file_path, encoding="utf-8") as file:
            contents = json.loads(file.read(4096))
    except (OSError, ValueError, RecursionError):
        return {}
    return contents if isinstance(contents, dict) else {}


def _touch(file_path):
    with contextlib.suppress(OSError):
        os.utime(file_path)
