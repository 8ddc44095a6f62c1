"""SIGTERM: what is done before the process dies by it, and that it dies as it would have."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml.session import sigterm
from flytekitplugins.comet_ml.session.sigterm import before_termination

from tests.support.signalled import script


def _nothing(seconds: float) -> None: ...


@pytest.mark.parametrize(
    "busy",
    [
        "while True: pass",
        "time.sleep(60)",
        "ctypes.CDLL(None).select(0, None, None, None, ctypes.byref((ctypes.c_long * 2)(60, 0)))\nwhile True: pass",
        "hashlib.pbkdf2_hmac('sha256', b'', b'', 200_000_000)",
        "threading.Event().wait()",
    ],
    ids=["python", "sleep", "C code that is interrupted", "C code that is not", "a lock"],
)
def test_the_action_is_done_at_once_and_the_process_dies_by_the_signal(tmp_path: Path, busy: str) -> None:
    body = f"with before_termination(act):\n    ready()\n{textwrap.indent(busy, '    ')}\nsay('went on')"
    # A body that went on would end by itself.
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "acted\n")


def test_a_body_that_comes_to_its_end_meanwhile_gets_no_further(tmp_path: Path) -> None:
    body = """
    def slowly(seconds):
        time.sleep(1)
        say("acted")

    with before_termination(slowly):
        ready()
        time.sleep(0.6)
    say("went on")
    """
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "acted\n")


def test_an_action_that_hangs_does_not_keep_the_process(tmp_path: Path) -> None:
    body = """
    with before_termination(lambda seconds: time.sleep(3600), grace_period=1):
        ready()
        time.sleep(3600)
    """
    assert script(tmp_path, body)[0] == -signal.SIGTERM


@pytest.mark.slow
def test_what_an_action_says_when_its_time_is_over_is_said_before_the_process_dies(tmp_path: Path) -> None:
    body = """
    def late(seconds):
        time.sleep(seconds + 0.1)
        say("left where it is")

    with before_termination(late):
        ready()
        time.sleep(60)
    """
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "left where it is\n")


def test_a_handler_that_was_there_runs_and_decides(tmp_path: Path) -> None:
    body = """
    def handler(number, frame):
        say("handled")
        raise SystemExit(7)

    signal.signal(signal.SIGTERM, handler)
    with before_termination(act):
        ready()
        time.sleep(60)
    """
    assert script(tmp_path, body)[:2] == (7, "handled\n")


def test_a_handler_that_the_body_sets_runs_and_decides(tmp_path: Path) -> None:
    body = """
    with before_termination(act):
        stopped = []
        signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(1))
        ready()
        while not stopped:
            time.sleep(0.01)
        say("ended in its own way")
    """
    assert script(tmp_path, body)[:2] == (0, "ended in its own way\n")


def test_the_action_is_done_if_such_a_handler_does_not_end_the_call_soon(tmp_path: Path) -> None:
    body = """
    with before_termination(act, grace_period=1):
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        ready()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            time.sleep(0.1)
        say("ended in its own way")
    """
    assert script(tmp_path, body)[:2] == (0, "acted\nended in its own way\n")


def test_the_actions_of_calls_that_overlap_are_all_done(tmp_path: Path) -> None:
    body = """
    def thread():
        with before_termination(lambda seconds: say("in a thread")):
            time.sleep(60)

    with before_termination(act):
        threading.Thread(target=thread, daemon=True).start()
        time.sleep(0.2)
        ready()
        time.sleep(60)
    """
    status, output, _ = script(tmp_path, body)
    assert status == -signal.SIGTERM
    assert sorted(output.splitlines()) == ["acted", "in a thread"]


def test_a_prepared_process_acts_for_a_thread_and_dies_at_once_without_one(tmp_path: Path) -> None:
    body = """
    prepare()

    def thread():
        with before_termination(act):
            ready()
            time.sleep(60)

    threading.Thread(target=thread, daemon=True).start()
    threading.Event().wait()
    """
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "acted\n")
    (tmp_path / "ready").unlink()
    body = "prepare()\nready()\nthreading.Event().wait()"
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "")


def test_a_forked_child_that_is_terminated_does_not_end_its_parent(tmp_path: Path) -> None:
    body = """
    with before_termination(act):
        # Python 3.12 warns of forks where there are threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        time.sleep(0.2)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        say("child", os.WTERMSIG(status))
        time.sleep(0.5)
        say("parent goes on")
        ready()
        time.sleep(60)
    """
    status, output, _ = script(tmp_path, body)
    assert (status, output) == (-signal.SIGTERM, f"child {int(signal.SIGTERM)}\nparent goes on\nacted\n")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, for a process 1")
def test_the_first_process_of_a_container_lives_on_as_without_us(tmp_path: Path) -> None:
    # The kernel drops a signal without a handler there; with one, it would come through.
    body = """
    with before_termination(act, grace_period=1):
        assert os.getpid() == 1
        ready()
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            time.sleep(0.1)
        say("went on")
    """
    body = body.replace("ready()", "open(sys.argv[1], 'w').write(os.readlink('/proc/self') )")
    probe = subprocess.run(["unshare", "--pid", "--fork", "true"], check=False)
    if probe.returncode != 0:
        pytest.skip("no namespaces here")
    # Without a new /proc, /proc/self still says which number the process has outside.
    assert script(tmp_path, body, command=("unshare", "--pid", "--fork"))[:2] == (0, "acted\nwent on\n")


# In this process


@pytest.fixture(autouse=True)
def no_watch() -> None:
    """An async task that ran before in this process has left the watch for its next one."""
    with sigterm._lock():
        sigterm._prepared = False
        sigterm._stop_watch()


def _state() -> tuple[Any, int, set[str]]:
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    handlers = (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP))
    return handlers, descriptor, {t.name for t in threading.enumerate()}


def _settled(state: tuple[Any, int, set[str]]) -> bool:
    """Whether it comes to be as before, but for threads of an earlier test that have ended meanwhile."""

    def as_before() -> bool:
        now = _state()
        return now[:2] == state[:2] and now[2] <= state[2]

    deadline = time.monotonic() + 60
    while not as_before() and time.monotonic() < deadline:
        time.sleep(0.01)
    return as_before()


@pytest.mark.parametrize("nested", [False, True])
def test_handler_descriptor_and_threads_are_as_before_afterwards(nested: bool) -> None:
    before = _state()
    with before_termination(_nothing):
        assert signal.getsignal(signal.SIGTERM) != before[0][0]
        if nested:
            with before_termination(lambda seconds: None):
                pass
            assert signal.getsignal(signal.SIGTERM) != before[0][0]
    assert _settled(before)


def test_a_handler_that_the_body_sets_stays() -> None:
    before = _state()

    def handler(number: int, frame: Any) -> None: ...

    try:
        with before_termination(_nothing):
            signal.signal(signal.SIGTERM, handler)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before[0][0])
    assert _settled(before)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with before_termination(_nothing):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_signals_of_an_event_loop_in_the_body_still_arrive() -> None:
    async def body() -> str:
        heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, heard.set_result, "heard")
        os.kill(os.getpid(), signal.SIGUSR1)
        return await asyncio.wait_for(heard, 5)

    before = _state()
    with before_termination(_nothing):
        assert asyncio.run(body()) == "heard"
    assert _settled(before)


def test_the_descriptor_of_an_event_loop_around_it_still_gets_its_signals() -> None:
    async def body() -> str:
        loop = asyncio.get_running_loop()
        heard: asyncio.Future[str] = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, heard.set_result, "heard")
        with before_termination(_nothing):
            os.kill(os.getpid(), signal.SIGUSR1)
            return await asyncio.wait_for(heard, 5)

    before = _state()
    assert asyncio.run(body()) == "heard"
    assert _settled(before)


def test_the_descriptor_of_an_event_loop_that_has_been_closed_meanwhile_is_no_trouble(tmp_path: Path) -> None:
    body = """
    import socket
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    with before_termination(act):
        writer.close()
    assert signal.set_wakeup_fd(-1) == -1
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    with before_termination(act):
        writer.close()
        ready()
        time.sleep(60)
    """
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "acted\n")


def test_in_a_thread_nothing_is_watched_and_nothing_breaks() -> None:
    before, seen = _state(), []

    def thread() -> None:
        with before_termination(_nothing) as termination:
            seen.append(termination.received)

    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    assert seen == [False]
    assert _settled(before)
