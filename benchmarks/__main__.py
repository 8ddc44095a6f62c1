"""`python -m benchmarks`: measure everything and write docs/performance.md."""

from __future__ import annotations

import datetime
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import calls, environments, imports, inside_a_body, keys, map_task, outages, serialization, tracked
from .pods import Pods
from .report import machine

PAGE = environments.ROOT / "docs" / "performance.md"


def main() -> None:
    """Measure, one thing after the other but for the last two, which mostly wait."""
    began = time.perf_counter()
    ours, existing = environments.ours(), environments.existing()
    with tempfile.TemporaryDirectory() as directory:
        room = Path(directory)
        pods = Pods(ours, existing, room / "pods")
        pods.prepare()
        sections = [
            imports.measure(ours, existing, room),
            calls.measure(ours, existing, room),
            serialization.measure(ours, existing, room),
            tracked.measure(pods),
            inside_a_body.measure(ours, room),
        ]
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(outages.measure, pods)
            mapped = map_task.measure(pods)
            sections += [waiting.result(), mapped]
        sections.append(keys.measure())
    versions = ", ".join(f"{name} {version}" for name, version in environments.versions().items())
    minutes = (time.perf_counter() - began) / 60
    page = [
        "# What it costs",
        "",
        f"Written by `make bench` on {datetime.date.today()}, in {minutes:.0f} minutes; do not edit. Medians of",
        "interleaved runs, with the least and the most in brackets, on the loopback server of the tests. On a machine",
        "that does something else meanwhile, go by the ratios of processor time.",
        "",
        f"{machine()}; {versions}. The existing plugin is flytekitplugins-comet-ml {environments.EXISTING}, in an",
        "environment of its own that is alike in everything else.",
        "",
        *(line for section in sections for line in section),
    ]
    PAGE.write_text("\n".join(page).rstrip() + "\n")
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
