"""The time between SIGTERM and SIGKILL, where somebody handles SIGTERM: who has how much of it, and what is saved."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.signalled import script

KEEP = """
def keep(seconds):
    say("kept")
"""


def test_a_handler_has_the_grace_period_to_end_the_task_in_its_own_way(tmp_path: Path) -> None:
    body = """
    with before_termination(act, grace_period=30) as termination:
        stopped = []
        signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(1))
        ready()
        while not stopped:
            time.sleep(0.01)
        time.sleep(6)
        say("ended after", termination.received, 20 < termination.seconds_left < 25)
    """
    assert script(tmp_path, body)[:2] == (0, "ended after True True\n")


def test_the_call_is_ended_before_the_grace_period_is_over(tmp_path: Path) -> None:
    body = """
    with before_termination(lambda seconds: say("acted", 0.5 < seconds <= 0.8), grace_period=1):
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        ready()
        time.sleep(3)
    """
    assert script(tmp_path, body)[:2] == (0, "acted True\n")


@pytest.mark.slow
def test_what_is_logged_is_kept_at_once_and_again_and_again_until_the_process_is_killed(tmp_path: Path) -> None:
    body = f"""
    {KEEP.replace(chr(10), chr(10) + "    ")}
    with before_termination(act, keep, grace_period=6):
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        ready()
        time.sleep(20)
    """
    body += "\n    say('lived on')"
    status, output, _ = script(tmp_path, body, numbers=(signal.SIGTERM, signal.SIGKILL), wait=5.5)
    assert status == -signal.SIGKILL
    assert set(output.splitlines()) == {"kept"}
    assert len(output.splitlines()) >= 3


def test_keeping_that_fails_is_tried_again(tmp_path: Path) -> None:
    body = """
    def keep(seconds):
        say("tried")
        raise OSError("no room")

    with before_termination(act, keep, grace_period=1):
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        ready()
        time.sleep(3)
    """
    status, output, _ = script(tmp_path, body)
    assert status == 0
    assert output.count("tried") >= 2


REASONS = {
    "an exit with 0 by the handler": ("def handler(number, frame):\n    sys.exit(0)", "", "True"),
    "an error that the handler raises": ("def handler(number, frame):\n    raise OSError('stop')", "", "True"),
    "an error that comes of one": (
        "def handler(number, frame):\n    raise OSError('stop')",
        "        except OSError as error:\n            raise RuntimeError('wrapped') from error",
        "True",
    ),
    "an exit with 0 later": ("def handler(number, frame): ...", "", "True"),
    "an error of the body's own later": ("def handler(number, frame): ...", "ValueError", "False"),
}


@pytest.mark.parametrize("earlier", [True, False], ids=["set before", "set by the body"])
@pytest.mark.parametrize("reason", REASONS)
def test_the_signal_explains_an_end_by_its_handler_or_by_an_exit(tmp_path: Path, reason: str, earlier: bool) -> None:
    handler, later, expected = REASONS[reason]
    install = "signal.signal(signal.SIGTERM, handler)"
    raised = "ValueError('of its own')" if later == "ValueError" else "SystemExit(0)"
    body = f"""{handler}

{install if earlier else ""}
with before_termination(act) as termination:
    {"" if earlier else install}
    try:
        try:
            ready()
            time.sleep(1)
            raise {raised}
        {later.strip() if later.startswith("        ") else "finally: pass"}
    except BaseException as error:
        say(termination.explains(error))
