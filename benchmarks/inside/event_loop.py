"""Twenty coroutines at once, bare or tracked: prints for how many seconds, at most, the event loop did nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable

import comet_ml
from flytekitplugins.comet_ml import comet_ml_login

TASKS = 20
BEAT = 0.005
"""Seconds from one look at the clock to the next."""

logging.getLogger("flytekitplugins.comet_ml").setLevel(logging.ERROR)


async def bare(number: int) -> int:
    """Wait, as for data."""
    for step in range(50):
        if (experiment := comet_ml.get_running_experiment()) is not None:
            experiment.log_metric("loss", 1 / (step + 1), step=step)
        await asyncio.sleep(0.01)
    return number


tracked = comet_ml_login(
    project_name="digits", workspace="my-team", host=os.environ["BENCHMARK_HOST"], secret=lambda: "unused"
)(bare)


async def longest_stall(function: Callable[[int], Awaitable[int]]) -> float:
    """The most seconds by which the clock was looked at too late while the coroutines ran."""
    longest, running = 0.0, True

    async def look() -> None:
        nonlocal longest
        last = time.perf_counter()
        while running:
            await asyncio.sleep(BEAT)
            now = time.perf_counter()
            longest, last = max(longest, now - last - BEAT), now

    looking = asyncio.create_task(look())
    assert sorted(await asyncio.gather(*(function(number) for number in range(TASKS)))) == list(range(TASKS))
    running = False
    await looking
    return longest


async def main() -> None:
    """Measure, after a first call that loads what is loaded once."""
    function = {"bare": bare, "tracked": tracked}[sys.argv[1]]
    await function(0)
    began = time.perf_counter()
    stall = await longest_stall(function)
    print(f"STALL {stall}")
    print(f"SECONDS {time.perf_counter() - began}")


asyncio.run(main())
