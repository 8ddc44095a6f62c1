"""The fixture `comet`: the real SDK, with Comet's service in the memory of the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from ..archives.archive import read_archive
from ..archives.store import DIRECTORY_SETTING
from ..errors import ArchiveError
from ..names import crashed
from ..sdk import upload
from ..sdk.comet_sdk import sdk_of_process
from ..sdk.server_address import URL_OVERRIDE
from .experiment import Experiment, Metric
from .service import Service

__all__ = ["Comet", "Experiment", "Metric", "comet_in_memory"]

_API_KEY = "key-of-the-fixture-comet"

_ENVIRONMENT = {
    "COMET_API_KEY": _API_KEY,
    "COMET_AUTO_LOG_DISABLE": "0",
    "COMET_START_ONLINE": "1",
    # Files arrive in the order in which they were logged.
    "COMET_INTERNAL_WORKER_COUNT": "1",
    # What is of this machine or of pytest: it takes time, and is in the way of what is compared.
    "COMET_AUTO_LOG_CLI_ARGUMENTS": "0",
    "COMET_AUTO_LOG_ENV_DETAILS": "0",
    "COMET_AUTO_LOG_GIT_METADATA": "0",
    "COMET_AUTO_LOG_GIT_PATCH": "0",
}

_KEPT = "COMET_LOGGING_"
"""Settings that the user has for the SDK's log stay."""


class Comet:
    """What the fixture `comet` gives."""

    def __init__(self, service: Service, archives: Path) -> None:
        self._service = service
        self._archives = archives
        self._read: set[Path] = set()

    @property
    def experiments(self) -> list[Experiment]:
        """The experiments, in the order in which they were started; the offline ones come when they have ended."""
        for archive in sorted(set(self._archives.glob("*.zip")) - self._read, key=lambda path: path.stat().st_mtime):
            with suppress(ArchiveError):
                # It is empty while its experiment runs.
                self._take_in(archive)
                self._read.add(archive)
        return list(self._service.experiments.values())

    def _take_in(self, path: Path) -> None:
        archive = read_archive(path)
        with upload.hearing_of_losses(()):
            upload.send(path, api_key=_API_KEY, workspace=archive.workspace, project_name=archive.project_name)
        if crashed(archive.status):
            self._service.experiments[archive.key].state = "crashed"


@contextmanager
def comet_in_memory(
    set_variable: Callable[[str, str], object], unset_variable: Callable[[str], object], directory: Path
) -> Iterator[Comet]:
    """Have the SDK talk to this process, and to nobody else, while the block runs.

    Args:
        set_variable: Sets an environment variable, until the test has ended.
        unset_variable: Takes one away, likewise.
        directory: A directory for archives of experiments that are offline, which need not exist.
    """
    for name in [name for name in os.environ if name.startswith("COMET_") and not name.startswith(_KEPT)]:
        unset_variable(name)
    # There is no file at this place until a login saves one.
    places = {"COMET_CONFIG": str(directory / "comet.config"), DIRECTORY_SETTING: str(directory)}
    settings = {**_ENVIRONMENT, **places}
    for name, value in settings.items():
        set_variable(name, value)
    service = Service()
    with sdk_of_process().answered_by(service.answer, settings, archives=str(directory)) as server:
        # For processes that the test starts. Their way to this one leads by no proxy.
        set_variable(URL_OVERRIDE, server)
        for name in ("no_proxy", "NO_PROXY"):
            set_variable(name, f"{os.environ.get(name, '')},{urlsplit(server).hostname}".lstrip(","))
        yield Comet(service, directory)
