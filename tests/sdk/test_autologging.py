"""The SDK is loaded when it is needed, and its automatic logging works whatever the order of imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.comet_server import CometServer
from tests.support.pod import Pod

PLUGIN = "from flytekit import Secret, task, workflow\nfrom flytekitplugins.comet_ml import comet_ml_login\n"
TRACK = """
track = comet_ml_login(project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="api-key"))
"""
REGISTERED = f"""
import atexit, sys
{PLUGIN}
{TRACK}
@task
@comet_ml_login("digits", "my-team", Secret(group="comet-ml", key="api-key"), log_code=False, auto_metric_logging=False)
def train(epochs: int) -> float:
    return 0.5

@workflow
def training(epochs: int = 3) -> float:
    return train(epochs=epochs)

atexit.register(lambda: print("SDK:", "comet_ml" in sys.modules))
"""


def python(directory: Path, source: str, *command: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a module in a process of its own, or a command on it, and return what is printed."""
    (directory / "user.py").write_text(source)
    done = subprocess.run(
        [*(command or (sys.executable, "user.py"))],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def framework(directory: Path) -> None:
    """A package that the SDK takes for XGBoost."""
    (directory / "xgboost").mkdir()
    (directory / "xgboost" / "__init__.py").write_text("from .training import train\n")
    (directory / "xgboost" / "training.py").write_text("def train(params):\n    return params\n")


# When the SDK is loaded


def test_registering_tasks_loads_no_sdk(tmp_path: Path) -> None:
    pyflyte = str(Path(sys.executable).with_name("pyflyte"))
    command = (pyflyte, "--pkgs", "user", "package", "--image", "example.com/image:v1", "--source", ".", "-f")
    output = python(tmp_path, REGISTERED, *command)
    assert "user.train" in output
    assert "SDK: False" in output


def test_the_first_tracked_call_loads_the_sdk(tmp_path: Path) -> None:
    assert "SDK: True" in python(tmp_path, f"{REGISTERED}\ntraining()\n")


def test_importing_a_framework_loads_no_sdk(tmp_path: Path) -> None:
    framework(tmp_path)
    assert "SDK: False" in python(tmp_path, f"{REGISTERED}\nimport xgboost\n")


@pytest.mark.slow
def test_an_unknown_keyword_is_looked_up_in_the_sdk_and_a_known_one_is_not(tmp_path: Path) -> None:
    unknown = REGISTERED.replace("log_code=False", "log_code=False, logging_metrics_ignore=['a']")
    assert "SDK: True" in python(tmp_path, unknown)
    assert "SDK: False" in python(tmp_path, REGISTERED)


# Frameworks that came first


HOOKS = """
def hooks(function):
    number = 0
    while hasattr(function, "__comet__"):
        function, number = function.__wrapped__, number + 1
    return number
"""


@pytest.mark.by_default("after")
@pytest.mark.parametrize(
    "imports",
    [
        f"{PLUGIN}\nfrom xgboost import train",
        f"from xgboost import train\n{PLUGIN}",
        f"from xgboost import train\nimport comet_ml\n{PLUGIN}",
        f"import comet_ml\nfrom xgboost import train\n{PLUGIN}",
        f"from xgboost import train\n{PLUGIN}\nimport comet_ml",
    ],
    ids=["after", "before", "before both", "between", "first of all"],
)
def test_a_function_has_one_hook_under_every_name_that_a_module_has_for_it(tmp_path: Path, imports: str) -> None:
    framework(tmp_path)
    source = f"""
{HOOKS}
{imports}
import xgboost, xgboost.training
import flytekitplugins.comet_ml.tracking
flytekitplugins.comet_ml.tracking.comet_ml
print("HOOKS", hooks(train), hooks(xgboost.train), hooks(xgboost.training.train))
"""
    assert "HOOKS 1 1 1" in python(tmp_path, source)


@pytest.mark.slow
def test_a_function_that_is_kept_elsewhere_has_no_hook(tmp_path: Path) -> None:
    """The limit of what can be done, as the documentation says it."""
    framework(tmp_path)
    source = f"{HOOKS}\nimport xgboost\nkept = [xgboost.train]\n{PLUGIN}\nprint('HOOKS', hooks(kept[0]))\n"
    assert "HOOKS 0" in python(tmp_path, source)


@pytest.mark.slow
def test_a_module_that_is_loaded_when_it_is_looked_at_is_not_looked_at(tmp_path: Path) -> None:
    framework(tmp_path)
    (tmp_path / "xgboost" / "training.py").write_text("print('LOOKED AT')\n")
    (tmp_path / "xgboost" / "__init__.py").write_text("")
    source = f"""
import importlib.util, sys, xgboost
spec = importlib.util.find_spec("xgboost.training")
spec.loader = importlib.util.LazyLoader(spec.loader)
sys.modules["xgboost.training"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["xgboost.training"])
{PLUGIN}
import comet_ml
"""
    assert "LOOKED AT" not in python(tmp_path, source)


FIT = """
@task
@track
def train() -> int:
    images, labels = load_digits(return_X_y=True)
    LogisticRegression(max_iter=7).fit(images[:200], labels[:200])
    return 7

print("RESULT", train())
"""
SKLEARN = "from sklearn.datasets import load_digits\nfrom sklearn.linear_model import LogisticRegression\n"


@pytest.mark.by_default("after")
@pytest.mark.parametrize(
    "imports",
    [
        PLUGIN + SKLEARN,
        SKLEARN + PLUGIN,
        f"{SKLEARN}import comet_ml\n{PLUGIN}",
        f"import comet_ml\n{SKLEARN}{PLUGIN}",
        f"import sklearn\n{PLUGIN}{SKLEARN}",
    ],
    ids=["after", "before", "before both", "between", "the package before and the rest after"],
)
def test_scikit_learn_is_logged_automatically_whatever_the_order(comet: CometServer, pod: Pod, imports: str) -> None:
    run = pod.script(imports + TRACK + FIT)
    assert "RESULT 7" in run.log
    assert comet.only_experiment.parameters["max_iter"] == 7
    sent = [str(r.body).count("'max_iter'") for r in comet.requests if r.path.endswith("/experiment/parameter")]
    assert sum(sent) == 1
    assert "import comet_ml before" not in run.log


# Tests that put something in the SDK's place


@pytest.mark.by_default("after")
@pytest.mark.parametrize("loaded", [False, True], ids=["before the SDK was loaded", "after"])
def test_a_patched_sdk_is_used_and_the_patch_undone(tmp_path: Path, loaded: bool) -> None:
    source = f"""
import sys
from unittest.mock import Mock, patch
{PLUGIN}
from flytekitplugins.comet_ml import tracking
{TRACK}
@track
def train():
    return 7

if {loaded}:
    import comet_ml
before = dict(vars(tracking))
for _ in range(2):
    with patch("flytekitplugins.comet_ml.tracking.comet_ml", Mock()) as outer:
        with patch("flytekitplugins.comet_ml.tracking.comet_ml") as inner:
            assert tracking.comet_ml is inner
            assert train() == 7
        assert tracking.comet_ml is outer
        inner.login.assert_called_once()
        outer.login.assert_not_called()
    assert vars(tracking) == before
    assert tracking.comet_ml is sys.modules["comet_ml"]
with patch("flytekitplugins.comet_ml.tracking.comet_ml.start") as start:
    import comet_ml
    assert comet_ml.start is start
assert comet_ml.start is not start
tracking.comet_ml.no_such_name_in_the_sdk = 1
try:
    tracking.no_such_name
except AttributeError as error:
    print(error)
"""
    output = python(tmp_path, source)
    assert "module 'flytekitplugins.comet_ml.tracking' has no attribute 'no_such_name'" in output
