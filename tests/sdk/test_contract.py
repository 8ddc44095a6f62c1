"""The names of flytekit and comet_ml that are not public API and that we use: this fails when one disappears."""

from __future__ import annotations

import concurrent.futures.thread
import importlib
import inspect
import logging
import queue
import re
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType

import comet_ml
import comet_ml.exceptions
import comet_ml.logging_messages
import comet_ml.offline
import pytest
from flytekit import Deck, task
from flytekit.core import python_function_task
from flytekit.core.array_node_map_task import ArrayNodeMapTask
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import ExecutionParameters, FlyteEntities
from flytekit.core.python_auto_container import PythonAutoContainerTask
from flytekit.core.utils import ClassDecorator
from flytekit.tools import translator
from flytekitplugins.comet_ml import comet_ml_login, option_kinds
from flytekitplugins.comet_ml.sdk import (
    arguments,
    autologging,
    offline_calls,
    patches,
    patience,
    running_experiment,
    sending,
)
from flytekitplugins.comet_ml.sdk import upload as sdk_offline
from flytekitplugins.comet_ml.sdk.comet_sdk import CometSDK
from pytest_mock import MockerFixture

from tests.support.comet_server import CometServer
from tests.support.offline_runs import started
from tests.support.source_tree import SDK, foreign_private_names, is_private


def test_comet_has_the_settings_and_the_switch_for_the_running_experiment() -> None:
    assert callable(comet_ml.config.set_global_experiment)
    assert callable(comet_ml.get_config)
    assert callable(comet_ml.get_config().get_config_origin)
    assert {"comet.api_key", "comet.url_override", "comet.auto_log.disable"} <= set(comet_ml.get_config().keys())
    assert callable(comet_ml.is_valid_experiment_key)
    assert callable(comet_ml.api.get_instance.cache_clear)


def test_comet_parses_keys_that_embed_a_server() -> None:
    sdk = CometSDK.of(comet_ml)
    assert sdk.embedded_server("key*eyJiYXNlVXJsIjogImh0dHA6Ly9oIn0=") == "http://h"
    assert sdk.embedded_server("key*") is None
    assert sdk.embedded_server("key*nonsense") is None
    assert sdk.embedded_server("key") is None
    assert sdk.embedded_server(None) is None


@pytest.mark.newest
@pytest.mark.parametrize("patch", patches.PATCHES, ids=lambda patch: f"{patch.module}.{patch.name}")
def test_comet_has_what_a_row_of_the_table_replaces(patch: patches.Patch) -> None:
    importlib.import_module(patch.module)
    patches.apply()
    assert patch in patches.in_force(), f"without it: {patch.otherwise}"


