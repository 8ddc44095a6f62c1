"""SIGINT during the end: the end goes on, and then the interrupt does."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flytekitplugins.comet_ml.session.interrupt import uninterrupted

from tests.support.signalled import interruptible, script

ONCE, TWICE = (signal.SIGINT,), (signal.SIGINT, signal.SIGINT)
BODY = """
try:
    with uninterrupted({seconds}{more}):
        ready()
        {block}
        say("ended")
    say("went on")
except KeyboardInterrupt:
    say("interrupted")
"""


def interrupted(
    tmp_path: Path, block: str, numbers: tuple[signal.Signals, ...] = ONCE, *, seconds: float = 20, more: str = ""
) -> str:
    """Run a block in an interrupted process, and return what it and the plugin said."""
    body = BODY.format(seconds=seconds, more=more, block=block)
    status, output, _ = script(tmp_path, body, numbers=numbers, wait=0.5)
    assert status == 0, output
    return output


@pytest.mark.parametrize("wait", ["time.sleep(2)", "threading.Event().wait(2)"], ids=["sleep", "a lock"])
def test_the_block_comes_to_its_end_and_then_the_interrupt_goes_on(tmp_path: Path, wait: str) -> None:
    output = interrupted(tmp_path, wait)
    assert output.splitlines()[-2:] == ["ended", "interrupted"]
    assert output.count("Interrupt again to leave at once") == 1


def test_a_second_interrupt_leaves_the_block_and_says_what_is_lost(tmp_path: Path) -> None:
    output = interrupted(tmp_path, "time.sleep(30)", TWICE)
    assert "ended" not in output.splitlines()
    assert output.splitlines()[-1] == "interrupted"
    assert "Interrupted again" in output
    assert "What had not arrived in Comet by then is lost." in output


@pytest.mark.parametrize("wait", ["time.sleep(30)", "threading.Event().wait(30)"], ids=["sleep", "a lock"])
def test_a_block_that_takes_too_long_after_an_interrupt_is_left(tmp_path: Path, wait: str) -> None:
    output = interrupted(tmp_path, wait, seconds=1)
    assert "ended" not in output.splitlines()
    assert output.splitlines()[-1] == "interrupted"
    assert "did not end within 1 seconds of the interrupt" in output


def test_the_block_is_told_to_hurry(tmp_path: Path) -> None:
    block = "time.sleep(2)"
    output = interrupted(tmp_path, block, more=", lambda seconds: say('hurry', seconds)")
    assert output.splitlines().index("hurry 20") < output.splitlines().index("ended")


def test_what_is_done_about_the_interrupt_can_be_waited_for(tmp_path: Path) -> None:
    body = """
    def hurry(seconds):
        time.sleep(1)
        say("hurried")

    try:
        with uninterrupted(20, hurry) as interrupt:
            ready()
            time.sleep(1)
            interrupt.settle()
            say("ended", interrupt.received)
    except KeyboardInterrupt:
        say("interrupted")
    """
    status, output, _ = script(tmp_path, body, numbers=ONCE, wait=0.3)
    assert (status, output.splitlines()[-3:]) == (0, ["hurried", "ended True", "interrupted"])


def test_an_interrupt_that_the_block_catches_goes_on_all_the_same(tmp_path: Path) -> None:
    block = "\n        ".join(["try:", "    time.sleep(30)", "except BaseException:", "    pass"])
    output = interrupted(tmp_path, block, TWICE)
    assert output.splitlines()[-1] == "interrupted"
    assert "went on" not in output


def test_a_handler_of_the_user_s_is_called_after_the_block(tmp_path: Path) -> None:
    body = """
    signal.signal(signal.SIGINT, lambda number, frame: say("handled", number, frame is not None))
    with uninterrupted(20):
        ready()
        time.sleep(2)
        say("ended")
    say("went on")
    """
    _, output, _ = script(tmp_path, body, numbers=ONCE)
    assert output.splitlines()[-3:] == ["ended", "handled 2 True", "went on"]


def test_a_process_that_an_interrupt_kills_dies_by_it_after_the_block(tmp_path: Path) -> None:
    body = """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with uninterrupted(20):
        ready()
        time.sleep(2)
        say("ended")
    say("went on")
    """
    status, output, _ = script(tmp_path, body, numbers=ONCE)
    assert (status, output.splitlines()[-1]) == (-signal.SIGINT, "ended")


def test_interrupts_at_random_moments_never_leave_the_block_in_the_middle(tmp_path: Path) -> None:
    body = """
    import random
    random.seed(1)
    broken = lost = 0
    for _ in range(300):
        begun = ended = interrupted = False
        delay = random.random() * 0.002
        sender = threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), signal.SIGINT)))
        try:
            with uninterrupted(20):
                begun = True
                sender.start()
                time.sleep(0.001)
                ended = True
            sender.join()
            time.sleep(0.001)
        except KeyboardInterrupt:
            interrupted = True
        sender.join()
        broken += begun and not ended
        lost += not interrupted
    say(broken, lost)
    """
    # The last line of the log is written by a thread, and may come later.
    assert "0 0" in script(tmp_path, body, numbers=())[1].splitlines()


# In this process


def test_the_handler_is_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with uninterrupted(1):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_exception_of_the_block_s_is_its_own() -> None:
    with pytest.raises(ValueError, match="no data"), uninterrupted(1):
        raise ValueError("no data")


def test_an_ignored_interrupt_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted(1):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_the_main_thread_is_not_touched() -> None:
    before, seen = signal.getsignal(signal.SIGINT), list[Any]()

    def thread() -> None:
        with uninterrupted(1) as interrupt:
            seen.extend([interrupt.received, signal.getsignal(signal.SIGINT)])

    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    assert seen == [False, before]


def test_no_thread_is_left() -> None:
    def interrupted() -> None:
        with uninterrupted(30):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.1)

    with interruptible(), pytest.raises(KeyboardInterrupt):
        interrupted()
    deadline = time.monotonic() + 5
    while any(t.name.startswith("comet-ml-interrupt") for t in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(t.name.startswith("comet-ml-interrupt") for t in threading.enumerate())
