"""Bad input is refused when the task is decorated, with the argument, what was given, and the remedy."""

from __future__ import annotations

from typing import Any

import comet_ml
import pytest
from flytekit import Secret, workflow
from flytekitplugins.comet_ml import CometTrackingError, InvalidOptionError, UnsupportedFunctionError, comet_ml_login

GOOD: dict[str, Any] = {"project_name": "p", "workspace": "w", "secret": Secret(group="g", key="k")}


def train(epochs: int = 1) -> None: ...


@pytest.mark.parametrize("missing", ["project_name", "workspace", "secret"])
def test_a_missing_required_argument_is_named(missing: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{missing}` must be set"):
        comet_ml_login(**{name: value for name, value in GOOD.items() if name != missing})


def test_all_missing_arguments_are_named() -> None:
    with pytest.raises(InvalidOptionError, match="`workspace` and `secret` must be set"):
        comet_ml_login("p")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "given, right", [("secrets", "secret"), ("project", "project_name"), ("work_space", "workspace")]
)
def test_a_missing_argument_that_was_given_by_another_name_is_seen(given: str, right: str) -> None:
    arguments = {given if name == right else name: value for name, value in GOOD.items()}
    with pytest.raises(InvalidOptionError, match=rf"the name is `{right}`, not `{given}`"):
        comet_ml_login(**arguments)


@pytest.mark.parametrize("option", ["project_name", "workspace", "experiment_key", "host"])
@pytest.mark.parametrize("value", ["", "  ", 3, b"x", "\ud800"])
def test_texts_must_be_texts(option: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{option}` must"):
        comet_ml_login(**{**GOOD, option: value})


@pytest.mark.parametrize("option", ["project_name", "workspace", "host"])
def test_none_is_no_text(option: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{option}` must be a string, not None"):
        comet_ml_login(**{**GOOD, option: None})


@pytest.mark.parametrize("secret", ["the-api-key-itself", None, 3, str])
def test_a_secret_is_a_secret_or_a_callable_and_its_value_is_not_repeated(secret: Any) -> None:
    with pytest.raises(
        InvalidOptionError, match=r"must be a flytekit.Secret \(in Flyte 2, a flyte.Secret\) or a callable"
    ) as refused:
        comet_ml_login(**{**GOOD, "secret": secret})
    assert "the-api-key-itself" not in str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "nearest"),
    [("log_cod", "log_code"), ("worksapce", "workspace"), ("disable_autologging", "disable_auto_logging")],
)
def test_an_unknown_keyword_is_refused_with_the_nearest_name(keyword: str, nearest: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"unknown argument '{keyword}'.*Did you mean `{nearest}`"):
        comet_ml_login(**GOOD, **{keyword: True})


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("log_code", False),
        ("source", "x"),
        ("directory", "x"),
        ("timeout_upload", 9),
        ("system_cpu_interval", 9),
        ("tags", ["x"]),
        ("api_key", "x"),
    ],
)
def test_keywords_of_the_sdk_pass(keyword: str, value: Any) -> None:
    comet_ml_login(**GOOD, **{keyword: value})


def test_known_keywords_pass_without_asking_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comet_ml, "get_config", lambda *args: pytest.fail("the SDK was asked"))
    comet_ml_login(**GOOD, log_code=False, disable_auto_logging=True, online=False)


def test_project_is_refused_as_a_second_name_of_project_name() -> None:
    with pytest.raises(InvalidOptionError, match=r"project='other' is another name of `project_name`"):
        comet_ml_login(**GOOD, project="other")


@pytest.mark.parametrize(
    ("keyword", "value"), [("mode", "bogus"), ("online", "no"), ("online", 0), ("disabled", "no"), ("api_key", 3)]
)
def test_a_keyword_with_a_value_that_cannot_be_is_refused(keyword: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{keyword}` must be"):
        comet_ml_login(**GOOD, **{keyword: value})


@pytest.mark.parametrize("host", ["https://", "http:///x", "http://[::1", "ftp://x", "http://a b", "http://x:99999"])
def test_a_host_that_is_no_web_address_is_refused(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="`host` must be the address of a Comet service"):
        comet_ml_login(**GOOD, host=host)


@pytest.mark.parametrize("host", ["https://comet.example.com/clientlib/", "https://comet.example.com/api"])
def test_a_host_with_a_path_of_the_sdk_is_refused_with_the_one_that_is_meant(host: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"browser shows, 'https://comet.example.com', not"):
        comet_ml_login(**GOOD, host=host)


@pytest.mark.parametrize("host", ["https://comet.example.com/?a=1", "https://comet.example.com/#a"])
def test_a_host_is_an_address_without_a_query(host: str) -> None:
    with pytest.raises(InvalidOptionError, match="without a query and a fragment"):
        comet_ml_login(**GOOD, host=host)


def test_a_password_in_the_host_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidOptionError, match="`host` must be an address without a user name") as refused:
        comet_ml_login(**GOOD, host="https://user:hunter2@comet.example.com")
    assert "hunter2" not in str(refused.value)


def test_a_callable_that_needs_arguments_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="callable without arguments"):
        comet_ml_login(**{**GOOD, "secret": lambda name: name})  # type: ignore[dict-item]


