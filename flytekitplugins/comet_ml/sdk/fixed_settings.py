"""Settings that a test cannot lose: the SDK finds them whatever becomes of the environment, and none of the user's."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def fixed(settings: Mapping[str, str], *, archives: str) -> Iterator[None]:
    """Give the SDK settings where the environment has none, and none of the user's files, while the block runs.

    Args:
        settings: Variables and their values. The one file that counts is that of `COMET_CONFIG`, where a login saves.
        archives: The directory that every offline archive is written to, whatever is asked for.
    """
    comet_ml = importlib.import_module("comet_ml")
    module: Any = importlib.import_module(type(comet_ml.get_config()).__module__)
    offline: Any = comet_ml.OfflineExperiment
    make, directory = module.ConfigManager, offline._get_offline_data_dir_path

    def manager(sources: Sequence[Any], **arguments: object) -> object:
        # What the server says is the last of them.
        environment, *files, told = sources
        saved = [file for file in files if getattr(file, "path", None) == settings["COMET_CONFIG"]]
        return make([environment, type(told)(dict(settings)), *saved, told], **arguments)

    module.ConfigManager = manager
    offline._get_offline_data_dir_path = lambda experiment, asked_for: (archives, False)
    try:
        yield
    finally:
        module.ConfigManager, offline._get_offline_data_dir_path = make, directory
