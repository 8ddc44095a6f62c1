"""A decorated function in the hands of others: inspect, functools.wraps, copy and pickle."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from flytekit import task
from flytekitplugins.comet_ml import comet_ml_login

from tests.support.comet_server import CometServer
from tests.support.pod import template_of
from tests.support.tracked import SECRET

pytestmark = pytest.mark.newest

LINK_TYPE = "comet-ml-execution-id"

track = comet_ml_login(project_name="digits", workspace="my-team", secret=SECRET)


def plain(n: int, lr: float = 0.1) -> float:
    """Train."""
    return n * lr


async def plain_async(n: int, lr: float = 0.1) -> float:
    """Train."""
    return n * lr


FUNCTIONS = pytest.mark.parametrize("function", [plain, plain_async], ids=["sync", "async"])


@FUNCTIONS
def test_inspect_sees_the_function(function: Any) -> None:
    tracked = track(function)
    assert inspect.isfunction(tracked)
    assert inspect.iscoroutinefunction(tracked) == inspect.iscoroutinefunction(function)
    assert inspect.signature(tracked) == inspect.signature(function)
    assert inspect.unwrap(tracked) is function
    assert inspect.getdoc(tracked) == "Train."
    assert inspect.getsource(tracked) == inspect.getsource(function)
    assert inspect.getfile(tracked) == __file__


@FUNCTIONS
def test_functools_wraps_on_top_keeps_what_flytekit_needs(function: Any) -> None:
    @functools.wraps(track(function))
    def wrapper(*args: Any, **kwargs: Any) -> Any: ...

    assert inspect.signature(wrapper) == inspect.signature(function)
    assert template_of(task(wrapper)).config["link_type"] == LINK_TYPE


@FUNCTIONS
def test_a_copy_tracks_as_well(laptop: CometServer, function: Any) -> None:
    for copied in (copy.copy(track(function)), copy.deepcopy(track(function))):
        result = copied(n=3)
        assert (asyncio.run(result) if inspect.isawaitable(result) else result) == pytest.approx(0.3)
    assert [experiment.parameters["n"] for experiment in laptop.experiments.values()] == [3, 3]


@pytest.mark.by_default("async")
@FUNCTIONS
def test_a_pickled_function_tracks_in_a_fresh_process(laptop: CometServer, tmp_path: Path, function: Any) -> None:
    sys_modules = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(sys_modules)
    try:
        (tmp_path / "pickle").write_bytes(cloudpickle.dumps(track(function)))
    finally:
        cloudpickle.unregister_pickle_by_value(sys_modules)
    program = (
        "import asyncio, inspect, pickle, sys\n"
        "result = pickle.load(open(sys.argv[1], 'rb'))(n=3)\n"
        "print('RESULT', asyncio.run(result) if inspect.isawaitable(result) else result)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "pickle")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "RESULT 0.3" in done.stdout, done.stderr
    assert laptop.only_experiment.parameters["n"] == 3
