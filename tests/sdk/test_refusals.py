"""What Comet refuses, an API key or a workspace, is an error before the body runs, in a local run."""

from __future__ import annotations

import traceback

import comet_ml
import pytest
from flytekitplugins.comet_ml import (
    APIKeyRejectedError,
    InvalidExperimentKeyError,
    WorkspaceAccessError,
    comet_ml_login,
)

from tests.support.canary import CANARY
from tests.support.comet_server import CometServer
from tests.support.local_task import NEVER, track


def test_an_illegal_key_is_an_error_before_anything_is_posted(laptop: CometServer) -> None:
    @comet_ml_login(project_name="digits", workspace="my-team", secret=NEVER, experiment_key="too-short")
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(InvalidExperimentKeyError, match=r"'too-short'.*32 to 50"):
        body()
    assert not [path for path in laptop.paths() if path.startswith("POST")]


def test_a_rejected_key_is_an_error_before_the_body(laptop: CometServer) -> None:
    laptop.accepted_keys = {"another"}

    @track
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(APIKeyRejectedError, match=f"Comet at {laptop.url} rejected the API key") as rejected:
        body()
    assert "COMET_API_KEY" in str(rejected.value)
    assert CANARY not in repr(rejected.value)
    assert rejected.value.__cause__ is None
    assert rejected.value.__context__ is None
    assert not [path for path in laptop.paths() if path.endswith("add/run")]


def test_an_exception_that_is_handled_meanwhile_keeps_its_frames(laptop: CometServer) -> None:
    laptop.accepted_keys = {"another"}

    @track
    def body() -> None:
        pytest.fail("the body ran")

    def divide() -> float:
        return 1 / 0

    try:
        divide()
    except ZeroDivisionError as error:
        with pytest.raises(APIKeyRejectedError):
            body()
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "divide" in frames


def test_a_workspace_without_access_is_an_error_before_the_body(laptop: CometServer) -> None:
    laptop.forbidden_workspaces = {"my-team"}

    @track
    def body() -> None:
        pytest.fail("the body ran")

    with pytest.raises(WorkspaceAccessError, match="'my-team'"):
        body()
    assert comet_ml.get_running_experiment() is None
