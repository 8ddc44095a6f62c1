"""The scenarios of the fault matrix. Those that are not slow run with the other tests; all run in `make faults`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.comet_server import CometServer
from tests.support.faults import certificate, first, on, read_only, reset, slow, small, status, swallowing, tls
from tests.support.matrix import Scenario, after, arrived, asked, back, gone, hang, put, reached, send
from tests.support.scenarios_found_later import FOUND_LATER

START = "The server, from the start"
REFUSAL = "Refused by the server"
RAISE = 'With `on_unavailable="raise"`'
MIDDLE = "The server, while the task runs"
POD = "The pod's disks and the blob store"
END = "How the task ends"
SIGNAL = "Signals"
BODY = "What the body does"

TERM, KILL = send(signal.SIGTERM), send(signal.SIGKILL)


def never(server: CometServer) -> None:
    """There is no server."""
    server.stop()


def always(fault: Any) -> Any:
    """The server has a fault from the start."""
    return lambda server: server.faults.append(fault)


def hanging(server: CometServer) -> None:
    """The server takes requests and does not answer."""
    server.faults.append(server.hang)


def another_key(server: CometServer) -> None:
    """The server does not know the API key."""
    server.accepted_keys = {"another"}


def nothing(stage: Any) -> None:
    """Let the task go on."""


def revoke(stage: Any) -> None:
    """From now on the server does not know the API key any more."""
    stage.comet.accepted_keys = {"another"}


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


def archived(**fields: Any) -> dict[str, Any]:
    """What is to come of a server that cannot be reached."""
    return {"state": "none", "archive": True, "warns": 1, **fields}


def refused(**fields: Any) -> dict[str, Any]:
    """What is to come of a start that must not succeed."""
    return {"state": "none", "runs": False, **fields}


FROM_THE_START = [
    Scenario(name="nothing goes wrong", group=START),
    Scenario(name="connection refused", group=START, prepare=never, start_limit=4, **archived()),
    Scenario(name="hanging", group=START, prepare=hanging, **archived()),
    Scenario(name="packets vanish", group=START, host=no_route, slow=True, **archived()),
    Scenario(name="no DNS", group=START, host=no_name, start_limit=4, slow=True, **archived()),
    Scenario(name="TLS with an unknown certificate", group=START, host=unknown_certificate, **archived()),
    Scenario(name="every answer is 500", group=START, prepare=always(status(500)), slow=True, **archived()),
    Scenario(name="every answer is 503", group=START, prepare=always(status(503)), **archived()),
    Scenario(name="every answer is 404", group=START, prepare=always(status(404)), slow=True, **archived()),
    Scenario(name="every connection is reset", group=START, prepare=always(reset), slow=True, **archived()),
    Scenario(name="503 once, then fine", group=START, prepare=always(first(1, status(503))), slow=True),
    Scenario(name="503 once at the creation", group=START, prepare=always(on("add/run", first(1, status(503))))),
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

HALVES = 'log(100)\nwait_for("step 1")\nlog(100)'
"""A body during which something happens: after a half of its metrics has arrived."""

HALF = arrived(100)

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
    ),
    Scenario(
        name="gone at the end",
        group=MIDDLE,
        steps=((reached("left"), gone),),
        state="running",
        archive=True,
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
    ),
    Scenario(
        name="slow from then on: 2 s a request",
        group=MIDDLE,
        body=HALVES,
        steps=((HALF, put(slow(2))),),
        slow=True,
    ),
]

FULL = """
import tempfile

def full(function):
    @functools.wraps(function)
    def filled():
        # Once Python knows where temporary files go, it looks for no disk with room.
        tempfile.gettempdir()
        files = [Path("filler"), *(Path(os.environ[name]) / "filler" for name in ("TMPDIR", "HOME"))]
        for file in files:
            try:
                with file.open("wb", buffering=0) as content:
                    while content.write(b"x" * 512):
                        pass
            except OSError as error:
                print("FULL:", error)
        try:
            return function()
        finally:
            for file in files:
                file.unlink(missing_ok=True)
    return filled
"""

CLEAN_UP = """
import shutil

