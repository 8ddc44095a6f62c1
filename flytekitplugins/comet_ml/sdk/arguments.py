"""The names that the installed SDK takes as arguments and settings."""

from __future__ import annotations

import importlib
import inspect


def known_arguments() -> frozenset[str]:
    """Every name that the installed SDK takes: settings, and arguments of `ExperimentConfig`, `start` and `login`."""
    sdk = importlib.import_module("comet_ml")
    names = {key.removeprefix("comet.").replace(".", "_") for key in list(sdk.get_config().keys())}
    for function in (sdk.start, getattr(sdk, "login", sdk.init)):
        names.update(inspect.signature(function).parameters)
    return experiment_config_arguments() | names - {"settings"}


def experiment_config_arguments() -> frozenset[str]:
    """The arguments of the installed SDK's `ExperimentConfig`."""
    config_class = importlib.import_module("comet_ml").ExperimentConfig
    return frozenset(inspect.signature(config_class.__init__).parameters) - {"self"}
