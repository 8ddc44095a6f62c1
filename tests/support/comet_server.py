"""A Comet server on the loopback interface: enough of the wire for the real SDK, and able to misbehave on demand."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

from tests.support.comet_http import Answer, Fault, HTTPServer, Request, handler
from tests.support.comet_records import ArtifactVersion, Experiment


class CometServer:
    """The server. Use it as a context manager, or with `start` and `stop`.

    Attributes:
        requests: Every request, in the order of arrival.
        experiments: By key.
        artifacts: Versions of artifacts, in the order in which they were made.
        accepted_keys: The API keys that it takes; None takes any.
        forbidden_workspaces: Workspaces that the keys may not write to.
        faults: Asked in turn before a request is answered; an answer that is not None is given instead.
        tls: With it, the server speaks https.
    """

    def __init__(self, accepted_keys: set[str] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.experiments: dict[str, Experiment] = {}
        self.artifacts: list[ArtifactVersion] = []
        self.accepted_keys = accepted_keys
        self.forbidden_workspaces: set[str] = set()
        self.faults: list[Fault] = []
        self.tls = tls
        self._lock = threading.Lock()
        self.http: ThreadingHTTPServer | None = None
        self._stopping = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        """The server's address, as `host=` takes it."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> CometServer:
        """Listen; on the same port again after `stop`."""
        self._stopping.clear()
        self.http = HTTPServer(("127.0.0.1", self.port), handler(self))
        self.port = self.http.server_address[1]
        if self.tls is not None:
            self.http.socket = self.tls.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening: new connections are refused, and those that there are cut at their next request."""
        self._stopping.set()
        if self.http is not None:
            self.http.shutdown()
            self.http.server_close()
            self.http = None

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
        if "/artifacts/" in path:
            return self._of_artifacts(request, body)
        if path.endswith("/experiment/metadata"):
            return self._metadata(request.query.get("experimentKey", ""))
        if request.method == "GET" and request.query.get("experimentKey") in self.experiments:
            return 200, _read(path.rpartition("/rest/v2/experiment/")[2], request.query, self.experiments)
        self._record(path, body)
        self._record_content(request, body)
        return 200, {}

    def _of_artifacts(self, request: Request, body: dict[str, Any]) -> Answer:
        if request.path.endswith("/write/artifacts/upsert"):
            return self._upsert(body)
        if request.path.endswith("/artifacts/version/files"):
            name, number = request.query["artifactName"], request.query["version"]
            (found,) = [each for each in self.artifacts if (each.name, each.version) == (name, number)]
            return 200, {"files": [{"assetId": file["assetId"]} for file in found.files.values()]}
        named = body.get("artifactVersionId") or request.query.get("versionId")
        wanted = request.query.get("artifactName"), request.query.get("versionOrAlias")
        version = next((each for each in self.artifacts if each.id == named or each.is_meant_by(*wanted)), None)
        if version is None:
            return 400, {"msg": "no such artifact", "sdk_error_code": 624523}
        if request.path.endswith("/write/artifacts/state"):
            version.state = body["state"]
            return 200, {}
        return 200, {
            "artifact": {
                "artifactId": f"artifact-{version.name}",
                "artifactName": version.name,
                "artifactType": version.type,
                "workspaceName": version.workspace,
                "tags": [],
            },
            "artifactVersionId": version.id,
            "artifactVersion": version.version,
            "alias": version.aliases,
            "tags": version.tags,
            "metadata": version.metadata,
            "experimentKey": version.experiment_key,
            "sizeInBytes": 0,
        }

    def _upsert(self, body: dict[str, Any]) -> Answer:
        earlier = [each for each in self.artifacts if each.name == body["artifactName"]]
        if body.get("version") in [each.version for each in earlier]:
            return 400, {"msg": "this version exists", "sdk_error_code": 90400}
        version = ArtifactVersion(
            id=f"version-{len(self.artifacts)}",
            name=body["artifactName"],
            type=body["artifactType"],
            workspace=self.experiments[body["experimentKey"]].workspace,
            version=body.get("version") or f"{len(earlier) + 1}.0.0",
            experiment_key=body["experimentKey"],
            aliases=body.get("alias") or [],
            tags=body.get("versionTags") or [],
            metadata=body.get("versionMetadata"),
        )
        self.artifacts.append(version)
        return 200, {
            "artifactId": f"artifact-{version.name}",
            "artifactVersionId": version.id,
            "currentVersion": version.version,
            "previousVersion": earlier[-1].version if earlier else None,
        }

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
            # What the service does with the mark when a run goes on or ends is not known here: it stays.
            "hasCrashed": [s for s in experiment.states if s in ("crashed", "finished")][-1:] == ["crashed"],
            "throttle": False,
            "startTimeMillis": experiment.times.get("start"),
            "endTimeMillis": experiment.times.get("end"),
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
            self.experiments[key].times["start"] = body.get("local_timestamp")
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
            state = "alive" if body.get("is_alive") else "ended"
            # A slow run says several times that it is alive.
            if experiment.states[-1:] != [state]:
                experiment.states.append(state)
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
                experiment.points.append(metric)
                experiment.metrics.setdefault(metric["metricName"], []).append(
                    (metric.get("step"), metric.get("metricValue"))
                )
        elif path.endswith("/batch/logger/experiment/parameter"):
            for item in body["values"]:
                parameter = item.get("param", item)
                name = parameter.get("paramName") or parameter.get("parameterName")
                experiment.parameters[name] = parameter.get("paramValue", parameter.get("parameterValue"))

    def _record_content(self, request: Request, body: dict[str, Any]) -> None:
        for asset in body.get("remoteArtifactAssetRequests", ()):
            named = next(each for each in self.artifacts if each.id == asset["artifactVersionId"])
            named.uploads.append(asset["fileName"])
            named.files[asset["fileName"]] = asset
        query = request.query
        key = body.get("experimentKey") or query.get("experimentId") or ""
        experiment = self.experiments.get(key)
        if experiment is None:
            return
        version = next((each for each in self.artifacts if each.id == query.get("artifactVersionId")), None)
        if request.path.endswith("/asset/upload") and version is not None:
            version.uploads.append(query["fileName"])
            version.files[query["fileName"]] = {**query, "content": request.body}
        elif request.path.endswith("/asset/upload"):
            experiment.uploads.append(query["assetId"])
            experiment.assets[query["assetId"]] = {**query, "content": request.body}
        elif request.path.endswith("/write/experiment/output"):
            experiment.output += "".join(line["output"] for line in body["outputLines"])
        elif request.path.endswith("/write/experiment/html"):
            experiment.html = body["html"] if body.get("override") else experiment.html + body["html"]
        elif request.path.endswith("/tags/add-tags-to-experiment"):
            experiment.tags += body["addedTags"]
        elif request.path.endswith("/status-report/offline-metadata"):
            times = {"start": body.get("startTimestamp"), "end": body.get("endTimestamp")}
            experiment.times.update({name: time for name, time in times.items() if time is not None})
        elif request.path.endswith("/write/experiment/set-start-end-time"):
            times = {"start": body.get("startTimeMillis"), "end": body.get("endTimeMillis")}
            experiment.times.update({name: time for name, time in times.items() if time is not None})


def _read(what: str, query: dict[str, str], experiments: dict[str, Experiment]) -> Any:
    """What the REST API says of an experiment, as the SDK documents it: numbers are texts, names have their context."""
    experiment = experiments[query["experimentKey"]]
    if what in ("metrics/summary", "metrics/get-metric"):
        points = [(f"{p['context']}_" if p.get("context") else "") + p["metricName"] for p in experiment.points]
        if what == "metrics/summary":
            return {"values": [{"name": name} for name in sorted(set(points))]}
        return {
            "metrics": [
                {
                    "metricName": name,
                    "metricValue": _in_java(point["metricValue"]),
                    "timestamp": point["timestamp"],
                    "step": point.get("step"),
                    "epoch": point.get("epoch"),
                    "runContext": point.get("context"),
                }
                for name, point in zip(points, experiment.points, strict=True)
                if name == query["metricName"]
            ]
        }
    if what == "log-other":
        return {"values": [{"name": name, "valueCurrent": value} for name, value in experiment.others.items()]}
    if what == "parameters":
        return {"values": [{"name": name, "valueCurrent": value} for name, value in experiment.parameters.items()]}
    if what == "asset/list":
        return {"assets": [{"assetId": key, "fileName": a["fileName"]} for key, a in experiment.assets.items()]}
    return {"output": {"output": experiment.output}, "html": {"html": experiment.html}}.get(what, {})


def _in_java(value: Any) -> str:
    return str(value).replace("e", "E") if isinstance(value, float) else str(value)
