"""The configuration files of the SDK: they are read as the SDK reads them, and left as they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.local_task import pipeline


def test_a_configuration_file_is_read_and_left_as_it_is(comet: CometServer, tmp_path: Path, canary: Canary) -> None:
    file = tmp_path / "home" / ".comet.config"
    file.write_text(f"[comet]\nurl_override = {comet.url}/clientlib/\nproject_name = other\n")
    os.environ["COMET_API_KEY"] = CANARY
    before = file.read_bytes()
    pipeline()
    assert file.read_bytes() == before
    assert comet.only_experiment.project == "digits"
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == [".comet.config"]


def test_an_api_key_from_the_configuration_file_goes_online(comet: CometServer, tmp_path: Path) -> None:
    comet.accepted_keys = {"key-of-the-configuration-file"}
    file = tmp_path / "home" / ".comet.config"
    file.write_text(f"[comet]\nurl_override={comet.url}/clientlib/\napi_key=key-of-the-configuration-file\n")
    pipeline()
    assert "loss" in comet.only_experiment.metrics
    assert "key-of-the-configuration-file" in file.read_text()


@pytest.mark.newest
def test_a_name_in_a_configuration_file_is_kept(laptop: CometServer, tmp_path: Path) -> None:
    (tmp_path / "home" / ".comet.config").write_text("[comet_start]\nexperiment_name = mine\n")
    pipeline()
    assert laptop.only_experiment.name == "mine"
