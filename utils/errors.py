"""UserError, the exception for user mistakes, and how a script exits."""

import contextlib
import errno
import os
import re
import sys

from utils.signals import exit_on_signal

# Prefixes and mark-up that TensorFlow puts around the reason of an error.
_BEFORE_REASON = re.compile(
    r"^({{.*?}} *|Error in user-defined function.*Iterator::\S+: |\(\d+\) *[A-Za-z_ ]+: *)+"
)
_ASSERTION = re.compile(r"^assertion failed: \[(.*?)\].*")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class UserError(Exception):
    """One sentence: what is wrong, where, and what to do."""

    def __init__(self, message):
        """Takes the sentence; line breaks and control characters in quoted names are escaped."""
        super().__init__(_CONTROL.sub(lambda found: repr(found.group())[1:-1], str(message)))


class MachineError(UserError):
    """The same for what is no mistake of the command: a full disk, a folder that is gone."""


class Interrupted(Exception):  # noqa: N818 - not an error
    """A run was stopped by a signal after it had saved its state.

    Attributes:
      signal_number: int, the signal that stopped it.
    """

    def __init__(self, signal_number, message):
        """Takes the signal's number and the sentence to print."""
        super().__init__(message)
        self.signal_number = signal_number


def reason_of(error):
    """The line of an error that gives the reason.

    Args:
      error: OSError, or a TensorFlow OpError, whose message has other lines too.

    Returns:
      str, one line without a full stop.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "message", None) or str(error)
    # After the node's stack trace, if there is one.
    lines = re.split(r"\nNode: .*\n", text)[-1].splitlines()
    skipped = re.compile(r"$|Graph execution error:|\d+ root error")
    lines = [line.strip() for line in lines if not skipped.match(line.strip())]
    reason = _BEFORE_REASON.sub("", lines[0]) if lines else type(error).__name__
    return _ASSERTION.sub(r"\1", reason).rstrip(".")


def first_missing(path):
    """The topmost folder of a path that does not exist, or the path itself."""
    path = os.path.abspath(path)
    while not os.path.lexists(os.path.dirname(path)):
        path = os.path.dirname(path)
    return path


def system_reason(error):
    """The system's words in an error of TensorFlow's, such as a full disk's; else `reason_of`."""
    known = map(os.strerror, errno.errorcode)
    return next((text for text in known if f"; {text}" in str(error)), reason_of(error))


@contextlib.contextmanager
def writing_to(path):
    """A context that names the file in an OSError of its writes, as Python does only on opening."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


def run_script(program, run):
    """Calls `run()` and exits the process as a command-line program should.

    Args:
      program: str, the name at the start of an error line.
      run: callable without arguments.

    Raises:
      SystemExit: 2 after a `UserError`; 1 after a `MachineError`, if a file can't be read or
        written, or if the output is closed early, as with `| head`; 128 + n after signal n.
    """
    _open_closed_streams()
    _show_every_character()
    try:
        with exit_on_signal(program):
            run()
            sys.stdout.flush()
    except UserError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.exit(1 if isinstance(error, MachineError) else 2)
    except BrokenPipeError:
        _drop_output()
        sys.exit(1)
    except OSError as error:
        _drop_output()
        print(f"{program}: error: {_sentence_of(error)}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as stop:
        print(f"{program}: {stop}", file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(130)


def _open_closed_streams():
    """Sends what a closed standard stream would get to nowhere, before a file takes its number."""
    spare = os.open(os.devnull, os.O_RDWR)
    while spare <= 2:
        spare = os.open(os.devnull, os.O_RDWR)
    os.close(spare)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)


def _drop_output():
    """Sends what can't be printed to nowhere, as Python tries it again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_every_character():
    """Prints characters that the terminal can't encode as escapes instead of failing."""
    if hasattr(sys.stdout, "reconfigure"):  # a test may have replaced it
        sys.stdout.reconfigure(errors="backslashreplace")


def _sentence_of(error):
    """One sentence about an OSError."""
    reason = error.strerror or str(error) or type(error).__name__
    if error.filename is None and error.errno == errno.ENOENT:
        return "the working folder no longer exists; change to one that does"
    where = error.filename or "the output"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{where} can't be written: {reason}; free some space and run the same command again"
    missing = error.errno == errno.ENOENT and first_missing(where)
    if missing and missing != os.path.abspath(where):
        return (
            f"{where} can't be read or written, as there is no {missing} any more; restore or mount"
            " it, and run the same command again"
        )
    return f"{where} can't be read or written: {reason}"
