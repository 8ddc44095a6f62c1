"""What the plugin costs while the body runs: the event loop of async tasks, and metrics in a loop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import processes
from .environments import Environment
from .report import median, ratio, seconds, table
from .server import API_KEY, Server

ROUNDS = 3
INSIDE = Path(__file__).parent / "inside"


def measure(ours: Environment, directory: Path) -> list[str]:
    """Processes that run a tracked function without Flyte, as a script on a laptop does."""

    def runs(script: str, variant: str, url: str) -> Callable[[], processes.Finished]:
        return lambda: processes.succeeded(
            processes.run(
                [ours.python, str(INSIDE / script), variant],
                binaries=ours.binaries,
                directory=directory / "inside",
                environment={
                    "BENCHMARK_HOST": url,
                    "COMET_API_KEY": API_KEY,
                    "COMET_URL_OVERRIDE": f"{url}/clientlib/",
                },
            )
        )

    with Server() as server, Server() as slow, Server() as hanging:
        slow.delay(0.1)
        hanging.out_of_order("hanging")
        stalls = processes.interleaved(
            ROUNDS,
            {
                "no plugin": runs("event_loop.py", "bare", server.url),
                "this plugin": runs("event_loop.py", "tracked", server.url),
                "this plugin, 100 ms a request": runs("event_loop.py", "tracked", slow.url),
                "this plugin, a server that does not answer": runs("event_loop.py", "tracked", hanging.url),
            },
        )
        loops = processes.interleaved(
            ROUNDS,
            {
                "by hand": runs("metrics.py", "bare", server.url),
                "this plugin": runs("metrics.py", "tracked", server.url),
            },
        )
    by_hand = median([run.printed("PROCESSOR") for run in loops["by hand"]])
    return [
        "## The event loop of async tasks",
        "",
        "Twenty async functions are awaited at once in one process, and each has an experiment of its own. The stall",
        "is the most time in which the event loop did nothing else.",
        "",
        *table(
            ["", "longest stall, s", "all twenty, s"],
            [
                [name, *(seconds([run.printed(word) for run in each]) for word in ("STALL", "SECONDS"))]
                for name, each in stalls.items()
            ],
        ),
        "## 100,000 metrics in a loop",
        "",
        "What `log_metric` takes, 100,000 times, in the body.",
        "",
        *table(
            ["", "s", "of the processor, s", "against by hand"],
            [
                [
                    name,
                    seconds([run.printed("SECONDS") for run in each]),
                    seconds([run.printed("PROCESSOR") for run in each]),
                    ratio(median([run.printed("PROCESSOR") for run in each]), by_hand),
                ]
                for name, each in loops.items()
            ],
        ),
    ]
