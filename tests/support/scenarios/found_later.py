"""Scenarios of the fault matrix that were found later: what waits, what is not Comet's, and what the body does."""

from __future__ import annotations

from typing import Any

from tests.support.comet_http import Answer, Fault, Request
from tests.support.comet_server import CometServer
from tests.support.faults import on, slow, status
from tests.support.scenario import Scenario
from tests.support.scenarios.situations import HALF, HALVES, always, archived
from tests.support.stage import gone, hang, put

WAITS = "Whatever waits"
NOT_COMET = "Something that is not Comet answers"
CALLS = "Calls of the body into the SDK"
EXCEPTIONS = "Exceptions of any make"
LEFT = "What the body leaves behind"

_EXPERIMENT = "experiment = comet_ml.get_running_experiment()\n"


ANY = "none|running|finished|crashed"


def answers(content: bytes | dict[str, Any] | list[Any]) -> Any:
    """Every answer is 200 with this."""
    return lambda request: (200, content)


def hangs_on(part: str) -> Any:
    """The server takes requests with this in their path, and does not answer them."""

    def prepare(server: CometServer) -> None:
        server.faults.append(on(part, server.hang))

    return prepare


PAGE = answers(b"<html><body>Please log in to the network</body></html>")


def login_page(part: str = "") -> Fault:
    """Requests with this in their path are led to a login page of the same server."""

    def answer(request: Request) -> Answer | None:
        if request.path == "/login":
            return 200, b"<html><body>Please log in</body></html>"
        return (302, "/login") if part in request.path else None

    return answer


HIDDEN = """
class Odd(Exception):
    def __getattribute__(self, name):
        raise KeyError(name)

def hidden(function):
    @functools.wraps(function)
    def outer():
        try:
            function()
        except Odd:
            # Flyte itself could not read it.
            raise ValueError("hidden") from None

    return outer
"""

