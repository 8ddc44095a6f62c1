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
from typing import Any

from ..option_kinds import (
    ANYTHING,
    API_KEY,
    BOOL,
    COUNT,
    LEVEL_SETTING,
    LIST_SETTING,
    NUMBER,
    NUMBER_LIST_SETTING,
    NUMBER_SETTING,
    PATH,
    TEXT,
    TEXT_SETTING,
    TEXTS,
    WHOLE_NUMBER,
    WHOLE_NUMBER_SETTING,
    YES_OR_NO_SETTING,
    ChoiceKind,
    Kind,
)
from ..web_address import SERVER_SETTING

LOGIN_ARGUMENTS: Mapping[str, Kind] = {"anonymous": BOOL, "directory": PATH.or_none, "force": BOOL.or_none}
"""Arguments of `comet_ml.login` itself; everything else that it takes is a setting."""

START_ARGUMENTS: Mapping[str, Kind] = {
    "mode": ChoiceKind(choices=("get_or_create", "get", "create"), optional=True),
    "online": BOOL.or_none,
    "source": TEXT.or_none,
}
"""Arguments of `comet_ml.start` that are not options of the decorator."""

EXPERIMENT_CONFIG_ARGUMENTS: Mapping[str, Kind] = {
    "auto_histogram_activation_logging": BOOL,
    "auto_histogram_epoch_rate": COUNT,
    "auto_histogram_gradient_logging": BOOL,
    "auto_histogram_tensorboard_logging": BOOL,
    "auto_histogram_weight_logging": BOOL,
    "auto_log_co2": BOOL,
    "auto_metric_logging": BOOL,
    "auto_metric_step_rate": COUNT,
    # Comet's annotation says a text, its documentation these.
    "auto_output_logging": ChoiceKind(choices=("default", "native", "simple", False), optional=True),
    "auto_param_logging": BOOL,
    "disabled": BOOL.or_none,
    "display_summary_level": WHOLE_NUMBER,
    "distributed_node_identifier": TEXT.or_none,
    "log_code": BOOL.or_none,
    "log_env_cpu": BOOL.or_none,
    "log_env_details": BOOL.or_none,
    "log_env_disk": BOOL.or_none,
    "log_env_gpu": BOOL.or_none,
    "log_env_host": BOOL.or_none,
    "log_env_network": BOOL.or_none,
    "log_git_metadata": BOOL.or_none,
    "log_git_patch": BOOL.or_none,
    "log_graph": BOOL.or_none,
    "name": TEXT.or_none,
    "offline_directory": PATH.or_none,
    "parse_args": BOOL.or_none,
    "tags": TEXTS.or_none,
}
"""Arguments of `comet_ml.ExperimentConfig`, the same from 3.43.2 to 3.58.8."""

COMMON_SETTINGS: Mapping[str, Kind] = {
    "api_key": API_KEY,
    "auto_log_co2": BOOL,
    "auto_log_code": YES_OR_NO_SETTING,
    "auto_log_disable": YES_OR_NO_SETTING,
    "disable_auto_logging": WHOLE_NUMBER_SETTING,
    "display_summary_level": WHOLE_NUMBER,
    "distributed_node_identifier": TEXT.or_none,
    "logging_console": LEVEL_SETTING,
    "logging_file": PATH.or_none,
    "logging_file_level": LEVEL_SETTING,
    "logging_file_overwrite": YES_OR_NO_SETTING,
    "offline_directory": PATH.or_none,
    "timeout_cleaning": WHOLE_NUMBER_SETTING,
    "timeout_upload": WHOLE_NUMBER_SETTING,
    "url_override": SERVER_SETTING,
}
"""Settings under which people know Comet; others are looked up in the SDK."""

KEYWORDS: Mapping[str, Kind] = {**COMMON_SETTINGS, **EXPERIMENT_CONFIG_ARGUMENTS, **START_ARGUMENTS, **LOGIN_ARGUMENTS}
"""Every keyword that is known without asking the SDK."""

NOT_SETTINGS = frozenset(KEYWORDS) - frozenset(COMMON_SETTINGS)
"""Keywords that have no environment variable."""

_ANNOTATIONS: Mapping[Any, Kind] = {
    bool: BOOL,
    int: WHOLE_NUMBER,
    float: NUMBER,
    str: TEXT,
    list[str]: TEXTS,
    typing.List[str]: TEXTS,  # noqa: UP006 - as the SDK writes it
}
_SETTING_TYPES: Mapping[Any, Kind] = {
    bool: YES_OR_NO_SETTING,
    int: WHOLE_NUMBER_SETTING,
    float: NUMBER_SETTING,
    str: TEXT_SETTING,
    list: LIST_SETTING,
    "int_list": NUMBER_LIST_SETTING,
}


def settings_of(login_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that are settings of the SDK, and so have an environment variable."""
    return {name: value for name, value in login_kwargs.items() if name not in NOT_SETTINGS}


def installed_keywords() -> dict[str, Kind]:
    """What the installed SDK takes: settings, and arguments of `ExperimentConfig`, `start` and `login`."""
    sdk = importlib.import_module("comet_ml")
    found = installed_settings()
    for function in (sdk.start, getattr(sdk, "login", sdk.init)):
        found |= _kinds_of(function)
    found.pop("settings", None)
    return {**found, **installed_config_arguments()}


def installed_config_arguments() -> dict[str, Kind]:
    """The arguments of the installed SDK's `ExperimentConfig`, by their annotations."""
    config_class = importlib.import_module("comet_ml").ExperimentConfig
    found = _kinds_of(config_class.__init__)
    del found["self"]
    return found


def installed_settings() -> dict[str, Kind]:
    """The settings of the installed SDK, by their types in its table."""
    config = importlib.import_module("comet_ml").get_config()
    table: Mapping[str, Any] = getattr(config, "config_map", {})
    return {
        key.removeprefix("comet.").replace(".", "_"): _SETTING_TYPES.get(table.get(key, {}).get("type"), ANYTHING)
        for key in list(config.keys())
    }


def _kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    parameters = inspect.signature(function).parameters
    return {name: _kind_of(parameter.annotation) for name, parameter in parameters.items()}


def _kind_of(annotation: Any) -> Kind:
    wanted = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
    if typing.get_origin(annotation) in (typing.Union, types.UnionType) and len(wanted) == 1:
        kind = _ANNOTATIONS.get(wanted[0])
        return ANYTHING if kind is None else kind.or_none
    return _ANNOTATIONS.get(annotation, ANYTHING)