@pytest.mark.newest
def test_what_the_sdk_loads_later_is_not_loaded_for_the_table() -> None:
    source = (
        "import comet_ml, sys\n"
        "from flytekitplugins.comet_ml.sdk import patches\n"
        "patches.apply()\n"
        "assert 'dulwich' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


@pytest.mark.newest
@pytest.mark.parametrize("kind", [comet_ml.OfflineExperiment, comet_ml.ExistingOfflineExperiment])
def test_everything_that_comet_refuses_offline_is_known(kind: type[comet_ml.CometExperiment]) -> None:
    patches.apply()
    refused = set()
    for name, method in inspect.getmembers(kind, inspect.isroutine):
        source = inspect.getsource(inspect.unwrap(method)) if not name.startswith("_") else ""
        # `get_callback` knows some frameworks, and refuses others.
        if re.search(r"raise (NotImplementedError|ExperimentDisabledException)", source) and name != "get_callback":
            refused.add(name)
    assert refused <= offline_calls.OFFLINE.keys()
    assert {"log_artifact", "get_artifact", "display"} <= refused


ELSEWHERE = {
    "file_utils.py": "in a directory that it is given",
    "streamer/handlers/offline_handler.py": "in a directory that it is given",
    "experiment_loggers/points_3d/randomize.py": "while it makes another file",
    "integration/sklearn/load_from.py": "while it loads a model",
    "integration/sklearn/log_to_experiment.py": "an open file, which is copied",
    "integration/pytorch/model_loading_helpers.py": "while it loads a model",
    "integration/pytorch/model_logging_helpers.py": "an open file, which is copied",
    "callbacks/_tensorflow_estimator.py": "for TensorFlow, and not for Comet",
    "callbacks/_fastai.py": "an open file, which is copied",
    "connection/ca_certs.py": "certificates",
    "offline.py": "while it sends an archive",
    "artifacts/logged_artifact.py": "what the body downloads",
    "artifacts/logged_artifact_asset.py": "what the body downloads",
    "artifacts/artifact_assets_downloader.py": "what the body downloads",
    "api_objects/model/model.py": "what the body downloads",
}
"""The other files of the SDK that make temporary files, and what these are."""


@pytest.mark.newest
def test_what_comet_makes_temporary_files_for_is_known() -> None:
    root = Path(comet_ml.__file__).parent
    files = {
        file.relative_to(root).as_posix()
        for file in root.rglob("*.py")
        if re.search(r"tempfile\.(mkdtemp|mkstemp|NamedTemporaryFile|TemporaryDirectory)", file.read_text())
    }
    ours = {
        f"{patch.module.removeprefix('comet_ml.').replace('.', '/')}.py"
        for patch in patches.PATCHES
        if patch.name.startswith("tempfile.")
    }
    assert files == ours | ELSEWHERE.keys()


@pytest.mark.newest
def test_everything_by_which_comet_asks_the_server_at_once_is_known() -> None:
    patches.apply()
    asking = set()
    for name, method in inspect.getmembers(comet_ml.Experiment, inspect.isroutine):
        source = inspect.getsource(inspect.unwrap(method)) if not name.startswith("_") else ""
        if re.search(r"self\.(connection|rest_api_client|_register_callback_remotely)\b", source):
            asking.add(name)
    assert asking == offline_calls.ONLINE.keys()


def test_a_row_of_which_the_sdk_has_nothing_is_left_out(mocker: MockerFixture) -> None:
    gone = patches.Patch("comet_ml.experiment", "CometExperiment.gone", lambda *call: None, "nothing")
    mocker.patch.object(patches, "PATCHES", (*patches.PATCHES, gone))
    patches.apply()
    assert gone not in patches.in_force()


@pytest.mark.newest
def test_the_table_is_in_force_whole_or_not_at_all(mocker: MockerFixture) -> None:
    patches.apply()
    flush = vars(comet_ml.CometExperiment)["flush"]
    comet_ml.CometExperiment.flush = flush.__wrapped__
    mocker.patch.object(patches, "answer_by_context", side_effect=RuntimeError("half-way"))
    try:
        with pytest.raises(RuntimeError, match="half-way"):
            patches.apply()
        assert vars(comet_ml.CometExperiment)["flush"] is flush.__wrapped__
    finally:
        comet_ml.CometExperiment.flush = flush


@pytest.mark.newest
def test_comet_s_functions_for_the_running_experiment_stand_where_their_code_can_be_replaced() -> None:
    for name, replacement in running_experiment.FUNCTIONS.items():
        patches.apply()
        assert getattr(comet_ml.config, name).__code__ is replacement.__code__


def test_the_private_names_of_the_sdk_are_few() -> None:
    names = {name for file in SDK.glob("*.py") for name in foreign_private_names(file)}
    places = [place for patch in patches.PATCHES for place in (f"{patch.module}.{patch.name}", *patch.older)]
    names |= {part for place in places for part in place.replace(":", ".").split(".") if is_private(part)}
    print(f"{len(names)} private names: {', '.join(sorted(names))}")
    assert len(names) <= 35


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


OUR_RULES = {
    "auto_histogram_epoch_rate": option_kinds.COUNT,
    "auto_metric_step_rate": option_kinds.COUNT,
    "auto_output_logging": arguments.EXPERIMENT_CONFIG_ARGUMENTS["auto_output_logging"],
    "directory": option_kinds.PATH.or_none,
    "mode": arguments.START_ARGUMENTS["mode"],
    "offline_directory": option_kinds.PATH.or_none,
}
"""Where our tables say more than Comet's annotations, and what."""


def test_comet_s_experiment_config_has_the_arguments_that_we_know_and_they_are_of_our_kinds() -> None:
    assert {**arguments.installed_config_arguments(), **pick(OUR_RULES, arguments.EXPERIMENT_CONFIG_ARGUMENTS)} == (
        arguments.EXPERIMENT_CONFIG_ARGUMENTS
    )


def test_comet_s_start_and_login_have_the_arguments_that_we_know_and_they_are_of_our_kinds() -> None:
    ours = {**arguments.START_ARGUMENTS, **arguments.LOGIN_ARGUMENTS}
    theirs = pick(arguments.installed_keywords(), ours)
    # `start` of 3.43 has no `source`.
    assert ours.keys() - theirs.keys() <= {"source"}
    assert {**theirs, **pick(OUR_RULES, theirs)} == pick(ours, theirs)


def test_comet_s_settings_are_of_our_kinds() -> None:
    stricter = {"api_key", "logging_console", "logging_file", "logging_file_level", "offline_directory", "url_override"}
    own = set(arguments.COMMON_SETTINGS) - stricter - set(arguments.EXPERIMENT_CONFIG_ARGUMENTS)
    theirs = arguments.installed_settings()
    assert pick(theirs, own) == pick(arguments.COMMON_SETTINGS, own)
    assert set(theirs) >= set(arguments.COMMON_SETTINGS)
    assert option_kinds.ANYTHING not in theirs.values()


def pick(kinds: Mapping[str, option_kinds.Kind], names: Collection[str]) -> dict[str, option_kinds.Kind]:
    return {name: kind for name, kind in kinds.items() if name in names}


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
    importlib.import_module("flytekitplugins.comet_ml.flyte1.registration")
    eager = python_function_task.EagerAsyncPythonFunctionTask
    assert vars(eager)["get_config"].__module__ == "flytekitplugins.comet_ml.flyte1.registration"


def test_our_name_of_the_link_type_is_flytekit_s() -> None:
    assert comet_ml_login.LINK_TYPE_KEY == ClassDecorator.LINK_TYPE_KEY


def test_comet_s_finder_puts_hooks_on_a_module_that_is_there_already() -> None:
    module = ModuleType("mine")
    setattr(module, "function", lambda: 1)  # noqa: B010
    assert autologging.hooks(comet_ml)
    assert not autologging.is_hooked(module.function)
    autologging.put_hooks(comet_ml, module, {"function": {"before": [], "after": [], "allow_empty_experiment": False}})
    assert autologging.is_hooked(module.function)
    assert module.function() == 1
    assert isinstance(comet_ml.monkey_patching.ALREADY_IMPORTED_MODULES, set)


def test_comet_uploads_an_archive_with_a_function_and_raises_what_it_means() -> None:
    parameters = list(inspect.signature(comet_ml.offline.upload_single_offline_experiment).parameters)
    assert parameters[:3] == ["offline_archive_path", "api_key", "force_upload"]
    assert {"override_workspace", "override_project_name"} <= set(parameters)
    assert {"error", "warning"} <= set(dir(comet_ml.offline.LOGGER))
    assert comet_ml.offline.LOGGER.name == "comet_ml.offline"


def test_comet_s_upload_handles_the_types_of_messages_that_we_take_for_known() -> None:
    source = inspect.getsource(comet_ml.offline.OfflineSender)
    assert "Unknown message type" in source
    handled = {getattr(comet_ml.offline, name).type for name in re.findall(r"(\w+Message)\.type\b", source)}
    assert len(handled) > 15
    assert handled <= sdk_offline.message_types()


@pytest.mark.parametrize("name", sdk_offline._LEFT_OUT)
def test_comet_says_what_it_leaves_out_of_an_upload(name: str) -> None:
    assert isinstance(getattr(comet_ml.logging_messages, name), str)


def test_comet_keeps_what_was_logged_where_we_would_rescue_it(laptop: CometServer) -> None:
    online = started(online=True)
    for waiting in (online.streamer.messages, online.streamer.offline_streamer.messages):
        assert isinstance(waiting, queue.Queue)
    assert Path(online.streamer.offline_streamer.tmp_dir).is_dir()
    assert online.streamer.start_time > 0
    online.end()
    offline = started(online=False)
    assert Path(offline.streamer.tmp_dir) == Path(offline.tmpdir)
    assert isinstance(offline.streamer.messages, queue.Queue)
    assert offline.start_time > 0
    offline.end()


@pytest.mark.newest
def test_comet_s_streamer_waits_where_we_bound_it(laptop: CometServer) -> None:
    experiment = comet_ml.start(project_name="digits")
    try:
        assert experiment.streamer.terminate_timeout > 0
        assert set(patience._clients(experiment)) == {"http", "api"}
        for client in patience._clients(experiment).values():
            assert client.default_timeout > 0
            assert client.retry_session.adapters
        assert experiment.system_metrics_thread is None or callable(experiment.system_metrics_thread.close)
        assert callable(experiment._atexit_hook.disable)
    finally:
        experiment.end()


def test_each_argument_of_a_configuration_has_the_setting_that_we_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and tags are for one experiment alone, and so is whether it is disabled."""
    settings = arguments.settings_of_config(dict.fromkeys(arguments.EXPERIMENT_CONFIG_ARGUMENTS, True))
    found = []
    for value in ("0", "1"):
        for setting in settings:
            monkeypatch.setenv(f"COMET_{setting.upper()}", value)
        found.append(vars(comet_ml.ExperimentConfig()))
    off, on = found
    assert {name for name in off if off[name] == on[name]} == {"_disabled", "name", "tags"}


@pytest.mark.slow
@pytest.mark.newest
def test_comet_s_list_of_messages_is_empty_once_all_have_arrived(laptop: CometServer) -> None:
    patches.apply()
    experiment = comet_ml.start(project_name="digits")
    experiment.log_metric("loss", 1)
    deadline = time.monotonic() + 30
    online = experiment.streamer.online_streamer
    experiment.streamer.terminate_timeout = 0
    while not sending.has_arrived(online) and time.monotonic() < deadline:
        experiment.flush()
    assert sending.has_arrived(online)
    laptop.faults.append(lambda request: (500, {}) if request.path.endswith("/metric") else None)
    experiment.log_metric("loss", 2)
    experiment.flush()
    assert not sending.has_arrived(online)
    experiment.end()


@pytest.mark.newest
def test_comet_s_upload_workers_are_those_that_python_joins_at_exit(laptop: CometServer) -> None:
    experiment = comet_ml.start(project_name="digits")
    workers = experiment.streamer.online_streamer._file_upload_manager._executor._executor._threads
    assert workers
    assert set(workers) <= set(concurrent.futures.thread._threads_queues)
    experiment.end()
