"""The Comet service, in the memory of a test: it answers the SDK's requests, and keeps what was logged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..archives.already_sent import names_on_server
from ..names import CometState
from ..sdk.in_memory import Request
from ..sdk.logged_values import is_bookkeeping, is_of_the_system
from .artifacts import Artifacts
from .experiment import Experiment, Metric

_VERSION = "4.99.0"
_NO_EXPERIMENT = 90210
_EXPERIMENT_EXISTS = 90999
_NO_ARTIFACT = 624523
"""The codes by which the SDK knows what is wrong."""

Answer = tuple[int, object]


class Service:
    """Answers requests.

    Attributes:
        experiments: By key, in the order in which they were started.
    """

    def __init__(self) -> None:
        self.experiments: dict[str, Experiment] = {}
        self._artifacts = Artifacts()
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Status and content for a request; what this service does not know is taken, and means nothing."""
        with self._lock:
            for path, answer in _ANSWERS.items():
                if request.path.endswith(path):
                    return answer(self, request)
            experiment = self._experiment_of(request)
            for path, told in _TOLD.items():
                if request.path.endswith(path) and experiment is not None:
                    return 200, told(experiment, request) or {}
            return 200, {}

    # The experiment

    def _start(self, request: Request) -> Answer:
        values = request.values
        key, may_exist = str(values.get("experimentKey")), bool(values.get("getOrCreateEnabled"))
        experiment = self.experiments.get(key)
        if experiment is not None and not may_exist:
            return 400, {"msg": f"the experiment {key} exists", "sdk_error_code": _EXPERIMENT_EXISTS}
        if experiment is None:
            experiment = Experiment(key, values.get("projectName"), values.get("teamName"))
            experiment.url = f"{request.server}/{experiment.workspace}/{experiment.project}/{key}"
            self.experiments[key] = experiment
        return _run(experiment)

    def _resume(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is None:
            return 400, {"msg": "there is no such experiment", "sdk_error_code": _NO_EXPERIMENT}
        return _run(experiment)

    def _metadata(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is None:
            return 404, {"msg": "there is no such experiment"}
        return 200, {
            "archived": False,
            "experimentKey": experiment.key,
            "experimentName": experiment.name,
            "projectName": experiment.project,
            "workspaceName": experiment.workspace,
            "projectId": "project",
            "running": experiment.state == "running",
            "hasCrashed": experiment.state == "crashed",
            "throttle": False,
            "startTimeMillis": None,
            "endTimeMillis": None,
        }

    def _status(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is not None and not request.values.get("is_alive"):
            experiment.state = "finished"
        return 200, {"is_alive_beat_duration_millis": 10_000, "gpu_monitor_interval_millis": 60_000}

    def _experiment_of(self, request: Request) -> Experiment | None:
        """The experiment that a request is about: the SDK has several names for its key."""
        for values in (request.values, request.query):
            for name in ("previousExperiment", "experimentKey", "experimentId"):
                if values.get(name) in self.experiments:
                    return self.experiments[values[name]]
        return None

    def _asset(self, request: Request) -> Answer:
        experiment, query = self._experiment_of(request), request.query
        link = request.parts.get("link")
        content = request.parts.get("file", b"") if link is None else link
        artifact = self._artifacts.with_identifier(query.get("artifactVersionId", ""))
        if artifact is not None:
            artifact.add(_name_of_asset(query), content, remote=link is not None)
        elif experiment is not None:
            files = experiment.code if query.get("type") == "source_code" else experiment.assets
            files.add(_name_of_asset(query), content, replaces=query.get("overwrite", "").lower() == "true")
        return 200, {}

    # Artifacts

    def _log_artifact(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        artifact = self._artifacts.log(request.values, experiment.workspace if experiment is not None else None)
        if experiment is not None:
            experiment.artifacts.add(artifact.name, artifact.files)
        return 200, {
            "artifactId": artifact.identifier,
            "artifactVersionId": artifact.identifier,
            "currentVersion": artifact.version,
            "previousVersion": artifact.previous_version,
        }

    def _remote_files(self, request: Request) -> Answer:
        for item in request.values.get("remoteArtifactAssetRequests", ()):
            artifact = self._artifacts.with_identifier(str(item.get("artifactVersionId")))
            if artifact is not None:
                artifact.add(item["fileName"], str(item["link"]).encode(), remote=True)
        return 200, {}

    def _artifact(self, request: Request) -> Answer:
        artifact = self._artifacts.found(request.query)
        return (200, artifact.details()) if artifact is not None else _no_artifact()

    def _artifact_files(self, request: Request) -> Answer:
        artifact = self._artifacts.found(request.query)
        return (200, {"files": artifact.list_of_files()}) if artifact is not None else _no_artifact()

    def _artifact_file(self, request: Request) -> Answer:
        content = self._artifacts.content(request.query.get("assetId", ""))
        return (200, content) if content is not None else (404, {"msg": "there is no such asset"})


def _run(experiment: Experiment) -> Answer:
    experiment.state = "running"
    return 200, {
        "runId": f"run-{experiment.key}",
        "experimentKey": experiment.key,
        "project_id": "project",
        "focusUrl": experiment.url.removesuffix(experiment.key),
        "lastOffset": 0,
    }


# What is logged to an experiment


def _state(experiment: Experiment, request: Request) -> None:
    alive: CometState = "running" if request.values.get("isAlive") else "finished"
    experiment.state = "crashed" if request.values.get("hasCrashed") else alive


def _metrics(experiment: Experiment, request: Request) -> None:
    for item in request.values.get("values", ()):
        metric = item.get("metric", item)
        name = names_on_server(metric["metricName"], metric.get("context"))[0]
        if not is_of_the_system(name):
            values = experiment.metrics.setdefault(name, Metric())
            values.add(_number(metric.get("metricValue")), metric.get("step"), metric.get("epoch"))


def _parameters(experiment: Experiment, request: Request) -> None:
    for item in request.values.get("values", ()):
        parameter = item.get("param", item)
        name = parameter.get("paramName") or parameter.get("parameterName")
        if not is_bookkeeping(name):
            value = parameter.get("paramValue", parameter.get("parameterValue"))
            experiment.parameters[names_on_server(name, parameter.get("context"))[0]] = value


def _other(experiment: Experiment, request: Request) -> dict[str, object] | None:
    if request.method == "GET":
        return {"values": [{"name": n, "valueCurrent": value} for n, value in experiment.others.items()]}
    name, value = request.values["key"], request.values["value"]
    if name == "Name":
        experiment.name = value
    else:
        experiment.others[name] = value
    return None


def _tags(experiment: Experiment, request: Request) -> None:
    experiment.tags[:] = dict.fromkeys([*experiment.tags, *request.values["addedTags"]])


def _output(experiment: Experiment, request: Request) -> None:
    experiment.output += "".join(line["output"] for line in request.values.get("outputLines", ()))


def _html(experiment: Experiment, request: Request) -> None:
    html = str(request.values.get("html", ""))
    experiment.html = html if request.values.get("override") else experiment.html + html


def _no_artifact() -> Answer:
    return 400, {"msg": "there is no such artifact", "sdk_error_code": _NO_ARTIFACT}


def _name_of_asset(query: Mapping[str, str]) -> str:
    kind = query.get("type", "asset")
    name = query.get("fileName") or kind
    if name == "auto-generated-in-the-backend":
        return kind
    # Two models can have files of the same name.
    return f"{query['groupingName']}/{name}" if query.get("groupingName") else name


def _number(value: object) -> object:
    """What is not finite is a text in JSON."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


_ANSWERS: dict[str, Callable[[Service, Request], Answer]] = {
    "/isAlive/ver": lambda service, request: (200, {"version": _VERSION}),
    "/account-details": lambda service, request: (200, {"userName": "tester", "defaultWorkspaceName": "tester"}),
    "/logger/add/run": Service._start,
    "/logger/get/run": Service._resume,
    "/experiment/metadata": Service._metadata,
    "/status-report/update": Service._status,
    "/asset/upload": Service._asset,
    "/write/artifacts/upsert": Service._log_artifact,
    "/artifact/assets/remote/batch": Service._remote_files,
    "/artifacts/version": Service._artifact,
    "/artifacts/version/files": Service._artifact_files,
    "/experiment/asset/get-asset": Service._artifact_file,
    # The SDK has these by itself if there is no answer. An empty answer would count as one.
    "/asset/3d-limits": lambda service, request: (200, {"maxPoints": 1_000_000, "maxBoxes": 250_000}),
}
"""What answers by the end of the request's path."""

_TOLD: dict[str, Callable[[Experiment, Request], dict[str, object] | None]] = {
    "/write/experiment/update-status": _state,
    "/batch/logger/experiment/metric": _metrics,
    "/batch/logger/experiment/parameter": _parameters,
    "/experiment/log-other": _other,
    "/tags/add-tags-to-experiment": _tags,
    "/write/experiment/output": _output,
    "/write/experiment/html": _html,
}
"""What is done with an experiment, and answered. Without an experiment, nothing is done."""