"""
    assert script(tmp_path, body)[:2] == (0, f"{expected}\n")


def test_what_raises_at_the_very_moment_of_the_signal_is_known_to_come_of_it(tmp_path: Path) -> None:
    # No pause between the signal and the end: the thread that reads has had no turn yet.
    body = """
    wrong = 0
    for _ in range(200):
        with before_termination(act, grace_period=5) as termination:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
            try:
                signal.raise_signal(signal.SIGTERM)
            except SystemExit as error:
                wrong += not termination.explains(error)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    say(wrong, "of 200")
    """
    assert script(tmp_path, body, numbers=())[1] == "0 of 200\n"


def test_a_process_that_outlives_the_grace_period_has_survived_the_signal(tmp_path: Path) -> None:
    body = """
    signal.signal(signal.SIGTERM, lambda number, frame: say("handled"))
    prepare()
    with before_termination(act, keep=lambda seconds: None, grace_period=1) as termination:
        signal.raise_signal(signal.SIGTERM)
        say(termination.explains(SystemExit(0)))
        while termination.received:
            time.sleep(0.05)
        say(termination.received, termination.explains(SystemExit(0)), termination.seconds_left)
        signal.raise_signal(signal.SIGTERM)
        say(termination.explains(SystemExit(0)))
        while termination.received:
            time.sleep(0.05)
    with before_termination(act, grace_period=1) as termination:
        say(termination.explains(SystemExit(0)))
    """
    expected = "handled\nTrue\nFalse False inf\nhandled\nTrue\nFalse\n"
    assert script(tmp_path, body, numbers=())[1] == expected


def test_a_call_that_begins_within_the_grace_period_knows_of_the_signal(tmp_path: Path) -> None:
    body = """
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    prepare()
    for _ in range(2):
        with before_termination(act, grace_period=20) as termination:
            if not termination.received:
                signal.raise_signal(signal.SIGTERM)
            termination.catch_up()
            say(termination.received, termination.dying)
    """
    assert script(tmp_path, body, numbers=())[1] == "True False\nTrue False\n"


def test_a_handler_that_puts_the_earlier_one_back_and_sends_the_signal_again_dies_by_it(tmp_path: Path) -> None:
    body = """
    with before_termination(act):
        def handler(number, frame):
            signal.signal(number, earlier)
            os.kill(os.getpid(), number)

        earlier = signal.signal(signal.SIGTERM, handler)
        ready()
        time.sleep(60)
        say("went on")
    """
    assert script(tmp_path, body)[:2] == (-signal.SIGTERM, "acted\n")


def test_two_signals_act_once(tmp_path: Path) -> None:
    body = """
    def slowly(seconds):
        say("acted")
        time.sleep(1.5)

    with before_termination(slowly):
        ready()
        time.sleep(60)
    """
    numbers = (signal.SIGTERM, signal.SIGTERM)
    assert script(tmp_path, body, numbers=numbers)[:2] == (-signal.SIGTERM, "acted\n")


def test_the_end_of_a_terminal_is_acted_on_as_well(tmp_path: Path) -> None:
    body = "with before_termination(act):\n    ready()\n    time.sleep(60)"
    assert script(tmp_path, body, numbers=(signal.SIGHUP,))[:2] == (-signal.SIGHUP, "acted\n")


def test_a_process_for_which_the_end_of_a_terminal_means_something_else_is_left_alone(tmp_path: Path) -> None:
    body = """
    with before_termination(act, act) as termination:
        signal.signal(signal.SIGHUP, lambda number, frame: say("reloaded"))
        ready()
        time.sleep(1.5)
        termination.catch_up()
        say(termination.received)
    """
    assert script(tmp_path, body, numbers=(signal.SIGHUP,))[:2] == (0, "reloaded\nFalse\n")


def test_an_event_loop_s_handler_that_was_there_hears_of_the_signal_once(tmp_path: Path) -> None:
    body = """
    import asyncio

    async def main():
        heard = []
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, heard.append, 1)
        with before_termination(act) as termination:
            ready()
            await asyncio.sleep(1.5)
            say(len(heard), termination.received, termination.dying)

    asyncio.run(main())
    """
    assert script(tmp_path, body)[:2] == (0, "1 True False\n")


def test_an_event_loop_s_handler_that_the_body_sets_decides(tmp_path: Path) -> None:
    body = """
    import asyncio

    async def main():
        with before_termination(act):
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            ready()
            await stop.wait()
            say("ended in its own way")

    asyncio.run(main())
    """
    assert script(tmp_path, body)[:2] == (0, "ended in its own way\n")


def test_other_signals_reach_an_event_loop_while_a_handler_takes_its_time(tmp_path: Path) -> None:
    body = """
    import asyncio

    async def main():
        heard = []
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGUSR1):
            loop.add_signal_handler(number, heard.append, number.name)
        with before_termination(act):
            ready()
            await asyncio.sleep(1.5)
            say(*heard)

    asyncio.run(main())
    """
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    assert script(tmp_path, body, numbers=numbers)[:2] == (0, "SIGTERM SIGUSR1\n")


def test_a_dump_by_faulthandler_comes_before(tmp_path: Path) -> None:
    body = """
    import faulthandler
    with before_termination(act):
        faulthandler.register(signal.SIGTERM, chain=True)
        ready()
        time.sleep(60)
    """
    status, output, _ = script(tmp_path, body)
    assert status == -signal.SIGTERM
    assert "most recent call first" in output
    assert output.endswith("acted\n")
