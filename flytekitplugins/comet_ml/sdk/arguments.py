"""The keywords of `comet_ml_login` that are Comet's: what each is an argument of, and what it can be.

The tables hold what people use: for it, a decorator need not load the SDK, which takes a second. Whatever is not in
them is looked up in the installed SDK. A test compares the tables with it.
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import TypeVar

from .. import option_kinds as kinds
from ..web_address import SERVER_SETTING

_T = TypeVar("_T")

LOGIN_ARGUMENTS: Mapping[str, kinds.Kind] = {
    "anonymous": kinds.BOOL,
    "directory": kinds.PATH.or_none,
    "force": kinds.BOOL.or_none,
}
"""Arguments of `comet_ml.login` itself; everything else that it takes is a setting."""

START_ARGUMENTS: Mapping[str, kinds.Kind] = {
    "mode": kinds.ChoiceKind(choices=("get_or_create", "get", "create"), optional=True),
    "online": kinds.BOOL.or_none,
    "source": kinds.TEXT.or_none,
}
"""Arguments of `comet_ml.start` that are not options of the decorator."""

EXPERIMENT_CONFIG_ARGUMENTS: Mapping[str, kinds.Kind] = {
    "auto_histogram_activation_logging": kinds.BOOL,
    "auto_histogram_epoch_rate": kinds.COUNT,
    "auto_histogram_gradient_logging": kinds.BOOL,
    "auto_histogram_tensorboard_logging": kinds.BOOL,
    "auto_histogram_weight_logging": kinds.BOOL,
    "auto_log_co2": kinds.BOOL,
    "auto_metric_logging": kinds.BOOL,
    "auto_metric_step_rate": kinds.COUNT,
    # Comet's annotation says a text, its documentation these.
    "auto_output_logging": kinds.ChoiceKind(choices=("default", "native", "simple", False), optional=True),
    "auto_param_logging": kinds.BOOL,
    "disabled": kinds.BOOL.or_none,
    "display_summary_level": kinds.WHOLE_NUMBER,
    "distributed_node_identifier": kinds.TEXT.or_none,
    "log_code": kinds.BOOL.or_none,
    "log_env_cpu": kinds.BOOL.or_none,
    "log_env_details": kinds.BOOL.or_none,
    "log_env_disk": kinds.BOOL.or_none,
    "log_env_gpu": kinds.BOOL.or_none,
    "log_env_host": kinds.BOOL.or_none,
    "log_env_network": kinds.BOOL.or_none,
    "log_git_metadata": kinds.BOOL.or_none,
    "log_git_patch": kinds.BOOL.or_none,
    "log_graph": kinds.BOOL.or_none,
    "name": kinds.TEXT.or_none,
    "offline_directory": kinds.PATH.or_none,
    "parse_args": kinds.BOOL.or_none,
    "tags": kinds.TEXTS.or_none,
}
"""Arguments of `comet_ml.ExperimentConfig`, the same from 3.43.2 to 3.58.8."""

_SETTINGS_OF_ARGUMENTS: Mapping[str, str] = {
    "auto_histogram_activation_logging": "auto_log_histogram_activations",
    "auto_histogram_epoch_rate": "auto_log_histogram_epoch_rate",
    "auto_histogram_gradient_logging": "auto_log_histogram_gradients",
    "auto_histogram_tensorboard_logging": "auto_log_histogram_tensorboard",
    "auto_histogram_weight_logging": "auto_log_histogram_weights",
    "auto_log_co2": "auto_log_co2",
    "auto_metric_logging": "auto_log_metrics",
    "auto_metric_step_rate": "auto_log_metric_step_rate",
    "auto_output_logging": "auto_log_output_logger",
    "auto_param_logging": "auto_log_parameters",
    "display_summary_level": "display_summary_level",
    "distributed_node_identifier": "distributed_node_identifier",
    "offline_directory": "offline_directory",
    "parse_args": "auto_log_cli_arguments",
    **{name: f"auto_{name}" for name in EXPERIMENT_CONFIG_ARGUMENTS if name.startswith("log_")},
}
"""The setting by which each argument of `ExperimentConfig` holds for every experiment. The others are for one alone."""

COMMON_SETTINGS: Mapping[str, kinds.Kind] = {
    "api_key": kinds.API_KEY,
    "auto_log_co2": kinds.BOOL,
    "auto_log_code": kinds.YES_OR_NO_SETTING,
    "auto_log_disable": kinds.YES_OR_NO_SETTING,
    "disable_auto_logging": kinds.WHOLE_NUMBER_SETTING,
    "display_summary_level": kinds.WHOLE_NUMBER,
    "distributed_node_identifier": kinds.TEXT.or_none,
    "logging_console": kinds.LEVEL_SETTING,
    "logging_file": kinds.PATH.or_none,
    "logging_file_level": kinds.LEVEL_SETTING,
    "logging_file_overwrite": kinds.YES_OR_NO_SETTING,
    "offline_directory": kinds.PATH.or_none,
    "timeout_cleaning": kinds.WHOLE_NUMBER_SETTING,
    "timeout_upload": kinds.WHOLE_NUMBER_SETTING,
    "url_override": SERVER_SETTING,
}
"""Settings under which people know Comet; others are looked up in the SDK."""

KEYWORDS: Mapping[str, kinds.Kind] = {
    **COMMON_SETTINGS,
    **EXPERIMENT_CONFIG_ARGUMENTS,
    **START_ARGUMENTS,
    **LOGIN_ARGUMENTS,
}
"""Every keyword that is known without asking the SDK."""

NOT_SETTINGS = frozenset(KEYWORDS) - frozenset(COMMON_SETTINGS)
"""Keywords that have no environment variable."""

_ANNOTATIONS: Mapping[object, kinds.Kind] = {
    bool: kinds.BOOL,
    int: kinds.WHOLE_NUMBER,
    float: kinds.NUMBER,
    str: kinds.TEXT,
    list[str]: kinds.TEXTS,
    typing.List[str]: kinds.TEXTS,  # noqa: UP006 - as the SDK writes it
}
_SETTING_TYPES: Mapping[object, kinds.Kind] = {
    bool: kinds.YES_OR_NO_SETTING,
    int: kinds.WHOLE_NUMBER_SETTING,
    float: kinds.NUMBER_SETTING,
    str: kinds.TEXT_SETTING,
    list: kinds.LIST_SETTING,
    "int_list": kinds.NUMBER_LIST_SETTING,
}


def settings_of(login_kwargs: Mapping[str, _T]) -> dict[str, _T]:
    """The keywords that are settings of the SDK, and so have an environment variable."""
    return {name: value for name, value in login_kwargs.items() if name not in NOT_SETTINGS}


def settings_of_config(config_arguments: Mapping[str, object]) -> dict[str, object]:
    """The settings by which arguments of `ExperimentConfig` hold for every experiment that is opened."""
    given = {name: value for name, value in config_arguments.items() if name in _SETTINGS_OF_ARGUMENTS}
    if given.get("auto_output_logging") is False:
        # As a setting, it is the name of a logger, or empty.
        given["auto_output_logging"] = ""
    return {_SETTINGS_OF_ARGUMENTS[name]: value for name, value in given.items() if value is not None}


def installed_keywords() -> dict[str, kinds.Kind]:
    """What the installed SDK takes: settings, and arguments of `ExperimentConfig`, `start` and `login`."""
    sdk = importlib.import_module("comet_ml")
    found = installed_settings()
    for function in (sdk.start, getattr(sdk, "login", sdk.init)):
        found |= _kinds_of(function)
    found.pop("settings", None)
    return {**found, **installed_config_arguments()}


def installed_config_arguments() -> dict[str, kinds.Kind]:
    """The arguments of the installed SDK's `ExperimentConfig`, by their annotations."""
    config_class = importlib.import_module("comet_ml").ExperimentConfig
    found = _kinds_of(config_class.__init__)
    del found["self"]
    return found


def installed_settings() -> dict[str, kinds.Kind]:
    """The settings of the installed SDK, by their types in its table."""
    table: Mapping[str, Mapping[str, object]] = importlib.import_module("comet_ml").get_config().config_map
    return {
        key.removeprefix("comet.").replace(".", "_"): _SETTING_TYPES.get(setting.get("type"), kinds.ANYTHING)
        for key, setting in table.items()
    }


def _kinds_of(function: Callable[..., object]) -> dict[str, kinds.Kind]:
    parameters = inspect.signature(function).parameters
    return {name: _kind_of(parameter.annotation) for name, parameter in parameters.items()}


def _kind_of(annotation: object) -> kinds.Kind:
    wanted = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType) and len(wanted) == 1:
        kind = _ANNOTATIONS.get(wanted[0])
        return kinds.ANYTHING if kind is None else kind.or_none
    return _ANNOTATIONS.get(annotation, kinds.ANYTHING)
