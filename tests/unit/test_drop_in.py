"""Code and tests that were written for the earlier plugin keep working.

People's tests replace three names of `tracking` with mocks. These are such tests.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import comet_ml as real_comet_ml
import pytest
from flytekit import Secret, task
from flytekitplugins.comet_ml import APIKeyError, InvalidExperimentKeyError, comet_ml_login
from flytekitplugins.comet_ml.tracking import (
    COMET_ML_CUSTOM_TYPE_VALUE,
    COMET_ML_EXECUTION_TYPE_VALUE,
    _generate_experiment_key,
    _generate_suffix_with_length_10,
)
from pytest_mock import MockerFixture, MockType

TRACKING = "flytekitplugins.comet_ml.tracking"
HOSTNAME = "a423423423afasf4jigl-fasj4321-0"
secret = Secret(key="abc", group="xyz")


def give_key() -> str:
    return "my-comet-ml-api-key"


@task
@comet_ml_login(project_name="abc", workspace="my-workspace", secret=secret, log_code=False)
def train_model() -> int:
    return 7


@task
@comet_ml_login(project_name="xyz", workspace="other", secret=secret, experiment_key="my-previous-experiment")
def train_model_with_experiment_key() -> None: ...


@task
@comet_ml_login(project_name="my_project", workspace="my_workspace", secret=give_key)
def train_model_with_callable_secret() -> None: ...


@task
@comet_ml_login(project_name="p", workspace="w", secret=Secret(key="abc", group="xyz", group_version="v2"))
def train_model_with_version() -> None: ...


@task
@comet_ml_login(project_name="p", workspace="w", secret=give_key, start=False, experiment_key="short")
def train_model_without_start() -> None: ...


def remote_context(mocker: MockerFixture) -> MockType:
    context = mocker.Mock()
    context.execution_state.is_local_execution.return_value = False
    context.user_space_params.secrets.get.return_value = "this_is_the_secret"
    context.user_space_params.execution_id.name = "my_execution_id"
    return context


@pytest.fixture
def comet_ml(mocker: MockerFixture) -> MockType:
    """The SDK, mocked."""
    return mocker.patch(f"{TRACKING}.comet_ml")


@pytest.fixture
def manager(mocker: MockerFixture) -> MockType:
    """flytekit's manager of contexts, mocked, in a pod."""
    manager = mocker.patch(f"{TRACKING}.FlyteContextManager")
    manager.current_context.return_value = remote_context(mocker)
    return manager


@pytest.fixture
def os_(mocker: MockerFixture) -> MockType:
    """The module `os`, mocked, with a pod's host name."""
    os_ = mocker.patch(f"{TRACKING}.os")
    os_.environ = {"HOSTNAME": HOSTNAME}
    return os_


@pytest.fixture(autouse=True)
def _no_network_and_no_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    touched: list[object] = []
    # The SDK's reports of errors can still be under way, in a thread of an earlier test.
    earlier = set(threading.enumerate()) - {threading.current_thread()}

    def touch(*args: object, **kwargs: object) -> None:
        if threading.current_thread() not in earlier:
            touched.append(args)

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, touch)
    monkeypatch.setattr(socket, "getaddrinfo", touch)
    yield
    assert not touched
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_link_types_are_the_deployed_ones() -> None:
    assert COMET_ML_EXECUTION_TYPE_VALUE == "comet-ml-execution-id"
    assert COMET_ML_CUSTOM_TYPE_VALUE == "comet-ml-custom-id"


def test_the_old_key_functions_give_what_they_gave() -> None:
    assert _generate_suffix_with_length_10(project_name="abc", workspace="my-workspace") == "e99c96cc72"
    assert (
        _generate_experiment_key(hostname=HOSTNAME, project_name="abc", workspace="my-workspace")
        == "a423423423afasf4jiglfasj43210e99c96cc72"
    )


