"""Scenarios of the fault matrix: the server from the start, where it cannot be reached or refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.comet_server import CometServer
from tests.support.faults import certificate, first, on, reset, slow, status, swallowing, tls
from tests.support.scenario import Scenario
from tests.support.scenarios.situations import always, archived, hanging, never

START = "The server, from the start"
REFUSAL = "Refused by the server"
RAISE = 'With `on_unavailable="raise"`'


def another_key(server: CometServer) -> None:
    """The server does not know the API key."""
    server.accepted_keys = {"another"}


def closed_workspace(server: CometServer) -> None:
    """The API key may not write to the workspace."""
    server.forbidden_workspaces.add("my-team")


@contextmanager
def no_name(server: CometServer, room: Path) -> Iterator[str]:
    """A host that has no address."""
    yield "http://comet.invalid"


@contextmanager
def no_route(server: CometServer, room: Path) -> Iterator[str]:
    """A host whose packets vanish."""
    with swallowing() as address:
        yield address


@contextmanager
def unknown_certificate(server: CometServer, room: Path) -> Iterator[str]:
    """A host that speaks TLS, with a certificate that nobody has signed."""
    with CometServer(tls=tls(certificate(room, "127.0.0.1"))) as other:
        yield other.url


def refused(**fields: Any) -> dict[str, Any]:
    """What is to come of a start that must not succeed."""
    return {"state": "none", "runs": False, **fields}


FROM_THE_START = [
    Scenario(name="nothing goes wrong", group=START),
    Scenario(name="connection refused", group=START, prepare=never, start_limit=4, **archived()),
    Scenario(name="hanging", group=START, prepare=hanging, **archived()),
    Scenario(name="packets vanish", group=START, host=no_route, slow=True, **archived()),
    Scenario(name="no DNS", group=START, host=no_name, start_limit=4, slow=True, **archived()),
    Scenario(name="TLS with an unknown certificate", group=START, host=unknown_certificate, **archived(), slow=True),
    Scenario(name="every answer is 500", group=START, prepare=always(status(500)), slow=True, **archived()),
    Scenario(name="every answer is 503", group=START, prepare=always(status(503)), **archived()),
    Scenario(name="every answer is 404", group=START, prepare=always(status(404)), slow=True, **archived()),
    Scenario(name="every connection is reset", group=START, prepare=always(reset), slow=True, **archived()),
    Scenario(name="503 once, then fine", group=START, prepare=always(first(1, status(503))), slow=True),
    Scenario(
        name="503 once at the creation", group=START, prepare=always(on("add/run", first(1, status(503)))), slow=True
    ),
    Scenario(
        name="login is fine, creation is 500",
        group=START,
        prepare=always(on("add/run", status(500))),
        slow=True,
        **archived(),
    ),
    Scenario(
        name="login is fine, creation hangs",
        group=START,
        prepare=lambda server: server.faults.append(on("add/run", server.hang)),
        slow=True,
        **archived(),
    ),
    # Eight requests: on a busy machine, more than the start may take.
    Scenario(
        name="slow: 2 s a request",
        group=START,
        prepare=always(slow(2)),
        archive=None,
        state="none|running|finished",
        warns=None,
        start_limit=25,
        slow=True,
    ),
    Scenario(
        name="refused, then the task raises",
        group=START,
        prepare=never,
        body='log(200)\nraise ValueError("no luck")',
        error="no luck",
        flyte_status="failed",
        slow=True,
        **archived(),
    ),
]

REFUSALS = [
    Scenario(name="rejected API key", group=REFUSAL, prepare=another_key, **refused(error="APIKeyRejectedError")),
    Scenario(
        name='rejected API key, `on_unavailable="offline"` given',
        group=REFUSAL,
        prepare=another_key,
        options={"on_unavailable": "offline"},
        slow=True,
        **refused(error="APIKeyRejectedError"),
    ),
    Scenario(
        name='rejected API key, `on_unavailable="raise"`',
        group=REFUSAL,
        prepare=another_key,
        options={"on_unavailable": "raise"},
        slow=True,
        **refused(error="APIKeyRejectedError"),
    ),
    Scenario(
        name="rejected API key, everything logged at DEBUG",
        group=REFUSAL,
        prepare=another_key,
        module="logging.basicConfig(level=logging.DEBUG)",
        environment={"COMET_LOGGING_CONSOLE": "debug"},
        slow=True,
        **refused(error="APIKeyRejectedError"),
    ),
    Scenario(
        name="workspace without access",
        group=REFUSAL,
        prepare=closed_workspace,
        slow=True,
        **refused(error="WorkspaceAccessError"),
    ),
    Scenario(
        name="every answer is 403",
        group=REFUSAL,
        prepare=always(status(403)),
        slow=True,
        **refused(error="WorkspaceAccessError"),
    ),
    Scenario(
        name="connection refused, and `on_unavailable` raises",
        group=RAISE,
        prepare=never,
        options={"on_unavailable": "raise"},
        start_limit=4,
        **refused(error="ServerUnavailableError"),
    ),
    Scenario(
        name="hanging, and `on_unavailable` raises",
        group=RAISE,
        prepare=hanging,
        options={"on_unavailable": "raise"},
        slow=True,
        **refused(error="ServerUnavailableError"),
    ),
    Scenario(
        name="every answer is 500, and `on_unavailable` raises",
        group=RAISE,
        prepare=always(status(500)),
        options={"on_unavailable": "raise"},
        slow=True,
        **refused(error="ServerUnavailableError"),
    ),
    Scenario(
        name="TLS with an unknown certificate, and `on_unavailable` raises",
        group=RAISE,
        host=unknown_certificate,
        options={"on_unavailable": "raise"},
        slow=True,
        **refused(error="ServerUnavailableError"),
    ),
]
