"""Scenarios of the fault matrix: what the body does with threads, processes and logs."""

from __future__ import annotations

from tests.support.scenario import Scenario
from tests.support.scenarios.situations import HERE, terminated

BODY = "What the body does"

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
        slow=True,
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
