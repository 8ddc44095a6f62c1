"""A map task of 500 nodes, as many processes at a time as there are cores: of more, each would wait for a core."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor

from . import processes
from .pods import STEPS, Pods
from .report import median, ratio, seconds, table
from .server import Server

NODES = 500
BY_HAND_NODES = 100
AT_ONCE = len(os.sched_getaffinity(0))


def measure(pods: Pods) -> list[str]:
    """Each node a process of its own, with the real `pyflyte-map-execute`."""
    with Server() as server, ThreadPoolExecutor(AT_ONCE) as threads:
        by_hand = list(threads.map(lambda index: pods.run("by_hand", server.url, index=index), range(BY_HAND_NODES)))
        theirs = server.metrics()
        began = time.perf_counter()
        ours = list(threads.map(lambda index: pods.run("tracked", server.url, index=index), range(NODES)))
        taken = time.perf_counter() - began
        metrics = {key: counts for key, counts in server.metrics().items() if key not in theirs}
    for run in (*by_hand, *ours):
        processes.succeeded(run)
    complete = sum(counts.get("loss") == STEPS for counts in metrics.values())
    return [
        f"## A map task of {NODES} nodes",
        "",
        f"{NODES} processes of the real `pyflyte-map-execute`, {AT_ONCE} at a time, in {taken:.0f} s: "
        f"{len(metrics)} experiments, {complete} of them with all {STEPS} metrics.",
        "",
        *table(
            ["", "processes", "a process lives, s", "against by hand", "memory, MB", "at most", "processor, s"],
            [
                [
                    name,
                    str(len(runs)),
                    seconds([run.seconds for run in runs]),
                    ratio(median([run.seconds for run in runs]), median([run.seconds for run in by_hand])),
                    f"{median([run.printed('MEMORY') for run in runs]):.0f}",
                    f"{max(run.printed('MEMORY') for run in runs):.0f}",
                    f"{median([run.cpu for run in runs]):.2f}",
                ]
                for name, runs in (("by hand", by_hand), ("this plugin", ours))
            ],
        ),
    ]
