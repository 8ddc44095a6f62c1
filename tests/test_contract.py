"""The names of flytekit and comet_ml that are not public API and that we use: this fails when one disappears."""

from __future__ import annotations

import inspect
import logging

import comet_ml
import comet_ml.exceptions
import pytest
from flytekit import Deck, task
from flytekit.core import python_function_task
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import ExecutionParameters, FlyteEntities
from flytekit.core.python_auto_container import PythonAutoContainerTask
from flytekit.core.utils import ClassDecorator
from flytekit.tools import translator
from flytekitplugins.comet_ml import comet_ml_login, options, sdk


def test_comet_has_the_settings_and_the_switch_for_the_running_experiment() -> None:
    assert callable(comet_ml.config.set_global_experiment)
    assert callable(comet_ml.get_config)
    assert callable(comet_ml.get_config().get_config_origin)
    assert {"comet.api_key", "comet.url_override", "comet.auto_log.disable"} <= set(comet_ml.get_config().keys())
    assert callable(comet_ml.is_valid_experiment_key)
    assert callable(comet_ml.api.get_instance.cache_clear)


def test_comet_parses_keys_that_embed_a_server() -> None:
    assert sdk.embedded_server(comet_ml, "key*eyJiYXNlVXJsIjogImh0dHA6Ly9oIn0=") == "http://h"
    assert sdk.embedded_server(comet_ml, "key*") is None
    assert sdk.embedded_server(comet_ml, "key*nonsense") is None
    assert sdk.embedded_server(comet_ml, "key") is None
    assert sdk.embedded_server(comet_ml, None) is None


@pytest.mark.newest
def test_comet_s_constructor_takes_the_argument_that_lets_it_join() -> None:
    parameters = inspect.signature(comet_ml.Experiment.__init__).parameters.values()
    assert any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


@pytest.mark.parametrize(
    "name",
    [
        "InvalidAPIKey",
        "Unauthorized",
        "InvalidWorkspace",
        "ViewOnlyAccessException",
        "ProjectNameEmpty",
        "ProjectNameIsTooLong",
        "InvalidExperimentMode",
        "ExperimentNotFound",
        "ExperimentAlreadyUploaded",
        "InvalidOfflineDirectory",
        "CometException",
    ],
)
def test_comet_has_the_exceptions_that_mean_a_refusal(name: str) -> None:
    assert issubclass(getattr(comet_ml.exceptions, name), Exception)


def test_comet_s_experiment_config_has_the_arguments_that_we_know() -> None:
    assert sdk.experiment_config_arguments() == options.EXPERIMENT_CONFIG_ARGUMENTS


def test_comet_knows_the_settings_that_we_let_pass_without_asking() -> None:
    # `login` takes one more than `init` did.
    assert sdk.known_arguments() >= options.COMMON_SETTINGS | options.LOGIN_ARGUMENTS


def test_comet_s_logger_has_its_handlers_on_itself() -> None:
    assert logging.getLogger("comet_ml").handlers


def test_comet_s_metrics_meet_in_one_method_beside_what_was_logged() -> None:
    experiment = comet_ml.Experiment(disabled=True)
    assert list(inspect.signature(experiment._log_metric).parameters)[:5] == [
        "name",
        "value",
        "step",
        "epoch",
        "include_context",
    ]
    assert {"metrics", "params", "context", "curr_step"} <= set(vars(experiment))


@pytest.mark.newest
def test_flytekit_says_whether_a_task_has_decks_and_publishes_them_while_it_runs() -> None:
    assert isinstance(ExecutionParameters.enable_deck, property)
    assert callable(Deck.publish)
    assert isinstance(PythonTask.enable_deck, property)


def test_flytekit_copies_a_function_s_attributes_onto_the_task_and_asks_the_task_for_its_config() -> None:
    def function() -> None: ...

    vars(function)["get_config"] = lambda settings: {"a": "b"}
    entity = task(function)
    assert vars(entity)["get_config"] is vars(function)["get_config"]
    assert "entity.get_config(settings)" in inspect.getsource(translator.get_serializable_task)
    assert entity in FlyteEntities.entities


def test_flytekit_s_tasks_keep_function_and_secrets_where_we_put_them() -> None:
    @task
    def entity() -> None: ...

    assert isinstance(entity, PythonAutoContainerTask)
    assert entity.task_function is entity._task_function
    assert entity.security_context is entity._security_ctx
    assert "_security_ctx" in inspect.getsource(PythonTask.security_context.fget or PythonTask)
    assert isinstance(ArrayNodeMapTask.python_function_task, property)


@pytest.mark.newest
def test_flytekit_s_eager_tasks_have_no_config_of_their_own_that_ours_would_replace() -> None:
    eager = python_function_task.EagerAsyncPythonFunctionTask
    assert vars(eager)["get_config"].__module__ == "flytekitplugins.comet_ml.registration"


def test_our_name_of_the_link_type_is_flytekit_s() -> None:
    assert comet_ml_login.LINK_TYPE_KEY == ClassDecorator.LINK_TYPE_KEY
