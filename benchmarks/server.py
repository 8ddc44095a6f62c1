"""The loopback Comet server in a process of its own, which can be slow or out of order, and keeps count.

Run as a module it obeys lines of JSON; `Server` is such a process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any

from tests.support import ROOT
from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer

API_KEY = "benchmark0123456789benchm"


class Server:
    """A Comet server in a process of its own; a context manager.

    Attributes:
        url: Its address.
    """

    def __enter__(self) -> Server:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self.url = str(self._ask("url"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def delay(self, seconds: float) -> None:
        """Wait before each answer."""
        self._ask("delay", seconds)

    def out_of_order(self, how: str | None) -> None:
        """Answer every request with 500 (``"500"``), with nothing (``"hanging"``), or properly (None)."""
        self._ask("fault", how)

    def requests(self) -> list[str]:
        """The requests since the last time, without what distinguishes experiments."""
        return list(self._ask("requests"))

    def metrics(self) -> dict[str, dict[str, int]]:
        """How many values of each metric each experiment has."""
        return dict(self._ask("metrics"))

    def _ask(self, *command: Any) -> Any:
        with self._lock:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps(command), file=self._process.stdin, flush=True)
            return json.loads(self._process.stdout.readline())


def _serve() -> None:
    comet = CometServer(accepted_keys={API_KEY}).start()
    state: dict[str, Any] = {"delay": 0.0, "fault": None}
    taken = 0

    def misbehave(request: Request) -> Answer | None:
        time.sleep(state["delay"])
        if state["fault"] == "hanging":
            return comet.hang(request)
        return (500, {}) if state["fault"] == "500" else None

    comet.faults.append(misbehave)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        answer: Any = None
        if name == "url":
            answer = comet.url
        elif name == "requests":
            answer = [_described(request) for request in comet.requests[taken:]]
            taken = len(comet.requests)
        elif name == "metrics":
            answer = {
                key: {metric: len(values) for metric, values in experiment.metrics.items()}
                for key, experiment in comet.experiments.items()
            }
        else:
            state[name] = arguments[0]
        print(json.dumps(answer), flush=True)


def _described(request: Any) -> str:
    text = f"{request.method} {request.path}"
    if request.path.endswith("/log-other"):
        text += f" {request.body['key']}"
    if request.path.endswith("/asset/upload"):
        text += f" {request.query.get('type', '')}"
    return text


if __name__ == "__main__":
    _serve()