def clean_up():
    for path in Path(os.environ["TMPDIR"]).iterdir():
        # Its own are Flyte's, which needs them.
        if not path.name.startswith("flyte"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
"""

THE_POD_S = [
    Scenario(
        name="refused, and the blob store fails",
        group=POD,
        prepare=never,
        blob_store="{room}/out/inputs.pb/raw",
        state="none",
        local=True,
        warns=2,
    ),
    Scenario(
        name="refused, and the blob store hangs, `end_timeout=10`",
        group=POD,
        prepare=never,
        blob_store="stuck://raw/x",
        options={"end_timeout": 10},
        state="none",
        local=True,
        warns=2,
        end_limit=15,
        slow=True,
    ),
    Scenario(name="disk full", group=POD, disk=small, module=FULL, above="@full", proof="FULL: [Errno 28]"),
    Scenario(
        name="disk full, and the server refused",
        archive=None,
        group=POD,
        disk=small,
        module=FULL,
        above="@full",
        proof="FULL: [Errno 28]",
        prepare=never,
        state="none",
        lost="everything: there is no place for an archive",
        warns=3,
        slow=True,
    ),
    Scenario(
        name="disk full, and the server gone in the middle",
        archive=None,
        group=POD,
        disk=small,
        module=FULL,
        above="@full",
        proof="FULL: [Errno 28]",
        body=HALVES,
        steps=((HALF, gone),),
        state="running",
        lost="what had not arrived",
        warns=None,
        slow=True,
    ),
    Scenario(
        name="small disks, the server refused, and 8,000 metrics",
        group=POD,
        disk=small,
        body="log(8000)",
        prepare=never,
        lost="what there is no room for",
        slow=True,
        **archived(warns=3),
    ),
    Scenario(
        name="small disks, the server refused, and an asset of 3 MB",
        group=POD,
        disk=small,
        body='log(200)\ncomet_ml.get_running_experiment().log_asset_data("x" * 3_000_000, name="large")',
        prepare=never,
        slow=True,
        **archived(warns=3),
    ),
    Scenario(
        name="the server refused, and the body removes what is in `TMPDIR`",
        group=POD,
        module=CLEAN_UP,
        body="log(100)\nclean_up()\nlog(100)",
        prepare=never,
        **archived(),
    ),
    Scenario(
        name="the server gone in the middle, and the body removes what is in `TMPDIR`",
        group=POD,
        module=CLEAN_UP,
        body=HALVES + "\nclean_up()",
        steps=((HALF, gone),),
        state="running",
        archive=True,
        slow=True,
    ),
    Scenario(name="working directory and home are read-only", group=POD, disk=read_only, slow=True),
    Scenario(
        name="working directory and home are read-only, and the server refused",
        group=POD,
        disk=read_only,
        prepare=never,
        **archived(),
    ),
    Scenario(
        name="working directory and home are read-only, and the server gone in the middle",
        group=POD,
        disk=read_only,
        body=HALVES,
        steps=((HALF, gone),),
        state="running",
        archive=True,
        slow=True,
    ),
]

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

DEADLOCK = """
class Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]

def stuck(library, seconds):
    # A mutex that this thread holds already: no signal interrupts the wait.
    mutex = ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    reach("here")
    library.pthread_mutex_timedlock(mutex, ctypes.byref(Time(int(time.time()) + seconds, 0)))
"""

HANDLER = """
def handler(number, frame):
    reach("handler")
    sys.exit(7)
