"""The names of flytekit and comet_ml that are not public API and that we use: this fails when one disappears."""

from __future__ import annotations

import inspect
import logging
from types import ModuleType

import comet_ml
import comet_ml.exceptions
import pytest
from comet_server import CometServer
from flytekit import task
from flytekit.core import python_function_task
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.python_auto_container import PythonAutoContainerTask
from flytekit.core.utils import ClassDecorator
from flytekit.tools import translator
from flytekitplugins.comet_ml import autologging, comet_ml_login, options, sdk


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


def test_comet_has_hooks_for_the_frameworks_that_we_watch_for() -> None:
    assert {name.split(".")[0] for name in sdk.hooks(comet_ml) or {}} == autologging.FRAMEWORKS


def test_comet_s_finder_puts_hooks_on_a_module_that_is_there_already() -> None:
    module = ModuleType("mine")
    setattr(module, "function", lambda: 1)  # noqa: B010
    assert not sdk.is_hooked(module.function)
    sdk.put_hooks(comet_ml, module, {"function": {"before": [], "after": [], "allow_empty_experiment": False}})
    assert sdk.is_hooked(module.function)
    assert module.function() == 1
    assert isinstance(comet_ml.monkey_patching.ALREADY_IMPORTED_MODULES, set)


def test_comet_s_queue_sends_an_other_by_a_function_of_the_experiment_s_client(laptop: CometServer) -> None:
    experiment = comet_ml.start(**sdk.start_arguments(comet_ml, workspace="my-team", project_name="digits"))
    sent: list[dict[str, object]] = []
    sdk.replace_sender_of_others(experiment, lambda send: lambda **kwargs: (sent.append(kwargs), send(**kwargs))[1])
    experiment.log_other("mine", "1")
    experiment.end()
    assert {"experiment_key": experiment.get_key(), "key": "mine", "value": "1"} in sent
    assert laptop.only_experiment.others["mine"] == "1"
