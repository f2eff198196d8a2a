"""Runs scripts in forks of a process that has imported TensorFlow: a new one takes seconds to."""

import multiprocessing
import os
import runpy
import sys
import threading
from multiprocessing.connection import Connection

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIMIT_S = 400
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["tests.preloaded"])


def _run(script, words, cwd, environment, pipe):
    for number in (1, 2):
        os.dup2(pipe.fileno(), number)
    pipe.close()
    sys.stdout, sys.stderr = open(1, "w"), open(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [script, *words]
    runpy.run_path(script, run_name="__main__")


class Forked:
    """A running script.

    Attributes:
      output: file of what it writes to stdout and stderr.
    """

    def __init__(self, script, *words, cwd=ROOT, **environment):
        """Starts a script, whose path is relative to the repository."""
        read, write = os.pipe()
        self.output = open(read, encoding="utf-8")
        words, environment = [str(word) for word in words], dict(os.environ, **environment)
        with Connection(write, readable=False) as pipe:
            args = (os.path.join(ROOT, script), words, str(cwd), environment, pipe)
            self._process = _SERVER.Process(target=_run, args=args)
            self._process.start()
        self.kill = self._process.kill

    @property
    def exit_code(self):
        """Int, -n after signal n; None while it runs."""
        return self._process.exitcode

    def send_signal(self, number):
        os.kill(self._process.pid, number)

    def finish(self):
        """Waits for the end, or kills a script that hangs; returns the rest of its output."""
        timer = threading.Timer(LIMIT_S, self.kill)
        timer.start()
        with self.output:
            text = self.output.read()
        self._process.join()
        timer.cancel()
        return text
