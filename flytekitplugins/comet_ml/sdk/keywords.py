"""The keywords of `comet_ml_login` that are Comet's, and what each of them is an argument of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOGIN_ARGUMENTS = frozenset({"anonymous", "directory", "force"})
"""Arguments of `comet_ml.login` itself; everything else that it takes is a setting."""

START_ARGUMENTS = frozenset({"mode", "online", "source"})
"""Arguments of `comet_ml.start` that are not options of the decorator."""

EXPERIMENT_CONFIG_ARGUMENTS = frozenset(
    {
        "auto_histogram_activation_logging",
        "auto_histogram_epoch_rate",
        "auto_histogram_gradient_logging",
        "auto_histogram_tensorboard_logging",
        "auto_histogram_weight_logging",
        "auto_log_co2",
        "auto_metric_logging",
        "auto_metric_step_rate",
        "auto_output_logging",
        "auto_param_logging",
        "disabled",
        "display_summary_level",
        "distributed_node_identifier",
        "log_code",
        "log_env_cpu",
        "log_env_details",
        "log_env_disk",
        "log_env_gpu",
        "log_env_host",
        "log_env_network",
        "log_git_metadata",
        "log_git_patch",
        "log_graph",
        "name",
        "offline_directory",
        "parse_args",
        "tags",
    }
)
"""Arguments of `comet_ml.ExperimentConfig`, the same from 3.43.2 to 3.58.8."""

COMMON_SETTINGS = frozenset(
    {
        "api_key",
        "auto_log_co2",
        "auto_log_code",
        "auto_log_disable",
        "disable_auto_logging",
        "display_summary_level",
        "distributed_node_identifier",
        "logging_console",
        "logging_file",
        "logging_file_level",
        "logging_file_overwrite",
        "offline_directory",
        "timeout_cleaning",
        "timeout_upload",
        "url_override",
    }
)
"""Settings under which people know Comet; others are looked up in the SDK."""

NOT_SETTINGS = (LOGIN_ARGUMENTS | START_ARGUMENTS | EXPERIMENT_CONFIG_ARGUMENTS) - COMMON_SETTINGS
"""Keywords that have no environment variable."""


def settings_of(login_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords that are settings of the SDK, and so have an environment variable."""
    return {name: value for name, value in login_kwargs.items() if name not in NOT_SETTINGS}
