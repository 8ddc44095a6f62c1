"""The server that a pod's task logs to: `host=`, what names one more explicitly, and each call its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod
from tests.support.pod_task import tracked


def test_the_key_check_and_the_data_go_to_the_host_and_nowhere_else(comet: CometServer, in_pod: InPod) -> None:
    with in_pod():
        tracked(comet, host=f"{comet.url}/")()
    assert "GET /clientlib/isAlive/ver" in comet.paths()
    assert [path for path in comet.paths() if path.startswith("GET /api/rest/v2/")]
    assert {request.api_key for request in comet.requests} <= {CANARY, None}


@pytest.mark.parametrize("how", ["variable", "keyword", "api key", "configuration file"])
def test_what_names_a_server_more_explicitly_than_host_is_obeyed(
    comet: CometServer, in_pod: InPod, tmp_path: Path, how: str, canary: Canary
) -> None:
    options: dict[str, Any] = {"host": "http://127.0.0.1:9"}
    with in_pod():
        if how == "variable":
            os.environ["COMET_URL_OVERRIDE"] = f"{comet.url}/clientlib/"
        elif how == "keyword":
            options["url_override"] = f"{comet.url}/clientlib/"
        elif how == "configuration file":
            (tmp_path / "home" / ".comet.config").write_text(f"[comet]\nurl_override = {comet.url}/clientlib/\n")
        else:
            key = embedding(comet.url)
            comet.accepted_keys = {key}
            options["secret"] = lambda: key
        tracked(comet, **options)()
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]


def embedding(url: str) -> str:
    import base64
    import json

    return "key0123456789*" + base64.b64encode(json.dumps({"baseUrl": url}).encode()).decode()


@pytest.mark.parametrize("place", ["COMET_CONFIG file", "COMET_CONFIG directory", "working directory"])
def test_a_server_that_stands_only_in_a_configuration_file_counts(
    comet: CometServer, in_pod: InPod, tmp_path: Path, place: str
) -> None:
    file = tmp_path / "work" / ".comet.config"
    if place != "working directory":
        (tmp_path / "config").mkdir()
        file = tmp_path / "config" / ".comet.config"
        os.environ["COMET_CONFIG"] = str(file if place == "COMET_CONFIG file" else file.parent)
    content = f"# mine\n[comet]\nurl_override = {comet.url}/clientlib/\napi_key = mine\n".encode()
    file.write_bytes(content)
    with in_pod():
        tracked(comet, host="https://www.comet.com")()
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file] or place == "working directory"


def test_a_second_task_s_server_is_asked_about_its_own_experiment(comet: CometServer, in_pod: InPod) -> None:
    with CometServer(accepted_keys={CANARY}) as other, in_pod():
        tracked(comet, experiment_key="e" * 32)()
        before = len(comet.requests)
        tracked(other, experiment_key="e" * 32)()
        assert len(comet.requests) == before
        assert "loss" in other.experiments["e" * 32].metrics


def test_the_server_of_one_call_s_key_is_not_that_of_the_next(comet: CometServer, in_pod: InPod) -> None:
    def with_key(key: str, **options: Any) -> Any:
        return tracked(comet, secret=lambda: key, host="https://www.comet.com", **options)

    with CometServer() as other, in_pod():
        comet.accepted_keys = None
        with_key(embedding(comet.url))()
        with_key(embedding(other.url))()
        assert {request.api_key for request in comet.requests} - {None} == {embedding(comet.url)}
        assert {request.api_key for request in other.requests} - {None} == {embedding(other.url)}
        before = len(comet.requests) + len(other.requests)
        tracked(comet, secret=lambda: "plain", host="http://127.0.0.1:9")()
        assert len(comet.requests) + len(other.requests) == before


def test_a_configuration_file_under_a_tilde_is_read_as_the_sdk_reads_it(
    comet: CometServer, in_pod: InPod, tmp_path: Path
) -> None:
    (tmp_path / "home" / "my.config").write_text(f"[comet]\nurl_override = {comet.url}/clientlib/\n")
    with in_pod(COMET_CONFIG="~/my.config"):
        tracked(comet, host="http://127.0.0.1:9")()
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]


def test_a_keyword_that_is_none_takes_nothing_away(comet: CometServer, in_pod: InPod) -> None:
    with in_pod(COMET_URL_OVERRIDE=f"{comet.url}/clientlib/"):
        tracked(comet, host="http://127.0.0.1:9", url_override=None)()
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]


def test_a_disabled_run_asks_about_no_key_in_a_file_either(comet: CometServer, in_pod: InPod, tmp_path: Path) -> None:
    (tmp_path / "work" / ".env").write_text(
        f"COMET_EXPERIMENT_KEY={'b' * 32}\nCOMET_API_KEY=x\nCOMET_URL_OVERRIDE={comet.url}/clientlib/\n"
    )
    with in_pod():
        tracked(comet, disabled=True)()
    assert comet.requests == []
