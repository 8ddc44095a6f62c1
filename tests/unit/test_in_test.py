"""When a test would be sent to Comet although nobody asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import comet_ml
import pytest
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK
from flytekitplugins.comet_ml.sdk.in_pytest import is_in_pytest
from flytekitplugins.comet_ml.session.in_test import would_send_unasked
from flytekitplugins.comet_ml.session.plan import SessionPlan

from tests.support.offline_runs import wait_until

KEY = "[comet]\napi_key = of-the-file\n"


def plan(**fields: Any) -> SessionPlan:
    return SessionPlan(**{"project_name": "digits", "workspace": "my-team", "host": "https://www.comet.com", **fields})


def sends_unasked(sdk: Any = comet_ml, **fields: Any) -> bool:
    return would_send_unasked(CometSDK.of(sdk), plan(**fields), os.environ)


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Path:
    file = tmp_path / "home" / ".comet.config"
    file.write_text(KEY)
    return file


def test_pytest_and_a_key_in_a_file_are_no_request_to_send() -> None:
    assert sends_unasked()


def test_a_test_may_clear_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    home = os.environ["HOME"]
    os.environ.clear()
    os.environ["HOME"] = home
    assert sends_unasked()


def test_every_thread_of_pytest_is_in_pytest() -> None:
    os.environ.clear()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(is_in_pytest, {}).result()


IN_PYTEST = (
    "from flytekitplugins.comet_ml.sdk.in_pytest import is_in_pytest; import os; print(is_in_pytest(os.environ))"
)


def in_child(*command: str, **environment: str) -> str:
    """What a process says that has nothing of pytest's environment, and neither has the shell that it comes from."""
    done = subprocess.run(["sh", "-c", '"$@"; true', "sh", *command], capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_child_of_a_child_of_pytest_is_in_pytest() -> None:
    assert in_child(sys.executable, "-c", IN_PYTEST) == "True"


@pytest.mark.parametrize("sign", ["PYTEST_CURRENT_TEST", "PYTEST_VERSION"])
def test_another_process_is_not_unless_the_environment_says_so(tmp_path: Path, sign: str) -> None:
    # Its parents are gone once it begins.
    said, begun = tmp_path / "said", tmp_path / "begun"
    begun.touch()
    orphan = (
        "import os, time\n"
        f"while os.path.exists({str(begun)!r}): time.sleep(0.01)\n"
        "from flytekitplugins.comet_ml.sdk.in_pytest import is_in_pytest\n"
        f"found = str([is_in_pytest(dict()), is_in_pytest(dict({sign}='x'))])\n"
        f"open({str(said)!r} + '.part', 'w').write(found); os.rename({str(said)!r} + '.part', {str(said)!r})\n"
    )
    subprocess.run(["sh", "-c", '"$@" >/dev/null 2>&1 &', "sh", sys.executable, "-c", orphan], check=True)
    begun.unlink()
    wait_until(said.exists)
    assert said.read_text() == "[False, True]"


def test_a_file_of_the_working_directory_is_no_request_either(file: Path) -> None:
    file.unlink()
    Path(".env").write_text("COMET_API_KEY=of-the-file\n")
    assert sends_unasked()


def test_a_key_in_the_environment_or_in_the_decorator_is_a_request() -> None:
    assert not sends_unasked(login_kwargs={"api_key": "x"})
    os.environ["COMET_API_KEY"] = "x"
    assert not sends_unasked()


def test_in_a_pod_the_secret_is_the_request() -> None:
    assert not sends_unasked(remote=True)


def test_without_a_key_nothing_would_be_sent(file: Path) -> None:
    file.unlink()
    assert not sends_unasked()


@pytest.mark.parametrize("address", ["http://localhost:5000", "http://127.0.0.1:5000", "http://[::1]:5000"])
def test_a_server_on_this_machine_is_the_test_s_own(file: Path, address: str) -> None:
    assert not sends_unasked(host=address)
    assert not sends_unasked(login_kwargs={"url_override": f"{address}/clientlib/"})
    file.write_text(f"{KEY}url_override = {address}/clientlib/\n")
    assert not sends_unasked()


@pytest.mark.parametrize("address", ["https://comet.example.com", "http://10.0.0.7"])
def test_a_server_of_the_user_s_is_not(file: Path, address: str) -> None:
    assert sends_unasked(host=address)
    file.write_text(f"{KEY}url_override = {address}/clientlib/\n")
    assert sends_unasked()


def test_what_a_test_has_put_in_the_place_of_the_sdk_sends_nothing() -> None:
    class Mock:
        @staticmethod
        def get_config(name: str) -> str:
            return "x"

    assert not sends_unasked(Mock())
