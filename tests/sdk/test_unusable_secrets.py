"""A secret that can be no API key fails the task before any request; the error names the secret, and shows no key."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from flytekit import Secret
from flytekit.exceptions.user import FlyteRecoverableException
from flytekitplugins.comet_ml import APIKeyError, InvalidOptionError

from tests.support.canary import CANARY, Canary
from tests.support.comet_server import CometServer
from tests.support.pod import Pod
from tests.support.pod_environment import SECRET_VARIABLE, InPod
from tests.support.told import warnings_in
from tests.support.tracked import track, tracked

UNUSABLE = {
    f"{CANARY}\n# the key of the team": "it has 2 lines",
    f"[comet]\napi_key={CANARY}\n": "it is a whole configuration file",
    f"COMET_API_KEY={CANARY}": "it is an assignment",
    f'"{CANARY}"': "it has quotes around it",
    f'{{"api_key": "{CANARY}"}}': "it looks like JSON",
    f"{CANARY}\u200b": "it has U+200B ZERO WIDTH SPACE in it",
    f"{CANARY}*x": "the address of a server behind its * cannot be read",
}


@pytest.mark.parametrize(("value", "wrong"), UNUSABLE.items(), ids=UNUSABLE.values())
def test_a_secret_of_flyte_that_is_no_key_is_named_before_any_request(
    comet: CometServer, in_pod: InPod, canary: Canary, value: str, wrong: str
) -> None:
    with in_pod(**{SECRET_VARIABLE: value}), pytest.raises(APIKeyError) as refused:
        tracked(comet, lambda: pytest.fail("the body ran"))()
    assert f"Secret(group='comet-ml', key='comet-ml-api-key') holds no Comet API key: {wrong}" in str(refused.value)
    assert CANARY not in shown_of(refused.value)
    assert comet.requests == []


@pytest.mark.parametrize(("value", "wrong"), UNUSABLE.items(), ids=UNUSABLE.values())
def test_so_is_a_callable_that_returns_none(comet: CometServer, in_pod: InPod, value: str, wrong: str) -> None:
    def from_vault() -> str:
        return value

    with in_pod(), pytest.raises(APIKeyError) as refused:
        tracked(comet, secret=from_vault)()
    assert f"from_vault' holds no Comet API key: {wrong}" in str(refused.value)
    assert CANARY not in shown_of(refused.value)
    assert comet.requests == []


@pytest.mark.parametrize(("value", "wrong"), UNUSABLE.items(), ids=UNUSABLE.values())
def test_so_is_what_a_local_run_finds_in_the_environment(
    comet: CometServer, monkeypatch: pytest.MonkeyPatch, value: str, wrong: str
) -> None:
    monkeypatch.setenv("COMET_API_KEY", value)
    with pytest.raises(APIKeyError) as refused:
        tracked(comet, lambda: pytest.fail("the body ran"))()
    assert f"COMET_API_KEY, or the api_key of a .comet.config, holds no Comet API key: {wrong}" in str(refused.value)
    assert CANARY not in shown_of(refused.value)
    assert comet.requests == []


def test_blanks_around_a_key_in_the_environment_are_left_out(
    comet: CometServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COMET_API_KEY", f" {CANARY}\n")
    comet.accepted_keys = {CANARY}
    tracked(comet)()
    assert [experiment.states[-1] for experiment in comet.experiments.values()] == ["ended"]
    assert os.environ["COMET_API_KEY"] == f" {CANARY}\n"
    assert warnings_in(caplog) == []


def test_a_file_that_is_no_text_is_no_key(comet: CometServer, in_pod: InPod, tmp_path: Path) -> None:
    (tmp_path / "comet-ml").mkdir()
    (tmp_path / "comet-ml" / "comet-ml-api-key").write_bytes(b"key\xff\xfe")
    with in_pod(FLYTE_SECRETS_DEFAULT_DIR=str(tmp_path)):
        del os.environ[SECRET_VARIABLE]
        with pytest.raises(
            APIKeyError, match=r"key='comet-ml-api-key'\) holds no Comet API key: it has U\+FFFD"
        ) as refused:
            tracked(comet)()
    assert "xff" not in shown_of(refused.value)


def raising(error: BaseException) -> Callable[[], str]:
    """A callable that has the key, and raises."""

    def from_vault() -> str:
        key = CANARY
        raise error from KeyError(key)

    return from_vault


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError(f"no luck with {CANARY}"), r"ValueError .*: no luck with \*\*\*$"),
        (KeyError(CANARY), r"KeyError .*: '\*\*\*'$"),
        (PermissionError(13, "no"), r"PermissionError .*: \[Errno 13\] no$"),
    ],
)
def test_a_callable_that_raises_is_named_with_what_and_where(
    comet: CometServer, in_pod: InPod, error: Exception, said: str
) -> None:
    with in_pod(), pytest.raises(APIKeyError, match=said) as refused:
        tracked(comet, lambda: pytest.fail("the body ran"), secret=raising(error))()
    assert "from_vault' raised" in str(refused.value)
    assert "test_unusable_secrets.py:" in str(refused.value)
    assert CANARY not in shown_of(refused.value)
    assert comet.requests == []


def test_a_callable_can_ask_flyte_to_try_again(comet: CometServer, in_pod: InPod) -> None:
    with in_pod(), pytest.raises(APIKeyError, match="from_vault' raised") as refused:
        tracked(comet, secret=raising(FlyteRecoverableException(f"busy: {CANARY}")))()
    assert isinstance(refused.value, FlyteRecoverableException)
    assert CANARY not in shown_of(refused.value)


@pytest.mark.by_default("FlyteRecoverableException")
@pytest.mark.parametrize("error", ["ValueError", "FlyteRecoverableException"])
def test_a_pod_is_tried_again_where_its_callable_asks_for_it(comet: CometServer, pod: Pod, error: str) -> None:
    source = SOURCE.replace('secret=Secret(group="comet-ml", key="comet-ml-api-key")', "secret=from_vault").replace(
        "@task",
        f"""
