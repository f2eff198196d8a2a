"""The one exception for a mistake of the user's, and how a script ends."""

import errno
import os
import re
import sys

from utils.signals import exit_on_signal

# What TensorFlow sets before the reason of an error, and the mark-up around it.
_BEFORE_REASON = re.compile(
    r"^({{.*?}} *|Error in user-defined function.*Iterator::\S+: |\(\d+\) *[A-Za-z_ ]+: *)+"
)
_ASSERTION = re.compile(r"^assertion failed: \[(.*?)\].*")


class UserError(Exception):
    """What is wrong, where, and what to do, in one sentence."""


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
    """The line of an error that tells the reason.

    Args:
      error: OSError, or an OpError of TensorFlow, whose message has it among other lines.

    Returns:
      str, one line without a full stop.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "message", None) or str(error)
    # Behind the stack of the node, where there is one.
    lines = re.split(r"\nNode: .*\n", text)[-1].splitlines()
    skipped = re.compile(r"$|Graph execution error:|\d+ root error")
    lines = [line.strip() for line in lines if not skipped.match(line.strip())]
    reason = _BEFORE_REASON.sub("", lines[0]) if lines else type(error).__name__
    return _ASSERTION.sub(r"\1", reason).rstrip(".")


def run_script(program, run):
    """Calls `run()` and exits the process as a command-line program should.

    Args:
      program: str, the name that opens an error line.
      run: callable without arguments.

    Raises:
      SystemExit: 2 after a `UserError` or on a full disk, 128 + n after signal n, 1 where nobody
        reads on what it prints, as with `| head`.
    """
    try:
        with exit_on_signal(program):
            run()
    except UserError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = (
            f"{error.filename} can't be written" if error.filename else "a file can't be written"
        )
        advice = "make room and run the same command again"
        print(f"{program}: error: {where}: {error.strerror}; {advice}", file=sys.stderr)
        sys.exit(2)
    except Interrupted as stop:
        print(f"{program}: {stop}", file=sys.stderr)
        sys.exit(128 + stop.signal_number)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        sys.exit(130)