"""


def terminated(**fields: Any) -> dict[str, Any]:
    """What is to come of SIGTERM while the body runs."""
    return {
        "group": SIGNAL,
        "status": -signal.SIGTERM,
        "state": "crashed",
        "flyte_status": "terminated",
        "module": DEADLOCK,
        "steps": ((reached("here"), TERM),),
        **fields,
    }


HERE = 'log(200)\nreach("here")\n'

IN_THE_MAIN_THREAD = {"is_async": True}
"""Flyte 2 runs a function in a thread, where nobody can set a handler, and an `async def` in the main thread."""

SIGNALS = [
    Scenario(
        name="SIGTERM during login, the server hangs",
        prepare=hanging,
        group=SIGNAL,
        runs=False,
        state="none",
        status=-15,
        steps=((asked(""), TERM),),
    ),
    Scenario(
        name="SIGTERM during the creation, which hangs",
        group=SIGNAL,
        runs=False,
        state="none",
        prepare=lambda server: server.faults.append(on("add/run", server.hang)),
        status=-15,
        steps=((asked("add/run"), TERM),),
        slow=True,
    ),
    Scenario(name="SIGTERM in a Python loop", **terminated(body=HERE + "while True:\n    log(1)"), slow=True),
    Scenario(name="SIGTERM in `time.sleep`", **terminated(body=HERE + "time.sleep(60)")),
    Scenario(
        name="SIGTERM in a C call that releases the GIL and never returns",
        **terminated(body=HERE + "stuck(ctypes.CDLL(None), 600)"),
    ),
    Scenario(
        name="SIGTERM in a C call that holds the GIL for 4 s",
        **terminated(body=HERE + "stuck(ctypes.PyDLL(None), 4)"),
        slow=True,
    ),
    Scenario(
        name="SIGTERM in a C call that holds the GIL and never returns",
        **terminated(
            body=HALVES + "\nstuck(ctypes.PyDLL(None), 600)",
            steps=((HALF, nothing), (reached("here"), TERM)),
            status=-9,
            state="running",
            flyte_status="",
            signal_limit=20,
            grace=12,
            lost="what the SDK had not sent, and the state",
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM in an async task", is_async=True, **terminated(body=HERE + "await asyncio.sleep(60)"), slow=True
    ),
    Scenario(
        name="SIGTERM while the main thread waits for another",
        **terminated(
            body="thread = threading.Thread(target=lambda: (log(200), reach('here'), time.sleep(60)))\n"
            "thread.start()\nthread.join()"
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM twice",
        **terminated(
            body=HERE + "time.sleep(60)", steps=((reached("here"), TERM), (after(0.3, reached("step 1")), TERM))
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM through `pyflyte-fast-execute`",
        fast=True,
        **terminated(body=HERE + "time.sleep(60)", status=241),
        # There, code in an archive is unpacked by the process that runs the task.
        only="flyte1",
    ),
    Scenario(
        name="SIGTERM, the server refused from the start",
        prepare=never,
        archive=True,
        warns=1,
        **terminated(body=HERE + "time.sleep(60)", state="none"),
    ),
    Scenario(
        name="SIGTERM, the server gone in the middle",
        warns=None,
        archive=True,
        **terminated(
            body=HALVES + '\nreach("here")\ntime.sleep(60)',
            state="running",
            steps=((HALF, gone), (reached("here"), TERM)),
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM, the server hangs since the middle",
        warns=None,
        archive=True,
        **terminated(
            body=HALVES + '\nreach("here")\ntime.sleep(60)',
            state="running",
            steps=((HALF, hang), (reached("here"), TERM)),
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM, the server refused and the blob store hangs",
        prepare=never,
        local=True,
        warns=2,
        blob_store="stuck://raw/x",
        **terminated(body=HERE + "time.sleep(60)", state="none"),
        slow=True,
    ),
    Scenario(
        name="SIGTERM in the end, the server slow since then",
        warns=None,
        archive=None,
        group=SIGNAL,
        status=-15,
        flyte_status="terminated",
        state="crashed",
        steps=((reached("left"), put(slow(0.2))), (after(0.5, reached("step 1")), TERM)),
    ),
    Scenario(
        name="SIGTERM, the module has a handler that exits with 7",
        **terminated(
            module=HANDLER + "if IN_POD:\n    signal.signal(signal.SIGTERM, handler)",
            body=HERE + "time.sleep(60)",
            status=7,
        ),
    ),
    Scenario(
        name="SIGTERM, the body sets a handler that exits with 7",
        **terminated(
            module=HANDLER,
            body="signal.signal(signal.SIGTERM, handler)\n" + HERE + "time.sleep(60)",
            status=7,
            changes="handlers",
            on_flyte_2=IN_THE_MAIN_THREAD,
        ),
        slow=True,
    ),
    Scenario(
        name="SIGTERM, the body sets a handler that exits with 0",
        **terminated(
            body="signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))\n" + HERE + "time.sleep(60)",
            status=0,
            changes="handlers",
            on_flyte_2=IN_THE_MAIN_THREAD,
        ),
    ),
    Scenario(
        name="SIGTERM, the body sets a handler and needs 7 s to end in its own way",
        **terminated(
            body="stopped = []\nsignal.signal(signal.SIGTERM, lambda number, frame: stopped.append(1))\n"
            + HERE
            + "while not stopped:\n    time.sleep(0.05)\ntime.sleep(7)",
            status=0,
            state="finished",
            flyte_status="",
            signal_limit=17,
            changes="handlers",
            on_flyte_2=IN_THE_MAIN_THREAD,
        ),
        slow=True,
    ),
    Scenario(
        name="SIGHUP",
        **terminated(
            body=HERE + "time.sleep(60)",
            status=-signal.SIGHUP,
            steps=((reached("here"), send(signal.SIGHUP)),),
        ),
        slow=True,
    ),
    Scenario(
        name="SIGINT in the end, the server slow since then",
        group=SIGNAL,
        status=1,
        warns=None,
        state="crashed",
        flyte_status="terminated",
        steps=((reached("left"), put(slow(0.2))), (after(0.5, reached("step 1")), send(signal.SIGINT))),
        # There, the event loop has put back its own handler by then.
        on_flyte_2={"changes": "handlers"},
        slow=True,
    ),
    Scenario(
        name="SIGTERM to the first process of a container, which survives it",
        first=True,
        # By SIGKILL, as without the plugin.
        **terminated(
            body=HERE + "time.sleep(60)",
            status=-signal.SIGKILL,
            options={"grace_period": 12.0},
            grace=12,
            signal_limit=14,
        ),
        slow=True,
    ),
    Scenario(
        name="SIGKILL",
        group=SIGNAL,
        body=HALVES + '\nreach("here")\ntime.sleep(60)',
        steps=((HALF, nothing), (reached("here"), KILL)),
        status=-9,
        state="running",
        lost="what the SDK had not sent, and the state",
    ),
    Scenario(
        name="SIGKILL, the server refused from the start",
        group=SIGNAL,
        prepare=never,
        body=HERE + "time.sleep(60)",
        steps=((reached("here"), KILL),),
        status=-9,
        state="none",
        warns=1,
        lost="everything: the archive is made at the end",
        slow=True,
    ),
]

FORK = """
def forked(act):
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(0)
    return child
