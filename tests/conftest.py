"""What every test finds: an environment of its own, the SDK as if nothing had run, and a Comet server if it asks."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import comet_ml
import pytest
from flytekit.core.context_manager import ExecutionState, FlyteContextManager, FlyteEntities
from flytekit.models.core.identifier import Identifier, ResourceType, WorkflowExecutionIdentifier
from flytekitplugins.comet_ml.front_end import plan
from hypothesis import settings

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.pod_environment import POD_ENVIRONMENT, SECRET_VARIABLE, InPod
from tests.support.selection import add_slow_option, leave_out_slow, scheduling

if TYPE_CHECKING:
    from tests.support.browser import Browser
    from tests.support.pod import Pod

# Hypothesis fails an example that takes more than 200 ms, which on a busy machine any may.
settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")


pytest.register_assert_rewrite("tests.support.fault_tests")

collect_ignore = ["flyte2"]
"""It runs in an environment of its own, without flytekit: `make flyte2`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    add_slow_option(parser)


TOGETHER = {
    "tests/docs/test_links.py": "browser",
    "tests/docs/test_resolver_page.py": "browser",
    "tests/docs/test_resolver_page_keys.py": "browser",
    "tests/docs/test_packaging.py": "packaging",
    "tests/docs/test_troubleshooting_page.py": "texts of the source",
    "tests/docs/test_what_you_can_log.py": "what you can log",
    "tests/pod/test_faults.py": "faults",
    "tests/pod/test_shapes.py": "shapes",
    "tests/sdk/test_loggers.py": "torch",
    "tests/sdk/test_mlflow.py": "mlflow",
    "tests/sdk/test_stacks.py": "stacks",
    "tests/unit/test_borders.py": "borders",
    "tests/unit/test_chosen_inputs.py": "torch",
    "tests/unit/test_inputs.py": "torch",
}
"""Tests that share what takes long to make or to load: one worker runs all of them, or each worker makes it."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduling(config, log, TOGETHER)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fast tests first: pure ones, those with the SDK, those with processes of their own. Slow ones only if asked."""
    leave_out_slow(config, items)
    order = {"pod": 2, "browser": 1, "comet": 1}
    items.sort(key=lambda item: max([order.get(name, 0) for name in getattr(item, "fixturenames", ())], default=0))


def _frames(context: int) -> list[tuple[FrameType]]:
    """What is used of `inspect.stack`."""
    return [(frame,) for frame, _ in traceback.walk_stack(sys._getframe(1))]


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """A private home, working and temporary directory; the environment and the SDK's globals put back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("COMET_", "FLYTE_", "_FSEC_"))]:
        del os.environ[name]
    for name in ("home", "work", "tmp"):
        (tmp_path / name).mkdir()
    os.environ.update(HOME=str(tmp_path / "home"), TMPDIR=str(tmp_path / "tmp"), COMET_ERROR_TRACKING_ENABLE="0")
    # SDK threads do not get in the way of a test's end.
    os.environ["COMET_AUTO_LOG_ENV_DETAILS"] = "0"
    os.environ["COMET_AUTO_LOG_GIT_METADATA"] = "0"
    os.environ["COMET_AUTO_LOG_GIT_PATCH"] = "0"
    # The package of a test's task is that of all tests: to look through it and to send it each time takes long.
    monkeypatch.setattr(plan, "package_files", lambda file, module: {})
    # The SDK looks for the module of its caller, and reads a line of source for each of pytest's frames on the way.
    monkeypatch.setattr("comet_ml.env_logging.inspect", SimpleNamespace(stack=_frames, getmodule=inspect.getmodule))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    # A command whose thread is left behind keeps it silent.
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    handlers = {handler: list(handler.filters) for handler in logging.getLogger("comet_ml").handlers}
    streams = (sys.stdout, sys.stderr)
    comet_ml.config.set_global_experiment(None)
    # The SDK keeps its clients, and one of the last test's server would be asked.
    comet_ml.api.get_instance.cache_clear()
    # flytekit keeps every task for good, and serializes some things of all of them with each.
    tasks = len(FlyteEntities.entities)
    yield
    del FlyteEntities.entities[tasks:]
    running = comet_ml.get_running_experiment()
    if running is not None and not running.ended:
        running.end()
    comet_ml.config.set_global_experiment(None)
    sys.stdout, sys.stderr = streams
    for handler, filters in handlers.items():
        handler.filters[:] = filters
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def canary(tmp_path: Path, capfd: pytest.CaptureFixture[str], _as_it_was: None) -> Iterator[Canary]:
    """Checks after the test that the API key is in no log, no file and no variable."""
    canary = Canary(tmp_path, capfd)
    yield canary
    canary.check()


@pytest.fixture
def comet(canary: Canary) -> Iterator[CometServer]:
    """A Comet server that takes the canary as API key. Nothing points to it yet."""
    with CometServer(accepted_keys={CANARY}) as server:
        yield server


@pytest.fixture
def laptop(comet: CometServer) -> CometServer:
    """The server, and the environment of somebody who has logged in to it."""
    os.environ["COMET_API_KEY"] = CANARY
    os.environ["COMET_URL_OVERRIDE"] = f"{comet.url}/clientlib/"
    return comet


def _start_loop_of_flytekit() -> None:
    """A pod has downloaded its inputs: flytekit's loop for this thread runs. One that cannot start hangs for ever."""
    # The oldest flytekit has none.
    with suppress(ImportError):
        from flytekit.utils.asyn import run_sync

        run_sync(asyncio.sleep, 0)


@pytest.fixture
def in_pod(tmp_path: Path) -> Iterator[InPod]:
    """A context manager in which this process is a pod: the context of `pyflyte-execute`, and its environment."""

    def in_pod(generated_name: str = "ahq8bl2jkbsf7wxd4mzn-n0-0", **environment: str) -> AbstractContextManager[None]:
        stack = ExitStack()
        os.environ.update({**POD_ENVIRONMENT, SECRET_VARIABLE: CANARY, **environment})
        context = FlyteContextManager.current_context()
        parameters = context.user_space_params
        assert parameters is not None
        new = parameters.builder()
        new.execution_id = WorkflowExecutionIdentifier(
            project="flytesnacks", domain="development", name=os.environ["FLYTE_INTERNAL_EXECUTION_ID"]
        )
        new.task_id = Identifier(ResourceType.TASK, "flytesnacks", "development", "my_pkg.workflows.train", "v1")
        new.raw_output_prefix = f"{tmp_path}/raw/i4/{generated_name}"
        state = context.new_execution_state().with_params(
            mode=ExecutionState.Mode.TASK_EXECUTION, user_space_params=new.build()
        )
        stack.enter_context(FlyteContextManager.with_context(context.with_execution_state(state)))
        _start_loop_of_flytekit()
        return stack

    return in_pod


@pytest.fixture
def pod(tmp_path: Path, comet: CometServer, request: pytest.FixtureRequest) -> Pod:
    """Runs tasks with the real entrypoint; the loopback server is in `COMET_HOST_FOR_TESTS`."""
    from tests.support.pod import Pod

    return Pod(tmp_path / "pods", {"COMET_HOST_FOR_TESTS": comet.url}, fresh=request.config.getoption("--slow"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One headless Chromium for the session; tests that need it are skipped where there is none."""
    from tests.support.browser import chromium

    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
