"""The Comet service, in the memory of a test: it answers the SDK's requests, and keeps what was logged."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

from ..archives.already_sent import names_on_server
from ..sdk.in_memory import Request
from ..sdk.logged_values import is_bookkeeping, is_of_the_system
from .experiment import Experiment, Metric

_VERSION = "4.99.0"
_NO_EXPERIMENT = 90210
_EXPERIMENT_EXISTS = 90999
_NO_ARTIFACT = 624523
"""The codes by which the SDK knows what is wrong."""

Answer = tuple[int, Any]


class Service:
    """Answers requests.

    Attributes:
        experiments: By key, in the order in which they were started.
    """

    def __init__(self) -> None:
        self.experiments: dict[str, Experiment] = {}
        self._artifacts: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Status and content for a request; what this service does not know is taken, and means nothing."""
        with self._lock:
            for path, answer in _ANSWERS.items():
                if request.path.endswith(path):
                    return answer(self, request)
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
        return self._run(experiment)

    def _resume(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is None:
            return 400, {"msg": "there is no such experiment", "sdk_error_code": _NO_EXPERIMENT}
        return self._run(experiment)

    def _run(self, experiment: Experiment) -> Answer:
        experiment.state = "running"
        return 200, {
            "runId": f"run-{experiment.key}",
            "experimentKey": experiment.key,
            "project_id": "project",
            "focusUrl": experiment.url.removesuffix(experiment.key),
            "lastOffset": 0,
        }

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

    def _state(self, request: Request) -> Answer:
        experiment, values = self._experiment_of(request), request.values
        if experiment is not None:
            alive = "running" if values.get("isAlive") else "finished"
            experiment.state = "crashed" if values.get("hasCrashed") else alive  # type: ignore[assignment]
        return 200, {}

    def _experiment_of(self, request: Request) -> Experiment | None:
        """The experiment that a request is about: the SDK has several names for its key."""
        for values in (request.values, request.query):
            for name in ("previousExperiment", "experimentKey", "experimentId"):
                if values.get(name) in self.experiments:
                    return self.experiments[values[name]]
        return None

    # What is logged to it

    def _metrics(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        for item in request.values.get("values", ()) if experiment is not None else ():
            assert experiment is not None
            metric = item.get("metric", item)
            name = names_on_server(metric["metricName"], metric.get("context"))[0]
            if not is_of_the_system(name):
                values = experiment.metrics.setdefault(name, Metric())
                values.add(_number(metric.get("metricValue")), metric.get("step"), metric.get("epoch"))
        return 200, {}

    def _parameters(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        for item in request.values.get("values", ()) if experiment is not None else ():
            assert experiment is not None
            parameter = item.get("param", item)
            name = parameter.get("paramName") or parameter.get("parameterName")
            value = parameter.get("paramValue", parameter.get("parameterValue"))
            if not is_bookkeeping(name):
                experiment.parameters[names_on_server(name, parameter.get("context"))[0]] = value
        return 200, {}

    def _other(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is None:
            return 200, {}
        if request.method == "GET":
            return 200, {"values": [{"name": n, "valueCurrent": value} for n, value in experiment.others.items()]}
        name, value = request.values["key"], request.values["value"]
        if name == "Name":
            experiment.name = value
        else:
            experiment.others[name] = value
        return 200, {}

    def _tags(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is not None:
            experiment.tags += [tag for tag in request.values["addedTags"] if tag not in experiment.tags]
        return 200, {}

    def _output(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is not None:
            experiment.output += "".join(line["output"] for line in request.values.get("outputLines", ()))
        return 200, {}

    def _html(self, request: Request) -> Answer:
        experiment = self._experiment_of(request)
        if experiment is not None:
            html = str(request.values.get("html", ""))
            experiment.html = html if request.values.get("override") else experiment.html + html
        return 200, {}

    def _asset(self, request: Request) -> Answer:
        experiment, query = self._experiment_of(request), request.query
        if experiment is not None:
            content = request.parts.get("file", request.parts.get("link", b""))
            artifact = self._artifacts.get(query.get("artifactVersionId", ""))
            files = experiment.assets
            if artifact is not None:
                files = experiment.artifacts.setdefault(artifact["artifact"]["artifactName"], {})
            files[_name_of_asset(query)] = content
        return 200, {}

    # Artifacts

    def _log_artifact(self, request: Request) -> Answer:
        experiment, values = self._experiment_of(request), request.values
        identifier, name = f"artifact-{len(self._artifacts)}", values["artifactName"]
        earlier = [each for each in self._artifacts.values() if each["artifact"]["artifactName"] == name]
        previous = earlier[-1]["artifactVersion"] if earlier else None
        version = values.get("version") or f"{len(earlier) + 1}.0.0"
        self._artifacts[identifier] = {
            "artifact": {
                "artifactId": identifier,
                "artifactName": name,
                "artifactType": values.get("artifactType"),
                "tags": [],
                "workspaceName": experiment.workspace if experiment is not None else None,
            },
            "artifactVersion": version,
            "artifactVersionId": identifier,
            "alias": values.get("alias") or [],
            "tags": values.get("versionTags") or [],
            "metadata": values.get("versionMetadata"),
            "sizeInBytes": 0,
            "experimentKey": values.get("experimentKey"),
        }
        if experiment is not None:
            experiment.artifacts[name] = {}
        return 200, {
            "artifactId": identifier,
            "artifactVersionId": identifier,
            "currentVersion": version,
            "previousVersion": previous,
        }

    def _artifact(self, request: Request) -> Answer:
        query = request.query
        found = self._artifacts.get(query.get("versionId", ""))
        if found is None:
            named = [a for a in self._artifacts.values() if a["artifact"]["artifactName"] == query.get("artifactName")]
            wanted = query.get("version") or query.get("versionOrAlias") or query.get("alias")
            fit = [a for a in named if wanted in (None, "latest", a["artifactVersion"], *a["alias"])]
            if not fit:
                return 400, {"msg": "there is no such artifact", "sdk_error_code": _NO_ARTIFACT}
            found = fit[-1]
        return 200, found


def _name_of_asset(query: Mapping[str, str]) -> str:
    kind = query.get("type", "asset")
    name = query.get("fileName") or kind
    if name == "auto-generated-in-the-backend":
        return kind
    # The files of a model; two models can have files of the same name.
    return f"{query['groupingName']}/{name}" if query.get("groupingName") else name


def _number(value: Any) -> Any:
    """What is not finite is a text in JSON."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


_ANSWERS = {
    "/isAlive/ver": lambda service, request: (200, {"version": _VERSION}),
    "/account-details": lambda service, request: (200, {"userName": "tester", "defaultWorkspaceName": "tester"}),
    "/logger/add/run": Service._start,
    "/logger/get/run": Service._resume,
    "/experiment/metadata": Service._metadata,
    "/status-report/update": Service._status,
    "/write/experiment/update-status": Service._state,
    "/batch/logger/experiment/metric": Service._metrics,
    "/batch/logger/experiment/parameter": Service._parameters,
    "/experiment/log-other": Service._other,
    "/tags/add-tags-to-experiment": Service._tags,
    "/write/experiment/output": Service._output,
    "/write/experiment/html": Service._html,
    "/asset/upload": Service._asset,
    "/write/artifacts/upsert": Service._log_artifact,
    "/artifacts/version": Service._artifact,
}
