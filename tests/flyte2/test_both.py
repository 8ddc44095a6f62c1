"""Both generations in one environment: a task of Flyte 1 with a secret of Flyte 2."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT as CHECKOUT
from tests.support.comet_server import CometServer

pytestmark = pytest.mark.skipif(importlib.util.find_spec("flytekit") is None, reason="there is one generation only")

TASKS = """
import flyte
from flytekit import task
from flytekitplugins.comet_ml import comet_ml_login

def login(secret):
    return comet_ml_login(project_name="digits", workspace="my-team", secret=secret)

SECRET = flyte.Secret("comet-ml-api-key", group="comet-ml", as_env_var="COMET_API_KEY")
WITHOUT_GROUP = flyte.Secret("comet-api-key", as_env_var="COMET_API_KEY")

@task
@login(SECRET)
def below(epochs: int) -> int:
    return epochs

@login(SECRET)
@task
def above(epochs: int) -> int:
    return epochs

@task
@login(flyte.Secret("comet-ml-api-key", group="comet-ml", mount="/etc/flyte/secrets"))
def mounted(epochs: int) -> int:
    return epochs
"""

REQUEST = """
from tests.support.pod import template_of
(secret,) = template_of({task}).security_context.secrets
print(secret.group, secret.key, secret.mount_requirement.name, secret.env_var)
"""


def printed(code: str, directory: Path) -> list[str]:
    """What a process prints that has not loaded flyte-migrate, as other tests here have."""
    (directory / "code.py").write_text(f"import sys\nsys.path.append({str(CHECKOUT)!r})\n{code}")
    done = subprocess.run([sys.executable, "code.py"], cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("task", ["below", "above"])
def test_the_secret_is_requested_by_its_group_and_key_in_its_variable(task: str, tmp_path: Path) -> None:
    request = printed(TASKS + REQUEST.format(task=task), tmp_path)
    assert request == ["comet-ml comet-ml-api-key ENV_VAR COMET_API_KEY"]


def test_a_mounted_secret_is_requested_as_a_file(tmp_path: Path) -> None:
    request = printed(TASKS + REQUEST.format(task="mounted"), tmp_path)
    assert request == ["comet-ml comet-ml-api-key FILE None"]


@pytest.mark.parametrize("task", ["below", "above", "mounted"])
def test_a_pod_finds_the_key(task: str, tmp_path: Path, comet: CometServer) -> None:
    code = f"""
from pathlib import Path
from tests.support.pod import Pod
pod = Pod(Path("pods").resolve(), {{"COMET_URL_OVERRIDE": "{comet.url}/clientlib/"}}, fresh=True)
run = pod.run({TASKS!r}, {task!r}, inputs={{"epochs": 3}})
assert run.status == 0 and not run.error, run.error
"""
    printed(code, tmp_path)
    assert comet.only_experiment.states == ["alive", "ended"]


def test_a_pickled_function_finds_the_key(tmp_path: Path) -> None:
    code = """
import os
import cloudpickle
from flytekit import current_context
from flytekitplugins.comet_ml.flyte1.secret import read_api_key
copy = cloudpickle.loads(cloudpickle.dumps(below.task_function))
found = {"_FSEC_COMET-ML_COMET-ML-API-KEY": "the-key"}
os.environ.update(found)
print(read_api_key(copy.secret, current_context().secrets, found), copy.get_config.secret.key)
"""
    assert printed(TASKS + code, tmp_path) == ["the-key comet-ml-api-key"]


REFUSED = """
from flytekitplugins.comet_ml import InvalidOptionError
from tests.support.pod import template_of

def train(epochs: int) -> int:
    return epochs

try:
    {what}
except InvalidOptionError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "what",
    ["login(WITHOUT_GROUP)(task(train))", "template_of(task(login(WITHOUT_GROUP)(train)))"],
    ids=["above", "below"],
)
def test_a_secret_without_a_group_is_refused(what: str, tmp_path: Path) -> None:
    (refusal,) = printed(TASKS + REFUSED.format(what=what), tmp_path)
    assert refusal.startswith("comet_ml_login: Flyte 1 cannot deliver the secret with key 'comet-api-key'")
    assert refusal.endswith("Give it one: flyte.Secret(key='comet-api-key', group='comet-ml').")


def test_a_function_with_a_secret_without_a_group_can_become_a_task_of_flyte_2(tmp_path: Path) -> None:
    code = REFUSED.format(what="print(flyte.TaskEnvironment('e').task(login(WITHOUT_GROUP)(train)).secrets[0].key)")
    assert printed(TASKS + code, tmp_path) == ["comet-api-key"]


def doctor(source: str, directory: Path) -> str:
    """What `doctor` says of a module."""
    (directory / "train.py").write_text(source)
    command = [sys.executable, "-m", "flytekitplugins.comet_ml", "doctor", "train.py"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120).stdout


def test_doctor_names_the_secret(tmp_path: Path) -> None:
    said = doctor(TASKS, tmp_path)
    assert said.count("group 'comet-ml', key 'comet-ml-api-key'; the decorator requests it") == 3
    assert "3 tasks, no problems" in said


def test_doctor_tells_that_a_secret_has_no_group(tmp_path: Path) -> None:
    said = doctor(TASKS.replace("@login(SECRET)\ndef below", "@login(WITHOUT_GROUP)\ndef below"), tmp_path)
    assert "none that Flyte 1 has" in said
    assert "It cannot be registered: comet_ml_login: Flyte 1 cannot deliver the secret with key 'comet-api-key'" in said
    assert "3 tasks, 1 problem" in said