@pytest.mark.parametrize("log_inputs", ["epochs", 3, None, [1], {"epochs": 1}])
def test_log_inputs_is_a_bool_or_a_list_of_names(log_inputs: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`log_inputs` must be True, False or a list of input names"):
        comet_ml_login(**GOOD, log_inputs=log_inputs)


def test_log_inputs_names_inputs_of_the_function() -> None:
    with pytest.raises(InvalidOptionError, match=r"names 'epoch', but the inputs of 'train' are 'epochs'"):
        comet_ml_login(**GOOD, log_inputs=["epoch"])(train)
    comet_ml_login(**GOOD, log_inputs=["epochs"])(train)


def test_start_is_a_bool() -> None:
    with pytest.raises(InvalidOptionError, match="`start` must be True or False, not 'no'"):
        comet_ml_login(**GOOD, start="no")  # type: ignore[arg-type]


def test_an_experiment_config_is_one_or_a_dict_of_its_arguments() -> None:
    comet_ml_login(**GOOD, experiment_config=comet_ml.ExperimentConfig(tags=["a"]))
    comet_ml_login(**GOOD, experiment_config={"tags": ["a"]})
    with pytest.raises(InvalidOptionError, match=r"must be a comet_ml.ExperimentConfig or a dict"):
        comet_ml_login(**GOOD, experiment_config=["tags"])  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match=r"experiment_config: unknown argument 'tag'.*Did you mean `tags`"):
        comet_ml_login(**GOOD, experiment_config={"tag": ["a"]})


def test_the_decorator_without_arguments_is_explained() -> None:
    with pytest.raises(InvalidOptionError, match="put on 'train' without arguments"):
        comet_ml_login(train)  # type: ignore[arg-type, call-arg]


def test_a_workflow_is_refused() -> None:
    @workflow
    def pipeline() -> None: ...

    with pytest.raises(UnsupportedFunctionError, match="put it on the tasks"):
        comet_ml_login(**GOOD)(pipeline)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(UnsupportedFunctionError, match="not the int"):
        comet_ml_login(**GOOD)(3)  # type: ignore[call-overload]


def test_twice_is_once_too_often() -> None:
    with pytest.raises(UnsupportedFunctionError, match="on 'train' twice"):
        comet_ml_login(**GOOD)(comet_ml_login(**GOOD)(train))


def test_a_key_that_comet_would_refuse_is_one_warning_at_decoration(caplog: pytest.LogCaptureFixture) -> None:
    comet_ml_login(**GOOD, experiment_key="too-short")(train)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "experiment_key='too-short'" in caplog.text
    assert "this one has 9 characters" in caplog.text


def test_a_host_without_a_scheme_is_taken_as_https_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert comet_ml_login(**GOOD, host="comet.acme.com/").host == "https://comet.acme.com"
    assert "host='comet.acme.com/' has no scheme" in caplog.text


def test_all_errors_have_one_base_class() -> None:
    assert issubclass(InvalidOptionError, CometTrackingError)
    assert issubclass(InvalidOptionError, ValueError)
    assert issubclass(InvalidOptionError, TypeError)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), True, "30"])
def test_a_grace_period_that_is_no_number_of_seconds_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`grace_period` must be a number of seconds greater than 0"):
        comet_ml_login(project_name="p", workspace="w", secret=lambda: "k", grace_period=seconds)


@pytest.mark.parametrize(
    "address",
    [
        "https:my-team",
        "www.comet.com",
        "comet.com",
        "comet.com/my-team/digits",
        "comet.example.com",
        "comet.example.com/my-team/digits",
        "example.com/my-team/digits",
        "localhost:5000/my-team/digits",
        "10.0.0.5/my-team",
        "10.0.0.5:8080",
        "//comet.com/my-team",
    ],
)
@pytest.mark.parametrize("option", ["project_name", "workspace"])
def test_an_address_without_a_scheme_is_no_name(option: str, address: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{option}` must be a name, not the address '{address}"):
        comet_ml_login(**{**GOOD, option: address})


@pytest.mark.parametrize(
    "name", ["digits", "my digits", "digits.v2", "digits/v2", "v1.2/digits", "comet", "10.5", "a.b.c"]
)
def test_a_name_with_dots_and_slashes_is_a_project(name: str) -> None:
    comet_ml_login(**{**GOOD, "project_name": name})
