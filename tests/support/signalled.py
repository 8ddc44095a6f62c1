"""A process of its own, to which signals are sent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def script(
    tmp_path: Path,
    body: str,
    *,
    command: tuple[str, ...] = (),
    wait: float = 0.3,
    numbers: tuple[signal.Signals, ...] = (signal.SIGTERM,),
) -> tuple[int, str, float]:
    """Run a body in a process of its own, send it signals once it is ready, and return status, output and seconds.

    Args:
        tmp_path: An empty directory.
        body: Code, which says when it is `ready()`.
        command: What runs Python.
        wait: Seconds before each signal.
        numbers: The signals.
    """
    file = tmp_path / "script.py"
    file.write_text(
        textwrap.dedent(
            """
            import ctypes, hashlib, os, signal, sys, threading, time, warnings
            from flytekitplugins.comet_ml.session.interrupt import uninterrupted
            from flytekitplugins.comet_ml.session.sigterm import before_termination, prepare

            # Under nohup, or in the background of a script, they are ignored in whatever a process starts.
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)

            def say(*words):
                os.write(1, (" ".join(map(str, words)) + "\\n").encode())

            def act(seconds):
                say("acted")

            def ready():
                open(sys.argv[1], "w").close()
            """
        )
        + textwrap.dedent(body)
    )
    flag = tmp_path / "ready"
    process = subprocess.Popen(
        [*command, sys.executable, str(file), str(flag)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 60
    while not flag.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    target = int(flag.read_text()) if flag.exists() and flag.read_text() else process.pid
    begun = 0.0
    for number in numbers:
        time.sleep(wait)
        begun = begun or time.monotonic()
        os.kill(target, number)
    output, _ = process.communicate(timeout=280)
    return process.returncode, output, time.monotonic() - begun


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT is a KeyboardInterrupt while the block runs, as in a new process: flytekit's own handler exits."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
