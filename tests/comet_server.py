"""A Comet server on the loopback interface: enough of the wire for the real SDK, and able to misbehave on demand."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """A request as it arrived.

    Attributes:
        method: GET or POST.
        path: Path without the query.
        query: The query's values by name.
        body: The decoded JSON body; raw bytes where it is none.
        headers: The headers, by lower-case name.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def api_key(self) -> str | None:
        """The API key that came with the request, in whatever place."""
        body = self.body if isinstance(self.body, dict) else {}
        return self.headers.get("authorization") or self.query.get("apiKey") or body.get("apiKey")


@dataclass
class Experiment:
    """What the server knows of an experiment.

    Attributes:
        key: Its key.
        project: Project under which it was created.
        workspace: Workspace under which it was created.
        metrics: Pairs of step and value, by name, in the order of arrival.
        parameters: Last value by name.
        others: Last value by name.
        name: Display name.
        alive: Whether it was last said to run.
        states: Every state that was reported, in order: "alive", "ended", "crashed", "finished".
        tags: Its tags.
    """

    key: str
    project: str | None = None
    workspace: str | None = None
    metrics: dict[str, list[tuple[int | None, Any]]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    name: str | None = None
    states: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether it was last said to run."""
        return bool(self.states) and self.states[-1] == "alive"


Answer = tuple[int, Any]
Fault = Callable[[Request], "Answer | None"]


class CometServer:
    """The server. Use it as a context manager, or with `start` and `stop`.

    Attributes:
        requests: Every request, in the order of arrival.
        experiments: By key.
        accepted_keys: The API keys that it takes; None takes any.
        forbidden_workspaces: Workspaces that the keys may not write to.
        faults: Asked in turn before a request is answered; an answer that is not None is given instead.
    """

    def __init__(self, accepted_keys: set[str] | None = None) -> None:
        self.requests: list[Request] = []
        self.experiments: dict[str, Experiment] = {}
        self.accepted_keys = accepted_keys
        self.forbidden_workspaces: set[str] = set()
        self.faults: list[Fault] = []
        self._lock = threading.Lock()
        self._http: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """The server's address, as `host=` takes it."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> CometServer:
        """Listen; on the same port again after `stop`."""
        self._stopping.clear()
        self._http = _HTTPServer(("127.0.0.1", self.port), _handler(self))
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening: connections are refused."""
        self._stopping.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http = None

    def __enter__(self) -> CometServer:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[None]:
        """Misbehave while the block runs."""
        self.faults.append(fault)
        try:
            yield
        finally:
            self.faults.remove(fault)

    def hang(self, request: Request) -> Answer | None:
        """A fault: no answer until the server is stopped."""
        self._stopping.wait(120)
        return 503, {}

    @property
    def only_experiment(self) -> Experiment:
        """The one experiment that there is."""
        (experiment,) = self.experiments.values()
        return experiment

    def paths(self) -> list[str]:
        """Method and path of every request."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def answer(self, request: Request) -> Answer:
        """What a request is answered with."""
        with self._lock:
            self.requests.append(request)
        for fault in list(self.faults):
            answer = fault(request)
            if answer is not None:
                return answer
        with self._lock:
            return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        path, body = request.path, request.body if isinstance(request.body, dict) else {}
        if path.endswith("/isAlive/ver"):
            return 200, {"version": "4.99.0"}
        if self.accepted_keys is not None and request.api_key not in (None, *self.accepted_keys):
            refused = {"msg": "unknown key", "sdk_error_code": 90212, "code": 400}
            return (401 if "/api/rest/" in path else 400), refused
        if path.endswith("/logger/add/run"):
            return self._add_run(body)
        if path.endswith("/logger/get/run"):
            experiment = self.experiments.get(body.get("previousExperiment") or body.get("experimentKey", ""))
            return (200, self._run(experiment)) if experiment else (400, {"msg": "no", "sdk_error_code": 90210})
        if path.endswith("/status-report/update"):
            self._record(path, body)
            return 200, {"is_alive_beat_duration_millis": 10000, "gpu_monitor_interval_millis": 60000}
        if path.endswith("/experiment/metadata"):
            return self._metadata(request.query.get("experimentKey", ""))
        self._record(path, body)
        return 200, {}

    def _metadata(self, key: str) -> Answer:
        experiment = self.experiments.get(key)
        if experiment is None:
            return 404, {"msg": "not found"}
        return 200, {
            "archived": False,
            "experimentKey": key,
            "experimentName": experiment.name,
            "projectName": experiment.project,
            "workspaceName": experiment.workspace,
            "projectId": "project",
            "running": experiment.alive,
            "hasCrashed": False,
            "throttle": False,
        }

    def _add_run(self, body: dict[str, Any]) -> Answer:
        key, workspace = body.get("experimentKey") or "", body.get("teamName")
        if workspace in self.forbidden_workspaces:
            return 400, {"msg": "no such team", "sdk_error_code": 90219}
        if key in self.experiments:
            if not body.get("getOrCreateEnabled"):
                return 400, {"msg": "exists", "sdk_error_code": 90999}
        else:
            self.experiments[key] = Experiment(key, project=body.get("projectName"), workspace=workspace)
        return 200, self._run(self.experiments[key])

    def _run(self, experiment: Experiment) -> dict[str, Any]:
        return {
            "runId": f"run-{experiment.key}",
            "experimentKey": experiment.key,
            "project_id": "project",
            "focusUrl": f"{self.url}/{experiment.workspace}/{experiment.project}/",
            "lastOffset": 0,
        }

    def _record(self, path: str, body: dict[str, Any]) -> None:
        experiment = self.experiments.get(body.get("experimentKey") or body.get("experimentId") or "")
        if experiment is None:
            return
        if path.endswith("/status-report/update"):
            experiment.states.append("alive" if body.get("is_alive") else "ended")
        elif path.endswith("/write/experiment/update-status"):
            experiment.states.append(
                "crashed" if body.get("hasCrashed") else "alive" if body.get("isAlive") else "finished"
            )
        elif path.endswith("/write/experiment/log-other"):
            experiment.others[body["key"]] = body["value"]
            if body["key"] == "Name":
                experiment.name = body["value"]
        elif path.endswith("/batch/logger/experiment/metric"):
            for item in body["values"]:
                metric = item.get("metric", item)
                experiment.metrics.setdefault(metric["metricName"], []).append(
                    (metric.get("step"), metric.get("metricValue"))
                )
        elif path.endswith("/batch/logger/experiment/parameter"):
            for item in body["values"]:
                parameter = item.get("param", item)
                name = parameter.get("paramName") or parameter.get("parameterName")
                experiment.parameters[name] = parameter.get("paramValue", parameter.get("parameterValue"))


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


def _handler(server: CometServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer goes out in two writes: without this, the second waits for the client's delayed acknowledgement.
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on standard error."""

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            try:
                body = json.loads(raw) if raw else {}
            except ValueError:
                body = raw
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = server.answer(Request(self.command, url.path, query, body, headers))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _handle  # noqa: N815 - http.server's names

    return Handler
