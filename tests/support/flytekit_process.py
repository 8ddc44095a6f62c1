"""Processes that start with flytekit loaded, as a pod's is after two seconds: forked off one that has loaded it.

A process that has loaded nothing of this plugin's and nothing of Comet's own, and has one thread, waits for command
lines. It forks a child for each. The child takes the environment, the directory and the output that are asked for, and
runs the command's own file to the end of the interpreter. Run as a program, this module is that process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

CAN_FORK = hasattr(os, "pidfd_open")
"""Whether there is what this needs of the system: elsewhere, processes start with nothing loaded."""

_PATH = os.environ.get("PATH", os.defpath)

LONGEST = 1_000_000
"""Bytes of a message at most."""


class ForkedProcess:
    """A process that another than this one has forked: what is used of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        """Wait for the fork.

        Args:
            connection: Gives the process's id, and its exit status when it has ended.
        """
        self._connection = connection
        self._lock = threading.Lock()
        self.pid = int(connection.recv(LONGEST))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, as of `subprocess`: minus the signal's number if it died by one."""
        status = self._status(timeout)
        if status is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return status

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it is known to have ended."""
        self.send_signal(signal.SIGKILL)

    def _status(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and _readable([self._connection], timeout):
                self.returncode = int(self._connection.recv(LONGEST))
                self._connection.close()
            return self.returncode


def _readable(files: Sequence[socket.socket | int], timeout: float | None) -> list[int]:
    """The files of which something can be read. Not by `select`: a long run of tests has more files than it knows."""
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return [number for number, _ in poll.poll(None if timeout is None else timeout * 1000)]


_lock = threading.Lock()
_waiting: list[socket.socket] = []


def forked(command: Sequence[str], directory: Path, environment: Mapping[str, str], log: Path) -> ForkedProcess:
    """Run a Python script in a process that has flytekit loaded, in a session of its own.

    Args:
        command: The script's file and its arguments.
        directory: Its working directory.
        environment: All of its environment.
        log: Where its output goes.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = [list(command), str(directory), dict(environment), str(log)]
    with _lock, theirs:
        if not _waiting:
            _waiting.append(_start())
        socket.send_fds(_waiting[0], [json.dumps(request).encode()], [theirs.fileno()])
    return ForkedProcess(ours)


def _start() -> socket.socket:
    """Start the process that forks. It ends with this one, or when there is nobody who could ask it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    home = tempfile.TemporaryDirectory(prefix="flytekit-process-", dir="/tmp")
    names = {"PATH": _PATH, "HOME": home.name, "TMPDIR": home.name}
    with theirs:
        number = theirs.fileno()
        process = subprocess.Popen(
            [sys.executable, __file__, str(number)],
            pass_fds=[number],
            env=names,
            cwd=home.name,
            stdin=subprocess.DEVNULL,
        )

    def stop() -> None:
        ours.close()
        process.wait()
        home.cleanup()

    atexit.register(stop)
    return ours


def _serve(asked: socket.socket) -> list[str] | None:
    """Fork a child for each request. Return in each child, with its command, and at the end."""
    children: dict[int, tuple[int, socket.socket]] = {}
    while True:
        ready = _readable([asked, *children], None)
        for ended in set(ready) & set(children):
            child, connection = children.pop(ended)
            _, status = os.waitpid(child, 0)
            os.close(ended)
            with connection:
                _tell(connection, os.waitstatus_to_exitcode(status))
        if asked.fileno() not in ready:
            continue
        message, numbers, _, _ = socket.recv_fds(asked, LONGEST, 1)
        if not message:
            return None
        connection = socket.socket(fileno=numbers[0])
        child = os.fork()
        if child == 0:
            for file in children:
                os.close(file)
            for each in (asked, connection, *(each for _, each in children.values())):
                each.close()
            return _become(*json.loads(message))
        _tell(connection, child)
        children[os.pidfd_open(child)] = child, connection


def _tell(connection: socket.socket, number: int) -> None:
    try:
        connection.send(str(number).encode())
    except BrokenPipeError:
        # Nobody has waited for this process: its test has ended.
        return


def _become(command: list[str], directory: str, environment: dict[str, str], log: str) -> list[str]:
    """Take what a process that is started finds, and what flytekit made of it when it was loaded."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    # Python sets it where there is no locale, before anything runs.
    coerced = os.environ.get("LC_CTYPE")
    os.environ.clear()
    os.environ.update(environment)
    if coerced is not None and not {"LC_ALL", "LC_CTYPE", "LANG"} & set(environment):
        os.environ["LC_CTYPE"] = coerced
    os.chdir(directory)
    tempfile.tempdir = None
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [os.path.dirname(command[0]), *paths]
    sys.argv[:] = command
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.loggers import initialize_global_loggers

    FlyteContextManager.initialize()
    initialize_global_loggers()
    if any(os.path.exists(os.path.join(path, "sitecustomize.py")) for path in paths):
        sys.modules.pop("sitecustomize", None)
        __import__("sitecustomize")
    return command


if __name__ == "__main__":
    import contextlib
    import gc
    import importlib
    import runpy

    # What the SDK brings, and nothing of the SDK's own. Numpy's threads would not be there after a fork.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    brought = "everett jsonschema numpy psutil requests_toolbelt semantic_version sentry_sdk wrapt".split()
    for name in ("flytekit.bin.entrypoint", *brought):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)

    # A child looks for garbage among what is its own: to look through all that is loaded takes long, and copies it.
    gc.freeze()
    script = _serve(socket.socket(fileno=int(sys.argv[1])))
    if script is not None:
        runpy.run_path(script[0], run_name="__main__")