FOUND_LATER = [
    # The start has one deadline, by the clock.
    Scenario(
        name="20 s a request", group=WAITS, prepare=always(slow(20)), start_limit=19, slow=True, **archived(state=ANY)
    ),
    Scenario(
        name="the key check is fine, the rest takes 6 s a request",
        group=WAITS,
        prepare=always(on("/logger/", slow(6))),
        start_limit=19,
        archive=None,
        state=ANY,
        warns=None,
        slow=True,
    ),
    Scenario(name="the version is asked for and never told", group=WAITS, prepare=hangs_on("/ver"), **archived()),
    Scenario(
        name="an upload is accepted and never answered, `end_timeout=10`",
        group=WAITS,
        prepare=hangs_on("asset/upload"),
        body=_EXPERIMENT + "log(200)\nexperiment.log_asset_data('x' * 1000, name='a.txt')",
        options={"end_timeout": 10},
        archive=True,
        state=ANY,
        warns=None,
        end_limit=16,
    ),
    # Delivered means that Comet said so.
    Scenario(name="a captive portal from the start", group=NOT_COMET, prepare=always(PAGE), **archived()),
    Scenario(
        name="empty answers from the start", group=NOT_COMET, prepare=always(answers(b"")), slow=True, **archived()
    ),
    Scenario(
        name="JSON of something else from the start",
        group=NOT_COMET,
        prepare=always(answers({"ok": 1})),
        **archived(),
        slow=True,
    ),
    Scenario(name="a JSON list from the start", group=NOT_COMET, prepare=always(answers([1])), slow=True, **archived()),
    Scenario(
        name="a page of a proxy from the middle on",
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(PAGE)),),
        archive=True,
        state="running",
        flyte_status="|finished",
    ),
    Scenario(
        name="a page of a proxy for metrics alone",
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(on("/metric", PAGE))),),
        archive=True,
        state=ANY,
        slow=True,
    ),
    Scenario(
        name="empty answers from the middle on",
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(answers(b""))),),
        archive=True,
        state=ANY,
        slow=True,
    ),
    Scenario(
        name="JSON of something else from the middle on",
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(answers({"login": "required"}))),),
        archive=True,
        state=ANY,
        flyte_status="|finished",
        slow=True,
    ),
    Scenario(
        name='200 with `{"code": 503}` for metrics from the middle on',
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(on("/metric", answers({"code": 503, "msg": "no room"})))),),
        archive=True,
        state=ANY,
        slow=True,
    ),
    Scenario(
        name="a redirect to a login page for metrics from the middle on",
        group=NOT_COMET,
        body=HALVES,
        steps=((HALF, put(login_page("/metric"))),),
        archive=True,
        state=ANY,
        slow=True,
    ),
    # The body's own calls take a bounded time.
    Scenario(
        name="flushes three times while the server hangs, `end_timeout=8`",
        group=CALLS,
        body=HALVES + "\n" + _EXPERIMENT + "[experiment.flush() for _ in range(3)]",
        steps=((HALF, hang),),
        options={"end_timeout": 8},
        archive=True,
        state="running",
        warns=2,
        end_limit=14,
    ),
    Scenario(
        name="flushes three times while every answer is 500, `end_timeout=8`",
        group=CALLS,
        body=HALVES + "\n" + _EXPERIMENT + "[experiment.flush() for _ in range(3)]",
        steps=((HALF, put(status(500))),),
        options={"end_timeout": 8},
        archive=True,
        state="running",
        warns=None,
        end_limit=14,
        slow=True,
    ),
    Scenario(
        name="ends the experiment while the server hangs, `end_timeout=8`",
        group=CALLS,
        body=HALVES + "\n" + _EXPERIMENT + "experiment.end()",
        steps=((HALF, hang),),
        options={"end_timeout": 8},
        archive=True,
        state="running",
        flyte_status="|finished",
        warns=None,
        end_limit=16,
        slow=True,
    ),
    Scenario(
        name="ends the experiment and flushes it",
        group=CALLS,
        body="log(200)\n" + _EXPERIMENT + "experiment.end()\nexperiment.flush()",
        warns=None,
        slow=True,
    ),
    Scenario(
        name="opens a second experiment while the server is away, `end_timeout=8`",
        group=CALLS,
        body=HALVES
        + "\nsecond = comet_ml.Experiment(project_name='other')\nsecond.log_metric('loss', 1000, step=1000)",
        steps=((HALF, gone),),
        options={"end_timeout": 8},
        archive=True,
        state="running",
        flyte_status="|finished",
        warns=2,
        # KMP_INIT_AT_FORK: the SDK loads a framework that sets it.
        changes="environment",
        end_limit=16,
    ),
    # What the task raises is what Flyte gets.
    Scenario(
        name="raises an exception whose `args` raise",
        group=EXCEPTIONS,
        module="class Odd(Exception):\n    args = property(lambda self: 1 / 0)\n",
        body="log(200)\nraise Odd()",
        state="crashed",
        flyte_status="failed",
        error="Odd",
    ),
    Scenario(
        name="raises an exception whose `__str__` exits",
        group=EXCEPTIONS,
        module="class Odd(Exception):\n    def __str__(self):\n        if ROOM.joinpath('left').exists():\n"
        "            sys.exit(0)\n        return 'Odd'\n",
        body="log(200)\nraise Odd()",
        status=0,
        state="crashed",
        flyte_status="failed",
        error="",
        slow=True,
    ),
    Scenario(
        name="raises an exception whose every attribute raises",
        group=EXCEPTIONS,
        module=HIDDEN,
        above="@hidden",
        body="log(200)\nraise Odd()",
        state="crashed",
        flyte_status="failed",
        error="hidden",
        slow=True,
    ),
    Scenario(
        name="`sys.exit(0.0)`",
        group=EXCEPTIONS,
        body="log(200)\nsys.exit(0.0)",
        status=1,
        state="crashed",
        flyte_status="failed",
        slow=True,
    ),
    # The end does not read what the body has left.
    Scenario(
        name="clears the environment, and raises",
        group=LEFT,
        body="log(200)\nos.environ.clear()\nraise ValueError('no luck')",
        state="crashed",
        flyte_status="failed",
        error="no luck",
        changes="environment",
    ),
    Scenario(
        name="leaves a process in which no thread can be started",
        group=LEFT,
        body='log(200)\ndef start(self):\n    raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = start",
        archive=None,
        warns=None,
        slow=True,
    ),
    Scenario(
        name="takes the server's address out of the environment, and raises",
        group=LEFT,
        body="log(200)\nos.environ.pop('COMET_URL_OVERRIDE', None)\nraise ValueError('no luck')",
        state="crashed",
        flyte_status="failed",
        error="no luck",
        slow=True,
    ),
]
"""All of these are in the table of docs/reliability.md."""
