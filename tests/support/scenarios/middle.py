"""Scenarios of the fault matrix: the server while the task runs."""

from __future__ import annotations

from typing import Any

from tests.support.faults import first, on, reset, slow, status
from tests.support.scenario import Scenario
from tests.support.scenarios.situations import HALF, HALVES
from tests.support.stage import after, back, gone, hang, put, reached

MIDDLE = "The server, while the task runs"


def revoke(stage: Any) -> None:
    """From now on the server does not know the API key any more."""
    stage.comet.accepted_keys = {"another"}


IN_THE_MIDDLE = [
    Scenario(
        name="gone, and not back",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, gone),),
        state="running",
        archive=True,
    ),
    Scenario(
        name="gone, and the task raises",
        warns=None,
        group=MIDDLE,
        body=HALVES + '\nraise ValueError("no luck")',
        steps=((HALF, gone),),
        error="no luck",
        state="running",
        flyte_status="failed",
        archive=True,
        slow=True,
    ),
    Scenario(
        name="gone, and back 2 s later",
        group=MIDDLE,
        body=HALVES + '\nwait_for("step 2")\ntime.sleep(8)',
        steps=((HALF, gone), (after(2, reached("step 1")), back)),
        slow=True,
    ),
    Scenario(
        name="gone, and back just before the end",
        group=MIDDLE,
        body=HALVES + '\nwait_for("step 2")',
        steps=((HALF, gone), (after(4, reached("step 1")), back)),
        slow=True,
    ),
    Scenario(
        name="gone at the end",
        group=MIDDLE,
        steps=((reached("left"), gone),),
        state="running",
        archive=True,
        slow=True,
    ),
    Scenario(
        name="gone during the end, and back 2 s later",
        archive=None,
        state="running|finished",
        group=MIDDLE,
        slow=True,
        steps=((reached("left"), gone), (after(2, reached("step 1")), back)),
    ),
    Scenario(
        name="every answer is 500 from then on",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(status(500))),),
        state="running",
        archive=True,
        slow=True,
    ),
    Scenario(
        name="metrics are answered with 500, all else is fine",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(on("/metric", status(500)))),),
        archive=True,
    ),
    Scenario(
        name="metrics are answered with 413, all else is fine",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(on("/metric", status(413)))),),
        archive=True,
        slow=True,
    ),
    Scenario(
        name="every answer is 429 from then on",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(status(429))),),
        state="running",
        archive=True,
        # That the state cannot be set is said where child processes of the SDK are still counted.
        warns=None,
        slow=True,
    ),
    Scenario(
        name="the API key is revoked",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, revoke),),
        state="running",
        archive=True,
        # That the state cannot be set is said where child processes of the SDK are still counted.
        warns=None,
        slow=True,
    ),
    Scenario(
        name="hanging from then on",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, hang),),
        state="running",
        archive=True,
        slow=True,
        end_limit=65,
    ),
    Scenario(
        name="hanging from then on, `end_timeout=10`",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, hang),),
        state="running",
        archive=True,
        options={"end_timeout": 10},
        # A busy machine may need more than is left for the end, and the log says so.
        warns=None,
        end_limit=15,
    ),
    Scenario(
        name="every connection is reset from then on",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(reset)),),
        state="running",
        archive=True,
        slow=True,
    ),
    Scenario(
        name="two connections are reset, then all is fine",
        group=MIDDLE,
        body=HALVES,
        archive=None,
        steps=((HALF, put(first(2, reset))),),
        slow=True,
    ),
    Scenario(
        name="only what asks whether Comet is there fails from then on",
        group=MIDDLE,
        body=HALVES + "\ntime.sleep(8)",
        archive=True,
        steps=((HALF, put(on("/health/ping", reset))),),
        slow=True,
    ),
    Scenario(
        name="only what asks whether Comet is there fails from then on, and the task fails",
        group=MIDDLE,
        body=HALVES + '\ntime.sleep(8)\nraise ValueError("no luck")',
        archive=True,
        steps=((HALF, put(on("/health/ping", reset))),),
        error="no luck",
        state="crashed",
        flyte_status="failed",
        slow=True,
    ),
    Scenario(
        name="the connection breaks when the end is told",
        group=MIDDLE,
        body=HALVES,
        archive=None,
        steps=((HALF, put(on("/status-report/update", first(1, reset)))),),
    ),
    Scenario(
        name="slow from then on: 2 s a request",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(slow(2))),),
        slow=True,
    ),
]
