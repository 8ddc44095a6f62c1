"""Values that an option of Comet cannot have are refused when the task is decorated."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import comet_ml
import numpy as np
import pytest
from flytekitplugins.comet_ml import InvalidOptionError
from flytekitplugins.comet_ml.options import CHECKS, Options
from flytekitplugins.comet_ml.sdk import arguments

from tests.support.tracked import track

WRONG: list[tuple[str, Any]] = [
    ("log_code", "no"),
    ("log_code", 0),
    ("log_git_metadata", "off"),
    ("log_env_gpu", 1),
    ("log_graph", []),
    ("parse_args", "true"),
    ("disabled", "x"),
    ("auto_metric_logging", None),
    ("auto_log_co2", "no"),
    ("auto_metric_step_rate", 0),
    ("auto_metric_step_rate", True),
    ("auto_histogram_epoch_rate", 1.5),
    ("display_summary_level", "high"),
    ("display_summary_level", -1),
    ("auto_output_logging", "loud"),
    ("auto_output_logging", True),
    ("tags", "nightly"),
    ("tags", ["nightly", 3]),
    ("tags", ["nightly", ""]),
    ("tags", {"nightly": True}),
    ("name", 5),
    ("name", ""),
    ("name", "two\nlines"),
    ("distributed_node_identifier", 0),
    ("offline_directory", 3),
]
"""Arguments of `ExperimentConfig` with values that they cannot have."""


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_keyword_that_is_of_experiment_config_has_a_value_of_its_kind(name: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=rf"^comet_ml_login: `{name}` must"):
        track(**{name: value})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_so_has_an_entry_of_the_dict(name: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=rf"^experiment_config: `{name}` must"):
        track(experiment_config={name: value})


# The SDK itself fails with the one, and takes the other as not given.
@pytest.mark.parametrize(
    ("name", "value"), [case for case in WRONG if case not in (("offline_directory", 3), ("name", ""))]
)
def test_so_has_an_argument_of_the_object(name: str, value: Any) -> None:
    config = comet_ml.ExperimentConfig(**{name: value})
    with pytest.raises(InvalidOptionError, match=rf"^experiment_config: `{name}` must"):
        track(experiment_config=config)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "bogus"),
        ("online", "no"),
        ("source", 3),
        ("anonymous", "yes"),
        ("force", 1),
        ("directory", 3),
        ("directory", ""),
        ("auto_log_code", "perhaps"),
        ("auto_log_disable", 2),
        ("disable_auto_logging", "true"),
        ("timeout_upload", "a minute"),
        ("timeout_cleaning", 1.5),
        ("logging_console", "loud"),
        ("logging_file_level", 10),
        ("logging_file", False),
        ("url_override", "comet.example.com/clientlib/"),
        ("url_override", "https://user:hunter2@comet.example.com/clientlib/"),
        ("url_override", "ftp://comet.example.com"),
        ("url_override", "https://www\uff0ecomet.com/clientlib/"),
        ("api_key", 3),
        ("api_key", ""),
        # Settings that only the SDK knows.
        ("timeout_file_upload", float("nan")),
        ("start_online", "perhaps"),
        ("start_experiment_tags", {"a": 1}),
        ("logging_metrics_ignore", ["a,b"]),
        ("keras_histogram_gradient_index_list", [1, "x"]),
        ("experiment_name", 5),
        ("rich_output", "maybe"),
    ],
)
def test_an_argument_of_start_and_login_and_a_setting_has_a_value_of_its_kind(name: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=rf"^comet_ml_login: `{name}` ") as refused:
        track(**{name: value})
    assert "hunter2" not in str(refused.value)


@pytest.mark.newest
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_code", None),
        ("tags", ("a", "b")),
        ("tags", []),
        ("name", "Größe 🚀"),
        ("auto_output_logging", False),
        ("auto_metric_step_rate", np.int64(10)),
        ("auto_log_code", "no"),
        ("auto_log_code", 1),
        ("disable_auto_logging", True),
        ("timeout_upload", "60"),
        ("logging_console", "debug"),
        ("url_override", "https://comet.example.com/clientlib/"),
        ("url_override", None),
        ("timeout_file_upload", 9),
        ("start_experiment_tags", "a,b"),
        ("keras_histogram_gradient_index_list", [1, 2]),
    ],
)
def test_what_the_sdk_understands_passes(name: str, value: Any) -> None:
    assert track(**{name: value}).options.login_kwargs == {name: value}


def test_a_path_can_be_one_of_pathlib() -> None:
    options = track(offline_directory=Path("runs"), experiment_config={"offline_directory": Path("others")}).options
    assert options.login_kwargs == {"offline_directory": "runs"}
    assert options.experiment_config == {"offline_directory": "others"}


@pytest.mark.parametrize("seconds", [0, -1, "60", None, True, float("nan"), float("inf"), 10**400, 1e12])
def test_end_timeout_is_a_time_that_one_can_wait(seconds: Any) -> None:
    with pytest.raises(InvalidOptionError, match="`end_timeout` must be a number of seconds"):
        track(end_timeout=seconds)


def test_a_number_of_numpy_is_a_number() -> None:
    assert track(end_timeout=np.float32(1.5)).options.end_timeout == 1.5
    assert track(end_timeout=np.int64(2)).options.end_timeout == 2


def test_a_choice_can_be_a_member_of_an_enum_of_texts() -> None:
    class Covers(str, Enum):
        NODE = "node"

    assert f"{track(scope=Covers.NODE).options.scope}" == "node"
    assert type(track(scope=Covers.NODE).options.scope) is str


@pytest.mark.parametrize("value", ["run", "", None, 0, ["node"], "Node"])
@pytest.mark.parametrize("option", ["scope", "ranks", "on_unavailable"])
def test_a_choice_is_one_of_its_values(option: str, value: Any) -> None:
    with pytest.raises(InvalidOptionError, match=rf"`{option}` must be '\w+' or '\w+'"):
        track(**{option: value})


@pytest.mark.parametrize(
    "workspace",
    [
        "https://www.comet.com/my-team",
        "www.comet.com/my-team",
        "comet.com/my-team",
        "WWW.COMET.COM/my-team",
        "https://comet.example.com/my-team/digits",
        "my-team/digits",
        "/my-team",
        "my-team/",
    ],
)
def test_a_workspace_is_a_name_and_no_address(workspace: str) -> None:
    with pytest.raises(InvalidOptionError, match=r"`workspace` must be (a|one) name"):
        track(workspace=workspace)


@pytest.mark.parametrize("project", ["https://www.comet.com/my-team/digits", "www.comet.com/my-team/digits"])
def test_a_project_is_a_name_and_no_address(project: str) -> None:
    with pytest.raises(InvalidOptionError, match="`project_name` must be a name, not the address"):
        track(project_name=project)


def test_a_project_can_have_a_slash_in_its_name() -> None:
    assert track(project_name="digits/v1.2").project_name == "digits/v1.2"


@pytest.mark.parametrize("option", ["project_name", "workspace", "experiment_key", "host", "name", "source"])
@pytest.mark.parametrize("character", ["\n", "\x00", "\x1b", "\x9b", "\u202e", "\u2066", "\u2028"])
def test_a_text_has_nothing_in_it_that_moves_what_is_printed(option: str, character: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"`{option}` must be") as refused:
        track(**{option: f"a{character}b"})
    assert str(refused.value).isprintable()


def test_every_option_has_its_check_and_every_check_its_option() -> None:
    assert {option.name for option in dataclasses.fields(Options)} == set(CHECKS)


@pytest.mark.parametrize(
    ("keyword", "nearest"), [("secrets", "secret"), ("experimentkey", "experiment_key"), ("end_time", "end_timeout")]
)
def test_the_nearest_name_can_be_any_of_our_own(keyword: str, nearest: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"Did you mean `{nearest}`"):
        track(**{keyword: 1})


def test_an_option_named_login_kwargs_is_nobody_s() -> None:
    with pytest.raises(InvalidOptionError, match="unknown argument 'login_kwargs'"):
        track(login_kwargs={})


def test_the_sdk_is_not_loaded_for_what_is_in_the_tables() -> None:
    names = [name for name in arguments.KEYWORDS if name not in ("api_key", "url_override")]
    source = f"""
import sys
from flytekitplugins.comet_ml import InvalidOptionError, comet_ml_login
good = dict(project_name="p", workspace="w", secret=lambda: "key")
for name in {names}:
    try:
        comet_ml_login(**good, **{{name: object()}})
    except InvalidOptionError as error:
        assert name in str(error), error
    else:
        raise AssertionError(name)
comet_ml_login(**good, log_code=False, tags=["a"], mode="get", timeout_upload=9, experiment_config={{"name": "x"}})
assert "comet_ml" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", source], check=True)
