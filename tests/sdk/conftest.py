"""What several tests of the SDK find: a place for decks, and machines that archives are sent from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flytekit import FlyteContextManager
from flytekit.core.data_persistence import FileAccessProvider

from tests.support.comet_server import CometServer
from tests.support.deck_tasks import Sandbox
from tests.support.offline_runs import Sender


@pytest.fixture
def sandbox(tmp_path: Path, _as_it_was: None) -> Iterator[Sandbox]:
    """Files of local tasks in a directory of the test's, and a list of decks that no test has used before."""
    context = FlyteContextManager.current_context()
    parameters = context.user_space_params
    assert parameters is not None
    builder = parameters.builder()
    builder.decks = []
    files = FileAccessProvider(str(tmp_path / "sandbox"), str(tmp_path / "sandbox" / "raw"))
    state = context.new_execution_state().with_params(user_space_params=builder.build())
    with FlyteContextManager.with_context(context.with_file_access(files).with_execution_state(state)):
        yield Sandbox(tmp_path / "sandbox")


@pytest.fixture
def sender(tmp_path: Path, comet: CometServer) -> Sender:
    """A machine with the API key in its environment, from which archives are sent."""
    return Sender(tmp_path / "machine", comet)


@pytest.fixture
def other_machine(tmp_path: Path, comet: CometServer) -> Sender:
    """Another one, that has nothing in common with the first but the API key."""
    return Sender(tmp_path / "other machine", comet)