@pytest.mark.parametrize("experiment_key", [None, "abc123dfassfasfsafsafd"])
def test_a_decorated_function_has_its_secret_and_its_link(experiment_key: str | None) -> None:
    @comet_ml_login(project_name="abc", workspace="my-workspace", experiment_key=experiment_key, secret=secret)
    def decorated() -> None: ...

    assert decorated.secret is secret
    config = decorated.get_extra_config()
    if experiment_key is None:
        assert config[decorated.LINK_TYPE_KEY] == COMET_ML_EXECUTION_TYPE_VALUE
        assert config[decorated.COMET_ML_URL_SUFFIX_KEY] == _generate_suffix_with_length_10("abc", "my-workspace")
        assert decorated.COMET_ML_EXPERIMENT_KEY_KEY not in config
    else:
        assert config[decorated.LINK_TYPE_KEY] == COMET_ML_CUSTOM_TYPE_VALUE
        assert config[decorated.COMET_ML_EXPERIMENT_KEY_KEY] == experiment_key
        assert decorated.COMET_ML_URL_SUFFIX_KEY not in config
    assert config[decorated.COMET_ML_PROJECT_NAME_KEY] == "abc"
    assert config[decorated.COMET_ML_WORKSPACE_KEY] == "my-workspace"
    assert config[decorated.COMET_ML_HOST_KEY] == "https://www.comet.com"


def test_a_local_call_logs_in_once_without_a_key(comet_ml: MockType) -> None:
    assert train_model() == 7
    comet_ml.login.assert_called_once_with(project_name="abc", workspace="my-workspace", log_code=False)


@pytest.mark.newest
def test_a_login_that_alone_was_replaced_is_called_without_an_api_key_too(mocker: MockerFixture) -> None:
    login = mocker.patch("comet_ml.login")
    mocker.patch("comet_ml.start")
    assert train_model() == 7
    login.assert_called_once_with(project_name="abc", workspace="my-workspace", log_code=False)


def test_a_local_call_with_an_experiment_key_passes_it(comet_ml: MockType) -> None:
    train_model_with_experiment_key()
    comet_ml.login.assert_called_once_with(
        project_name="xyz", workspace="other", experiment_key="my-previous-experiment"
    )


def test_an_sdk_without_login_has_init_called(mocker: MockerFixture) -> None:
    names = ["init", "start", "get_running_experiment", "is_valid_experiment_key", "config"]
    comet_ml = mocker.patch(f"{TRACKING}.comet_ml", spec=names)
    comet_ml.ExperimentConfig = mocker.Mock()
    train_model()
    comet_ml.init.assert_called_once_with(project_name="abc", workspace="my-workspace", log_code=False)


def test_a_remote_call_passes_key_and_api_key(comet_ml: MockType, manager: MockType, os_: MockType) -> None:
    context = manager.current_context.return_value
    assert train_model() == 7
    comet_ml.login.assert_called_once_with(
        project_name="abc",
        workspace="my-workspace",
        api_key="this_is_the_secret",
        experiment_key=_generate_experiment_key(HOSTNAME, "abc", "my-workspace"),
        log_code=False,
    )
    context.user_space_params.secrets.get.assert_called_once_with(key="abc", group="xyz")
    assert os_.environ == {"HOSTNAME": HOSTNAME}


@pytest.mark.parametrize("hostname", [HOSTNAME, "localhost", "my-pod.example.com", ""])
def test_a_remote_call_with_a_callable(comet_ml: MockType, manager: MockType, os_: MockType, hostname: str) -> None:
    os_.environ = {"HOSTNAME": hostname}
    train_model_with_callable_secret()
    comet_ml.login.assert_called_once_with(
        project_name="my_project",
        workspace="my_workspace",
        api_key="my-comet-ml-api-key",
        experiment_key=_generate_experiment_key(hostname, "my_project", "my_workspace"),
    )


def test_without_a_host_name_the_execution_name_is_the_fallback(
    comet_ml: MockType, manager: MockType, os_: MockType
) -> None:
    os_.environ = {}
    train_model()
    assert comet_ml.login.call_args.kwargs["experiment_key"] == _generate_experiment_key(
        "my_execution_id", "abc", "my-workspace"
    )


