"""Scenarios of the fault matrix: signals, to whatever the task is doing."""

from __future__ import annotations

import signal

from tests.support.faults import on, slow
from tests.support.scenario import Scenario
from tests.support.scenarios.situations import (
    HALF,
    HALVES,
    HERE,
    KILL,
    SIGNAL,
    TERM,
    hanging,
    never,
    nothing,
    terminated,
)
from tests.support.stage import after, asked, gone, hang, put, reached, send

HANDLER = """
def handler(number, frame):
    reach("handler")
    sys.exit(7)
"""

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
        slow=True,
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
        slow=True,
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
        slow=True,
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
            # Under nohup it is ignored, in whatever a process starts.
            module="if IN_POD:\n    signal.signal(signal.SIGHUP, signal.SIG_DFL)",
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
