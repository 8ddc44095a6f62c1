"""Laptops and pods that run side by side, one for each shape of task."""

from __future__ import annotations

import json
import os
import re
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support import ROOT
from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.pod import Pod, Run
from tests.support.pod_environment import POD_ENVIRONMENT, SECRET_VARIABLE
from tests.support.task_shapes import NOT_RUN, Row

REPORT = """
import importlib, gzip, json, linecache, os, sys
import cloudpickle
from flytekit.core import context_manager
from flytekit.core.type_engine import TypeEngine
from flytekit.core.utils import write_proto_to_file
from flytekit.remote.remote import _get_pickled_target_dict
from tests.support.pod import template_of

url = os.environ["COMET_URL_OVERRIDE"]

def define(module, place, source, **_):
    if place == "module":
        return vars(importlib.import_module(module))
    name = sys.modules["__main__"].__file__
    if place == "notebook":
        # flytekit takes it for a sign of a notebook.
        open("pkl.gz", "w").close()
        name = "<ipython-input-1>"
        # What a notebook does as well.
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), globals())
    return globals()

def serialized(names, place, inputs, room, **_):
    entity = names.get("entity") or names.get("train") or names["Steps"].train
    if place == "notebook":
        with gzip.GzipFile("pkl.gz", "wb", mtime=0) as file:
            cloudpickle.dump(_get_pickled_target_dict(entity)[1], file)
    for _ in range(2):
        template = template_of(entity)
    interface = entity.python_interface.inputs
    given = {name: value for name, value in inputs.items() if name in interface}
    context = context_manager.FlyteContext.current_context()
    literals = TypeEngine.dict_to_literal_map(context, given, interface)
    write_proto_to_file(literals.to_flyte_idl(), os.path.join(room, "work", "inputs.pb"))
    secrets = (template.security_context.secrets or []) if template.security_context else []
    return {
        "config": dict(template.config),
        "arguments": list(template.container.args),
        "environment": dict(template.container.env),
        "secrets": [secret.key for secret in secrets],
    }

def report_of(row):
    report = {}

    def cell(column, function):
        try:
            report[column] = {"value": function()}
        except BaseException as error:
            report[column] = {"error": type(error).__name__, "text": str(error)}

    os.environ["COMET_URL_OVERRIDE"] = url.replace("/clientlib/", "/silent/" + row["module"] + "/clientlib/")
    cell("defined", lambda: define(**row))
    if "value" in report["defined"]:
        names = report["defined"].pop("value")
        report["defined"]["value"] = None
        keys = names["keys"]
        pipeline = names["pipeline"]
        cell("serialized", lambda: serialized(names, **row))
        cell("compiled", lambda: len(pipeline.nodes))
        report["keys before"] = list(keys)
        os.environ["COMET_URL_OVERRIDE"] = url
        keys.clear()
        cell("called", names["called"])
        report["keys called"] = list(keys)
        keys.clear()
        inputs = {"n": row["inputs"]["n"]} if pipeline.python_interface.inputs else {}
        cell("in a workflow", lambda: pipeline(**inputs))
        report["keys in a workflow"] = list(keys)
        if "error" in report["compiled"]:
            # flytekit compiles once, and does not notice that it failed.
            report["in a workflow"] = report["compiled"]
            if report["serialized"].get("error") == "AttributeError":
                report["serialized"] = report["compiled"]
    return report

for row in ROWS:
    print("\\nREPORT", row["module"], json.dumps(report_of(row), default=repr), flush=True)
"""


class Fleet(Pod):
    """Laptops and pods that run side by side."""

    def __init__(self, directory: Path, comet: CometServer, *, fresh: bool) -> None:
        super().__init__(directory, {"COMET_HOST_FOR_TESTS": comet.url}, fresh=fresh)
        self.comet = comet
        self.reports: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, Future[Run]] = {}

    def start(self, rows: list[Row], in_pods: list[Row], threads: ThreadPoolExecutor) -> None:
        """Start everything: modules a few to a laptop, since a process costs more than they do."""
        for row in rows:
            for name in ("out", "home", "work", "tmp", "code"):
                (self.room(row) / name).mkdir(parents=True)
            (self.room(row) / "code" / f"{row.module}.py").write_text(row.source)
        modules = [row for row in rows if row.place == "module"]
        groups = [modules[start::4] for start in range(4)] + [[row] for row in rows if row.place != "module"]
        laptops = {
            row.name: laptop for group in groups for laptop in [threads.submit(self._laptop, group)] for row in group
        }
        for row in rows:
            self.reports[row.name] = laptops[row.name].result()[row.module]
            if row in in_pods:
                self.runs[row.name] = threads.submit(self._pod, row)

    def room(self, row: Row) -> Path:
        return self.directory / row.module

    def _laptop(self, rows: list[Row]) -> dict[str, dict[str, Any]]:
        room = self.room(rows[0])
        path = os.pathsep.join([*(str(self.room(row) / "code") for row in rows), str(ROOT)])
        script = room / "code" / (f"{rows[0].module}.py" if rows[0].place == "script" else "laptop.py")
        asked = [
            {
                "module": row.module,
                "place": row.place,
                "source": row.source,
                "inputs": row.inputs,
                "room": str(self.room(row)),
            }
            for row in rows
        ]
        script.write_text(f"ROWS = {asked!r}\n{REPORT}")
        url = f"{self.comet.url}/clientlib/"
        names = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": url, "PYTHONPATH": path}
        run = self._run([sys.executable, str(script)], room, names, 290)
        found = re.findall(r"^REPORT (\w+) (.*)$", run.log, re.MULTILINE)
        assert len(found) == len(rows), run.log
        return {module: json.loads(text) for module, text in found}

    def _pod(self, row: Row) -> Run:
        room, report = self.room(row), self.reports[row.name]
        serialized = report.get("serialized", report["defined"])
        if "arguments" not in (serialized.get("value") or {}) or row.cells["in a pod"] is NOT_RUN:
            return Run(1, f"{serialized.get('error')}: {serialized.get('text')}", room)
        # A pod has the code, and of a laptop nothing but it; from a notebook, the pickle.
        (room / "code" / f"{row.module}.py").write_text(row.source)
        if row.place == "notebook":
            (room / "code" / f"{row.module}.py").unlink()
        values = {
            "{{.input}}": str(room / "work" / "inputs.pb"),
            "{{.outputPrefix}}": str(room / "out"),
            "{{.rawOutputDataPrefix}}": f"{room}/raw/i4/{row.execution}{row.node}",
            "{{.checkpointOutputPrefix}}": f"{room}/raw/check",
            "{{.prevCheckpointPrefix}}": '""',
        }
        command = [values.get(argument, argument) for argument in serialized["value"]["arguments"]]
        names = {
            SECRET_VARIABLE: CANARY,
            **POD_ENVIRONMENT,
            **serialized["value"]["environment"],
            "HOSTNAME": f"{row.execution}-n0-0",
            "FLYTE_INTERNAL_EXECUTION_ID": row.execution,
            **row.environment,
        }
        run = self._run(command, room, names, 290)
        # Of a legacy map task, the entrypoint puts each node's outputs into a directory of its own.
        for file in (room / "out" / "1").glob("*.pb"):
            file.rename(room / "out" / file.name)
        return run
