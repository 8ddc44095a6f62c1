"""A tracked task, from before login to after the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from . import processes
from .pods import STEPS, Pods
from .report import median, ratio, seconds, table
from .server import Server

ROUNDS = 5
DELAYS = (0.0, 0.1)
OFFLINE = {"BENCHMARK_OFFLINE": "1"}

WITHOUT = "no plugin"
BY_HAND = "by hand"
OURS = "this plugin"
VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    WITHOUT: ("plain", {}),
    BY_HAND: ("by_hand", {}),
    "by hand, without an experiment key": ("by_hand", {"BY_HAND_WITHOUT_KEY": "1"}),
    OURS: ("tracked", {}),
    "existing plugin, with start and end in the task": ("existing", {}),
}

REASONS = {
    "log-other flyte_": "what identifies the task: one request each is Comet's way, sent beside the body",
    "log-other Created from": "where the experiment comes from",
    "log-other Name": "a name that people recognise",
    "experiment/parameter": "the task's inputs",
    "asset/upload source_code": "the task's file, not that of the entrypoint",
    "file-path": "the same",
    "isAlive/ver": "the client that the end uses, bound to server and key before the body",
}
"""Why there may be more requests than by hand, by a part of what is requested."""


def measure(pods: Pods) -> list[str]:
    """Wall time of the call, in the real entrypoint, and the requests that it makes."""
    with Server() as server:
        asked: dict[str, list[Counter[str]]] = {name: [] for name in VARIANTS}

        def run(name: str) -> processes.Finished:
            module, environment = VARIANTS[name]
            server.requests()
            finished = processes.succeeded(pods.run(module, server.url, environment=environment))
            asked[name].append(Counter(server.requests()))
            return finished

        def variant(name: str) -> Callable[[], processes.Finished]:
            return lambda: run(name)

        found = {}
        for delay in DELAYS:
            server.delay(delay)
            found[delay] = processes.interleaved(ROUNDS, {name: variant(name) for name in VARIANTS})

    def offline(name: str) -> Callable[[], processes.Finished]:
        module, environment = VARIANTS[name]
        return lambda: processes.succeeded(pods.run(module, "http://127.0.0.1:9", environment=environment | OFFLINE))

    without_server = processes.interleaved(ROUNDS, {name: offline(name) for name in (WITHOUT, BY_HAND, OURS)})
    assert all(run.archives == 1 for name in (BY_HAND, OURS) for run in without_server[name])
    lines = [
        "## A tracked task",
        "",
        f"The task logs {STEPS} metrics and does nothing else, so that all of this is Comet's and the plugin's: a task",
        "that takes longer has what can run beside it for nothing. Each run is a pod of its own, with the real",
        "`pyflyte-execute`. The call is the task's function with what is around it, from before login to after the",
        "end; memory is the most that the process had resident.",
        "",
    ]
    for delay in DELAYS:
        lines += [f"At {delay * 1000:.0f} ms a request:", "", *_times(found[delay])]
    lines += ["Offline, with `online=False`: an archive is written, and no server asked.", "", *_times(without_server)]
    return [*lines, *_requests({name: max(counts, key=Counter.total) for name, counts in asked.items()})]


def _times(found: Mapping[str, Sequence[processes.Finished]]) -> list[str]:
    calls = {name: [run.printed("SECONDS") for run in runs] for name, runs in found.items()}
    rows = [
        [
            name,
            seconds(calls[name]),
            ratio(median(calls[name]), median(calls[BY_HAND])) if name != WITHOUT else "",
            f"{median([run.seconds for run in runs]):.2f}",
            f"{median([run.cpu for run in runs]):.2f}",
            f"{median([run.printed('MEMORY') for run in runs]):.0f}",
        ]
        for name, runs in found.items()
    ]
    return table(["", "call, s", "against by hand", "process, s", "processor, s", "memory, MB"], rows)


def _requests(asked: dict[str, Counter[str]]) -> list[str]:
    shown = [BY_HAND, OURS, "existing plugin, with start and end in the task"]
    grouped = {name: Counter[str]() for name in shown}
    for name in shown:
        for request, number in asked[name].items():
            grouped[name][request.partition(" flyte_")[0] + (" flyte_..." if " flyte_" in request else "")] += number
    every = sorted(set().union(*grouped.values()))
    rows = [
        [
            f"`{request}`",
            *(str(grouped[name][request]) for name in shown),
            _reason(request) if grouped[OURS][request] > grouped[BY_HAND][request] else "",
        ]
        for request in every
    ]
    totals = ["all", *(str(grouped[name].total()) for name in shown), ""]
    return [
        "Requests of one run, the most that were seen:",
        "",
        *table(["request", *shown, "why more than by hand"], [*rows, totals]),
    ]


def _reason(request: str) -> str:
    return next((reason for part, reason in REASONS.items() if part in request), "**not explained**")