def test_a_secret_with_a_version_is_asked_for_with_it(comet_ml: MockType, manager: MockType, os_: MockType) -> None:
    context = manager.current_context.return_value
    train_model_with_version()
    context.user_space_params.secrets.get.assert_called_once_with(key="abc", group="xyz", group_version="v2")


@pytest.mark.parametrize("value", [None, "", "  ", b"key", 3])
def test_a_key_that_is_none_is_an_error_that_names_the_secret(
    comet_ml: MockType, manager: MockType, os_: MockType, value: object
) -> None:
    manager.current_context.return_value.user_space_params.secrets.get.return_value = value
    with pytest.raises(APIKeyError, match=r"Secret\(group='xyz', key='abc'\)"):
        train_model.task_function()
    comet_ml.login.assert_not_called()


def test_the_mocked_sdk_decides_whether_a_key_is_legal(comet_ml: MockType) -> None:
    comet_ml.is_valid_experiment_key.return_value = False
    with pytest.raises(InvalidExperimentKeyError, match="'my-previous-experiment'"):
        train_model_with_experiment_key.task_function()
    comet_ml.login.assert_called_once()
    comet_ml.start.assert_not_called()


def test_a_key_that_is_not_ascii_is_refused_whatever_the_sdk_says(comet_ml: MockType) -> None:
    decorated = comet_ml_login(project_name="p", workspace="w", secret=give_key, experiment_key="ä" * 32)(lambda: None)
    with pytest.raises(InvalidExperimentKeyError, match="ASCII"):
        decorated()
    comet_ml.start.assert_not_called()


def test_without_start_an_illegal_key_is_only_a_warning(comet_ml: MockType) -> None:
    comet_ml.is_valid_experiment_key.return_value = False
    train_model_without_start()
    comet_ml.login.assert_called_once_with(project_name="p", workspace="w", experiment_key="short")
    comet_ml.start.assert_not_called()


def test_the_started_experiment_gets_key_workspace_and_project(comet_ml: MockType) -> None:
    train_model_with_experiment_key()
    comet_ml.start.assert_called_once()
    arguments = comet_ml.start.call_args.kwargs
    assert arguments["workspace"] == "other"
    assert arguments["project_name"] == "xyz"
    assert arguments["experiment_key"] == "my-previous-experiment"


def test_the_environment_is_as_it_was_after_a_mocked_call(mocker: MockerFixture) -> None:
    before = dict(os.environ)
    mocker.patch(f"{TRACKING}.comet_ml")
    train_model()
    mocker.stopall()
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "mock",
    [
        lambda mocker: mocker.create_autospec(real_comet_ml),
        lambda mocker: mocker.Mock(spec=real_comet_ml),
        lambda mocker: mocker.MagicMock(),
        lambda mocker: mocker.Mock(**{"start.return_value": None}),
    ],
    ids=["autospec", "spec", "MagicMock", "start gives None"],
)
@pytest.mark.parametrize("remote", [True, False])
def test_mocks_of_every_kind_do(mocker: MockerFixture, mock: Callable[[MockerFixture], MockType], remote: bool) -> None:
    comet_ml = mocker.patch(f"{TRACKING}.comet_ml", mock(mocker))
    if remote:
        manager = mocker.patch(f"{TRACKING}.FlyteContextManager")
        manager.current_context.return_value = remote_context(mocker)
    mocker.patch(f"{TRACKING}.os", SimpleNamespace(environ={"HOSTNAME": HOSTNAME} if remote else {}))
    assert train_model() == 7
    # `init` is what comet-ml 3.43 has instead.
    (comet_ml.login if hasattr(comet_ml, "login") else comet_ml.init).assert_called_once()


@pytest.mark.parametrize("switch", ["COMET_AUTO_LOG_DISABLE", "COMET_START_ONLINE"])
def test_switches_of_the_real_environment_do_not_count_in_a_mocked_one(
    comet_ml: MockType, os_: MockType, switch: str
) -> None:
    os.environ[switch] = "1" if "DISABLE" in switch else "0"
    os_.environ = {}
    train_model()
    comet_ml.login.assert_called_once()
    os_.environ = dict(os.environ)
    train_model()
    comet_ml.login.assert_called_once()