"""

BODIES = [
    Scenario(
        name="logs from four threads",
        group=BODY,
        body="threads = [threading.Thread(target=log, args=(50,)) for _ in range(4)]\n"
        "[thread.start() for thread in threads]\n[thread.join() for thread in threads]",
        slow=True,
    ),
    Scenario(
        name="leaves a thread that goes on for ever",
        group=BODY,
        body="threading.Thread(target=time.sleep, args=(600,), daemon=True).start()\nlog(200)",
        slow=True,
    ),
    Scenario(
        name="terminates a child that it has forked",
        group=BODY,
        module=FORK,
        body="child = forked(lambda: time.sleep(60))\ntime.sleep(0.5)\nos.kill(child, signal.SIGTERM)\n"
        "os.waitpid(child, 0)\ntime.sleep(0.5)\nlog(200)",
    ),
    Scenario(
        name="forks a child that leaves by `sys.exit`",
        group=BODY,
        body="if not os.fork():\n    sys.exit(0)\nos.wait()\nlog(200)",
        slow=True,
    ),
    Scenario(
        name="terminates a pool of processes",
        group=BODY,
        body="with multiprocessing.get_context('fork').Pool(2) as pool:\n    pool.map(abs, range(9))\nlog(200)",
        slow=True,
    ),
    Scenario(
        name="SIGTERM while a forked child runs",
        **terminated(group=BODY, module=FORK, body="forked(lambda: time.sleep(20))\n" + HERE + "time.sleep(60)"),
        slow=True,
    ),
    Scenario(
        name="logs everything at DEBUG",
        group=BODY,
        module="logging.basicConfig(level=logging.DEBUG)",
        environment={"COMET_LOGGING_CONSOLE": "debug"},
    ),
]

LATE = {
    "SIGINT in the end, the server slow since then",
    "SIGTERM in the end, the server slow since then",
    "SIGTERM, the server gone in the middle",
    "SIGTERM, the server hangs since the middle",
    # Without a handler in Python, the signal would kill at once; with one, Kubernetes does it after the grace period.
    "SIGTERM in a C call that holds the GIL and never returns",
}
SCENARIOS = [*FROM_THE_START, *REFUSALS, *IN_THE_MIDDLE, *THE_POD_S, *ENDS, *SIGNALS, *BODIES, *FOUND_LATER]

# What the plugin must not change: these end as they do without it. Those in which only the plugin would do something
# after the body are left out.
BARE = [scenario for scenario in [*ENDS, *SIGNALS] if scenario.prepare is None and scenario.name not in LATE]
