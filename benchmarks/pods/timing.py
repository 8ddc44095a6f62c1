"""What a task's function takes, with whatever is around it, printed where nobody captures it."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Print the seconds of a call, and the most MB that the process has had resident; of one that raises, too."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            print(f"SECONDS {time.perf_counter() - start}", file=sys.__stdout__)
            print(f"MEMORY {memory()}", file=sys.__stdout__, flush=True)

    return wrapper


def memory() -> float:
    """The most MB that this process has had resident; `getrusage` would count those of the process that forked it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