from flytekit.exceptions.user import FlyteRecoverableException

def from_vault():
    raise {error}("busy: " + os.environ["_FSEC_COMET-ML_COMET-ML-API-KEY"])

@task""",
    )
    run = pod.run(source, "train")
    assert run.retried is (error == "FlyteRecoverableException")
    assert f"'from_vault' raised {error} instead of returning the Comet API key" in run.error
    assert CANARY not in run.error + run.log


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_what_ends_the_process_passes(comet: CometServer, in_pod: InPod, error: BaseException) -> None:
    with in_pod(), pytest.raises(type(error)) as passed:
        tracked(comet, secret=raising(error))()
    assert passed.value is error


def test_a_callable_that_is_async_is_refused_when_the_task_is_decorated() -> None:
    async def from_vault() -> str:
        return CANARY

    with pytest.raises(InvalidOptionError, match=r"`secret` must be callable, and return the API key; .*from_vault'"):
        track(secret=from_vault)


def test_the_name_of_a_secret_that_is_the_key_is_not_shown(comet: CometServer, in_pod: InPod) -> None:
    with in_pod(), pytest.raises(APIKeyError, match=r"Secret\(group='comet-ml', key='\*\*\*'\) was not found"):
        tracked(comet, secret=Secret(group="comet-ml", key=CANARY))()


SOURCE = """
import os
from flytekit import Secret, task
from flytekitplugins.comet_ml import comet_ml_login

@task
@comet_ml_login(
    project_name="digits", workspace="my-team", secret=Secret(group="comet-ml", key="comet-ml-api-key"),
    host=os.environ.get("COMET_HOST_FOR_TESTS", "https://comet.invalid"),
)
def train() -> None:
    print("the body ran")
"""


@pytest.mark.by_default("it is an assignment")
@pytest.mark.parametrize("value", UNUSABLE, ids=UNUSABLE.values())
def test_a_pod_with_such_a_secret_shows_it_nowhere(comet: CometServer, pod: Pod, value: str) -> None:
    run = pod.run(SOURCE, "train", environment={SECRET_VARIABLE: value})
    assert "holds no Comet API key" in run.error
    assert not run.retried
    assert "the body ran" not in run.log
    assert CANARY not in run.error + run.log
    assert comet.requests == []
    left = [path for path in run.directory.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert left == []


def shown_of(error: BaseException | None) -> str:
    """Everything that an exception and those behind it show, with the variables of their frames."""
    text = ""
    error = error.with_traceback(error.__traceback__.tb_next) if error and error.__traceback__ else error
    while error is not None:
        text += f"{error!r} {error.args!r} {vars(error)!r}"
        text += "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        error = error.__cause__ or error.__context__
    # The variables of this file's own frames hold the key because the test put it there.
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("value = ", "error = ")))
