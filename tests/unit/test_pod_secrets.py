"""Which texts are taken for secrets of a pod: those that Flyte has brought, as variables and as files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flytekitplugins.comet_ml.pod_secrets import secrets_of_the_pod

from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.tracked import tracked

PASSWORD = "zebra-hunter-22"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which a pod finds secrets as files."""
    monkeypatch.setenv("FLYTE_SECRETS_DEFAULT_DIR", str(tmp_path / "secrets"))
    return tmp_path / "secrets"


@pytest.mark.parametrize("name", ["database", "group/database", "group/version/database"])
def test_a_file_of_any_group_is_a_secret(directory: Path, name: str) -> None:
    (directory / name).parent.mkdir(parents=True)
    (directory / name).write_text(f"{PASSWORD}\n")
    assert secrets_of_the_pod(os.environ) == {PASSWORD}


def test_a_volume_of_kubernetes_is_read(directory: Path) -> None:
    (directory / "group" / "..2026").mkdir(parents=True)
    (directory / "group" / "..2026" / "database").write_text(PASSWORD)
    (directory / "group" / "..data").symlink_to("..2026")
    (directory / "group" / "database").symlink_to("..data/database")
    assert secrets_of_the_pod(os.environ) == {PASSWORD}


def test_what_cannot_be_read_is_no_secret(directory: Path) -> None:
    directory.mkdir()
    os.mkfifo(directory / "pipe")
    (directory / "gone").symlink_to("nowhere")
    (directory / "binary").write_bytes(b"\xff" * 3)
    assert secrets_of_the_pod(os.environ) == frozenset()


@pytest.mark.parametrize(
    ("environ", "variables"),
    [
        ({"_FSEC_GROUP_DATABASE": PASSWORD}, ()),
        ({"_UNION_DATABASE": PASSWORD, "FLYTE_SECRETS_ENV_PREFIX": "_UNION_"}, ()),
        ({"DATABASE": PASSWORD}, ["DATABASE"]),
    ],
    ids=["by Flyte's prefix", "by the platform's prefix", "by its name"],
)
def test_a_variable_is_a_secret(environ: dict[str, str], variables: list[str]) -> None:
    assert secrets_of_the_pod({**environ, "OTHER": "harmless-text"}, variables) == {PASSWORD}


def test_no_input_with_a_secret_in_a_file_is_logged(comet: CometServer, in_pod: InPod, directory: Path) -> None:
    directory.mkdir()
    (directory / "database").write_text(PASSWORD)

    def train(url: str, epochs: int) -> None: ...

    with in_pod():
        tracked(comet, train)(f"me:{PASSWORD}@host", 3)
    assert comet.only_experiment.parameters["epochs"] == 3
    assert PASSWORD not in str(comet.only_experiment.parameters)
