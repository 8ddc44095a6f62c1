"""Scenarios of the fault matrix: how the task ends."""

from __future__ import annotations

import signal

from tests.support.scenario import Scenario
from tests.support.stage import reached, send

END = "How the task ends"

ENDS = [
    Scenario(
        name="raises",
        group=END,
        body='log(200)\nraise ValueError("no luck")',
        error="no luck",
        state="crashed",
        flyte_status="failed",
        slow=True,
    ),
    Scenario(
        name="raises `FlyteRecoverableException`",
        group=END,
        body='log(200)\nraise FlyteRecoverableException("no luck")',
        # There it is the other way round: every error is retried but this one.
        on_flyte_2={"body": 'log(200)\nraise flyte.errors.NonRecoverableError("no luck")'},
        error="no luck",
        state="crashed",
        flyte_status="failed",
        slow=True,
    ),
    Scenario(name="`sys.exit(0)`", group=END, body="log(200)\nsys.exit(0)", slow=True),
    Scenario(
        name="`sys.exit(3)`", group=END, body="log(200)\nsys.exit(3)", status=3, state="crashed", flyte_status="failed"
    ),
    Scenario(
        name="`KeyboardInterrupt`",
        group=END,
        body="log(200)\nraise KeyboardInterrupt",
        status=1,
        state="crashed",
        flyte_status="terminated",
        slow=True,
    ),
    Scenario(
        name="SIGINT",
        group=END,
        body='log(200)\nreach("here")\ntime.sleep(60)',
        status=1,
        steps=((reached("here"), send(signal.SIGINT)),),
        state="crashed",
        flyte_status="terminated",
        slow=True,
    ),
    Scenario(
        name="an async task that is cancelled",
        group=END,
        is_async=True,
        body="log(200)\nasyncio.current_task().cancel()\nawait asyncio.sleep(10)",
        state="crashed",
        flyte_status="terminated",
        error="Cancelled",
        # There, a cancelled task is the end of the process, and Flyte has no error of it.
        on_flyte_2={"status": 1, "error": ""},
        slow=True,
    ),
]
