"""No redirect takes the API key anywhere, whatever is asked and however it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import comet_ml
import pytest
import requests
from click.testing import CliRunner
from flytekit import Secret
from flytekitplugins.comet_ml import comet_ml_login
from flytekitplugins.comet_ml.__main__ import main
from flytekitplugins.comet_ml.sdk import redirects

from tests.support.canary import CANARY, Canary
from tests.support.comet_http import Answer, Request
from tests.support.comet_server import CometServer
from tests.support.pod_environment import InPod

STATUSES = [301, 302, 303, 307, 308]


@pytest.fixture
def elsewhere(canary: Canary) -> Iterator[CometServer]:
    """Another server, which takes any key."""
    with CometServer() as server:
        yield server


def redirecting(status: int, server: CometServer, part: str) -> Any:
    """A fault: requests whose path has a part in it are redirected to another server, with their path and query."""

    def redirect(request: Request) -> Answer | None:
        if part not in request.path:
            return None
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        return status, f"{server.url}{request.path}?{query}"

    return redirect


def trained(comet: CometServer, **options: Any) -> None:
    @comet_ml_login(
        project_name="digits",
        workspace="my-team",
        secret=Secret(group="comet-ml", key="comet-ml-api-key"),
        host=comet.url,
        **options,
    )
    def train() -> None:
        experiment = comet_ml.get_running_experiment()
        experiment.log_metric("loss", 0.5)
        experiment.log_asset_data("a text", name="notes.txt")

    train()


@pytest.mark.by_default(
    "account-details-302", "add/run-307", "batch/logger-301", "asset/upload-307", "asset/upload-303"
)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("part", ["account-details", "add/run", "batch/logger", "asset/upload"])
def test_nothing_goes_to_another_server(
    comet: CometServer, elsewhere: CometServer, in_pod: InPod, status: int, part: str
) -> None:
    comet.faults.append(redirecting(status, elsewhere, part))
    with in_pod():
        trained(comet, end_timeout=15)
    assert elsewhere.requests == []


def test_the_log_says_where_a_redirect_would_have_led(
    comet: CometServer, elsewhere: CometServer, in_pod: InPod, caplog: pytest.LogCaptureFixture
) -> None:
    comet.faults.append(redirecting(308, elsewhere, "/"))
    with in_pod():
        trained(comet)
    said = [line for line in caplog.messages if "redirect" in line]
    assert len(said) == 1
    assert comet.url in said[0]
    assert f"a redirect to {elsewhere.url}, which is not followed" in said[0]


def test_a_redirect_within_the_server_is_followed(comet: CometServer, in_pod: InPod) -> None:
    def moved(request: Request) -> Answer | None:
        return (308, f"/moved{request.path}") if request.path == "/clientlib/logger/add/run" else None

    comet.faults.append(moved)
    with in_pod():
        trained(comet)
    assert comet.only_experiment.metrics["loss"] == [(None, 0.5)]


def a_session() -> requests.Session:
    session = requests.Session()
    session.headers.update({"Authorization": CANARY, "X-Gateway-Token": "ours"})
    redirects.stay(session)
    return session


FILE = "/api/rest/v2/experiment/asset/get-asset"


def test_a_file_that_lies_in_an_object_store_is_fetched_without_what_is_meant_for_comet(
    comet: CometServer, elsewhere: CometServer
) -> None:
    comet.faults.append(redirecting(302, elsewhere, "get-asset"))
    elsewhere.faults.append(lambda request: (200, b"content"))
    assert a_session().get(f"{comet.url}{FILE}").content == b"content"
    (request,) = elsewhere.requests
    assert {"authorization", "x-gateway-token"}.isdisjoint(request.headers)


def test_a_file_is_not_fetched_from_an_address_with_the_key_in_it(comet: CometServer, elsewhere: CometServer) -> None:
    comet.faults.append(redirecting(302, elsewhere, "get-asset"))
    with pytest.raises(requests.ConnectionError, match="not followed"):
        a_session().get(f"{comet.url}{FILE}", params={"apiKey": CANARY})
    assert elsewhere.requests == []


def test_who_asks_where_a_redirect_leads_is_told(comet: CometServer, elsewhere: CometServer) -> None:
    comet.faults.append(redirecting(302, elsewhere, "get-asset"))
    response = a_session().get(f"{comet.url}{FILE}", allow_redirects=False)
    assert urlsplit(response.headers["Location"]).port == elsewhere.port


@pytest.mark.parametrize(
    "target",
    [
        "//{other}/x",
        "http://user:password@{other}/x",
        "https://{same}/x",
        "http://127.0.0.1:1/x",
        "http://localhost:{port}/x",
        "http://127.0.0.1:{port}x/",
        "ftp://{same}/x",
    ],
)
def test_another_scheme_host_or_port_is_another_server(comet: CometServer, elsewhere: CometServer, target: str) -> None:
    names = {"other": f"127.0.0.1:{elsewhere.port}", "same": f"127.0.0.1:{comet.port}", "port": comet.port}
    comet.faults.append(lambda request: (307, target.format(**names)))
    with pytest.raises(requests.RequestException) as raised:
        a_session().post(f"{comet.url}/clientlib/logger/add/run", json={"apiKey": CANARY})
    assert "password" not in str(raised.value)
    assert elsewhere.requests == []


def test_the_second_of_two_redirects_is_not_followed_either(comet: CometServer, elsewhere: CometServer) -> None:
    comet.faults.append(lambda request: (307, "/again") if request.path == "/first" else None)
    comet.faults.append(lambda request: (307, f"{elsewhere.url}/x") if request.path == "/again" else None)
    with pytest.raises(requests.ConnectionError, match="not followed"):
        a_session().post(f"{comet.url}/first", json={"apiKey": CANARY})
    assert [request.path for request in comet.requests] == ["/first", "/again"]
    assert elsewhere.requests == []


def test_an_upload_of_an_archive_goes_nowhere_else(
    comet: CometServer, elsewhere: CometServer, in_pod: InPod, tmp_path: Path
) -> None:
    with in_pod(COMET_API_KEY=CANARY):
        trained(comet, online=False, offline_directory=str(tmp_path / "runs"))
        comet.faults.append(redirecting(308, elsewhere, "/"))
        assert CliRunner().invoke(main, ["upload", "--host", comet.url, str(tmp_path / "runs")]).exit_code != 0
    assert elsewhere.requests == []
