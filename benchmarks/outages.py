"""What a server that is out of order adds to a task."""

from __future__ import annotations

import math
import socket
from concurrent.futures import ThreadPoolExecutor

from . import processes
from .pods import Pods
from .report import table
from .server import Server

LIMIT = 240
"""Seconds after which a pod is killed."""

OUTAGES = {"refused": "connections are refused", "hanging": "no answer", "500": "every answer is 500"}
VARIANTS = {"by hand": "by_hand", "this plugin": "tracked", "existing plugin": "existing"}


def measure(pods: Pods) -> list[str]:
    """One run each, all at once: they wait."""
    with Server() as hanging, Server() as broken, Server() as healthy, ThreadPoolExecutor(12) as threads:
        hanging.out_of_order("hanging")
        broken.out_of_order("500")
        with socket.socket() as unused:
            # Bound and not listening: nobody else gets the port meanwhile.
            unused.bind(("127.0.0.1", 0))
            refused = f"http://127.0.0.1:{unused.getsockname()[1]}"
            urls = {"refused": refused, "hanging": hanging.url, "500": broken.url, "none": healthy.url}
            runs = {
                (outage, name): threads.submit(pods.run, module, url, timeout=LIMIT)
                for outage, url in urls.items()
                for name, module in VARIANTS.items()
            }
            finished = {which: run.result() for which, run in runs.items()}
    rows = [
        [
            text,
            *(_told(finished[outage, name], finished["none", name]) for name in VARIANTS),
        ]
        for outage, text in OUTAGES.items()
    ]
    return [
        "## Outages",
        "",
        "Seconds that a server which is out of order from the beginning adds to the call, and what becomes of the task",
        "and of its data: one run each, all at once.",
        "",
        *table(["", *VARIANTS], rows),
    ]


def _told(run: processes.Finished, healthy: processes.Finished) -> str:
    seconds = run.printed("SECONDS") - processes.succeeded(healthy).printed("SECONDS")
    if math.isnan(seconds):
        return f"not over after {LIMIT} s"
    fate = "the task fails" if run.error else "the task succeeds"
    return f"{seconds:+.1f}; {fate}, {'an archive' if run.archives else 'no archive'}"
