"""What leaves a process, for real: neither keys nor command lines are in requests, logs, files and archives."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.canary import CANARY
from tests.support.comet_http import Request
from tests.support.comet_server import CometServer
from tests.support.pod import Pod

TOKEN = "hf_canaryOfTheCommandLine0123456789"
"""A secret that is passed on a command line: wherever it shows up, it has leaked."""

SOURCE = """
import os
from flytekit import Secret, task, workflow
from flytekitplugins.comet_ml import comet_ml_login
import comet_ml

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"), online=os.environ.get("ONLINE") != "0",
)
def train(hub_token: str, epochs: int) -> int:
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric("loss", 0.5)
    return epochs

@workflow
def wf(hub_token: str, epochs: int = 3) -> int:
    return train(hub_token=hub_token, epochs=epochs)

if __name__ == "__main__":
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--hub_token")
    parser.add_argument("--epochs", type=int)
    wf(**vars(parser.parse_args()))
"""

EVERYTHING = {"COMET_AUTO_LOG_ENV_DETAILS": "1", "COMET_AUTO_LOG_CLI_ARGUMENTS": "1"}


def texts(request: Request) -> str:
    """Everything of a request, but the API key where it belongs."""
    query = {name: value for name, value in request.query.items() if name not in ("apiKey", "api_key")}
    headers = {name: value for name, value in request.headers.items() if name != "authorization"}
    body = request.body
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in ("apiKey", "api_key")}
    return f"{request.path} {query!r} {headers!r} {body!r}"


def archived(directory: Path) -> Iterator[str]:
    """Everything in the offline archives below a directory."""
    for path in directory.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"{name} {archive.read(name)!r}"


def laptop(pod: Pod, comet: CometServer, directory: Path, command: list[str], **environment: str) -> str:
    """Run a command on the laptop of somebody who has logged in, and return what it printed."""
    directory.mkdir()
    (directory / "t.py").write_text(SOURCE)
    names = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(directory),
        "COMET_API_KEY": CANARY,
        "COMET_URL_OVERRIDE": f"{comet.url}/clientlib/",
        "COMET_ERROR_TRACKING_ENABLE": "0",
        **pod.environment,
        **EVERYTHING,
        **environment,
    }
    done = subprocess.run(command, cwd=directory, env=names, capture_output=True, text=True, timeout=200, check=False)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    return done.stdout + done.stderr


PYFLYTE = ["pyflyte", "run", "t.py", "wf", "--hub_token", TOKEN, "--epochs", "7"]
SCRIPT = [sys.executable, "t.py", "--hub_token", TOKEN, "--epochs", "7"]


@pytest.mark.parametrize("command", [PYFLYTE, SCRIPT], ids=["pyflyte run", "a script"])
@pytest.mark.by_default("pyflyte run")
def test_a_secret_on_the_command_line_does_not_reach_comet(
    pod: Pod, comet: CometServer, tmp_path: Path, command: list[str]
) -> None:
    laptop(pod, comet, tmp_path / "laptop", command)
    assert [request.path for request in comet.requests if TOKEN in texts(request)] == []
    bodies = [request.body for request in comet.requests if request.path.endswith("system-details")]
    (details,) = [body for body in bodies if body.get("command")]
    assert len(details["command"]) == 1
    assert details["hostname"]
    assert comet.only_experiment.parameters["epochs"] == 7


@pytest.mark.parametrize("command", [PYFLYTE, SCRIPT], ids=["pyflyte run", "a script"])
@pytest.mark.by_default("a script")
def test_a_secret_on_the_command_line_is_in_no_archive(
    pod: Pod, comet: CometServer, tmp_path: Path, command: list[str]
) -> None:
    laptop(pod, comet, tmp_path / "laptop", command, ONLINE="0")
    contents = list(archived(tmp_path / "laptop"))
    assert any("system_details" in content for content in contents)
    assert [content for content in contents if TOKEN in content] == []


def test_the_command_of_a_pod_does_not_reach_comet(pod: Pod, comet: CometServer) -> None:
    run = pod.run(
        SOURCE, "train", inputs={"hub_token": TOKEN, "epochs": 7}, generated_name=TOKEN.lower(), environment=EVERYTHING
    )
    assert run.status == 0
    sent = [texts(request) for request in comet.requests]
    assert any("system-details" in text for text in sent)
    for argument in ("raw-output-data-prefix", "checkpoint-path", "inputs.pb", "--resolver", "task_resolver", TOKEN):
        assert [text for text in sent if argument in text] == []


TELLING = """
import logging, logging.config, logging.handlers, os, pathlib, queue, sys
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login
import comet_ml

class Options(dict):
    pass

@task(enable_deck=True)
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
def train() -> None:
    key = os.environ["COMET_API_KEY"]
    logging.config.dictConfig({
        "version": 1, "disable_existing_loggers": False,
        "handlers": {"file": {"class": "logging.FileHandler", "filename": "everything.log"}},
        "root": {"level": "DEBUG", "handlers": ["file"]},
        "loggers": {name: {"level": "DEBUG", "handlers": ["file"], "propagate": False}
                    for name in ("comet_ml", "urllib3", "flytekitplugins.comet_ml")},
    })
    logging.raiseExceptions = False
    logging.getLogger("mine").error("with %s", {"key": key})
    experiment = comet_ml.get_running_experiment()
    experiment.log_metric("loss", 0.5)
    comet_ml.API().get_experiment_by_key(experiment.get_key()).get_others_summary()
    experiment.flush()
    error = ValueError({"apiKey": [key.encode()]}, Options(key=key))
    error.options = Options(key=key)
    raise error from RuntimeError(f"https://x/?apiKey={key}")
"""


def test_nothing_that_a_failing_task_leaves_has_the_key_in_it(pod: Pod, comet: CometServer) -> None:
    run = pod.run(TELLING, "train", environment=EVERYTHING)
    assert "ValueError" in run.error
    assert CANARY not in run.error
    assert CANARY not in run.log
    log = (run.directory / "work" / "everything.log").read_text()
    assert "comet_ml" in log
    for path in pod.directory.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    assert [content for content in archived(pod.directory) if CANARY in content] == []
    assert [request.path for request in comet.requests if CANARY in texts(request)] == []
    assert comet.only_experiment.others["flyte_status"] == "failed"


def test_a_server_cannot_write_to_the_log_of_a_pod(pod: Pod, comet: CometServer) -> None:
    def tampered(request: Request) -> tuple[int, object] | None:
        if not request.path.endswith("add/run"):
            return None
        status, answer = comet._answer(request)
        return status, {**answer, "focusUrl": "http://x/\x1b]0;owned\x07\u202e\r\n[flytekitplugins.comet_ml] fine\n/"}

    comet.faults.append(tampered)
    run = pod.run(SOURCE, "train", inputs={"hub_token": "x", "epochs": 1})
    assert "Comet experiment: http://x/" in run.log
    assert not {"\x1b", "\x07", "\u202e"} & set(run.log)
    assert not [line for line in run.log.splitlines() if line.startswith("[flytekitplugins.comet_ml] fine")]
