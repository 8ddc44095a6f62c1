"""The Comet SDK as the session sees it: one adapter, for the real SDK or for what a test has put in its place."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FunctionType, ModuleType
from typing import Any

from ..names import COMET_SERVICE
from . import constructors, fixed_settings, in_memory, patches, running_experiment
from .call import Call
from .protocols import Experiment, StoredExperiment
from .server_address import URL_OVERRIDE, api_address
from .stand_in import meant, stand_in, stands_in

_ON = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class CometSDK:
    """The Comet SDK.

    Attributes:
        is_real: Whether a login would be the SDK's own, and reach a server.
    """

    is_real = True

    def __init__(self, comet_ml: Any) -> None:
        self._comet_ml = comet_ml
        self._config: Any = None
        self._api: object = None

    @classmethod
    def of(cls, comet_ml: object) -> CometSDK:
        """The adapter for the `comet_ml` module, or for what a test has put in its place."""
        if type(comet_ml) is not ModuleType:
            return MockedSDK(comet_ml)
        sdk = cls(comet_ml)
        sdk.is_real = isinstance(sdk.login, FunctionType)
        return sdk

    @property
    def version(self) -> str:
        """The version of the SDK."""
        return str(self._comet_ml.__version__)

    @property
    def is_answered_here(self) -> bool:
        """Whether its requests are answered in this process, as under the fixture `comet`."""
        return in_memory.is_answering()

    # Settings

    def setting(self, name: str) -> Any:
        """A setting as the SDK itself would read it: environment, `.env`, configuration files, default.

        Args:
            name: Dotted name, such as ``comet.auto_log.disable``.

        Returns:
            The value; None where it is not set or this SDK has no such setting.
        """
        try:
            value = (self._config or self._comet_ml.get_config())[name]
        except (AttributeError, KeyError):
            return None
        return meant(value) if isinstance(value, str) else value

    @contextmanager
    def one_reading(self) -> Iterator[None]:
        """Look settings up in one reading of the configuration files while this runs; the SDK reads them each time."""
        outer, self._config = self._config, self._config or self._comet_ml.get_config()
        try:
            yield
        finally:
            self._config = outer

    def read_again(self) -> None:
        """Read the configuration files once more: a login can have written one."""
        if self._config is not None:
            self._config = self._comet_ml.get_config()

    def is_on(self, name: str, environ: Mapping[str, str]) -> bool | None:
        """A yes-or-no setting, or None where it is not set. An SDK without that setting has it from the environment."""
        text = environ.get(name.replace(".", "_").upper(), "").strip().lower()
        if text:
            return _ON.get(text)
        value = self.setting(name)
        return value if isinstance(value, bool) else None

    def named_server(self, environ: Mapping[str, str], *, directory: str | None = None) -> str | None:
        """The address of the Comet server that the environment or the SDK's configuration files name.

        Args:
            environ: The environment.
            directory: A directory whose files name none: anybody's code can have brought them there. A file that
                the environment itself names (`COMET_CONFIG`) counts wherever it is.

        Returns:
            What the SDK would use, in its own order; None where nothing names one.
        """
        given = environ.get(URL_OVERRIDE)
        if given and not stands_in(given):
            return given
        try:
            sources = (self._config or self._comet_ml.get_config()).manager.envs
        except AttributeError:
            return None
        for source in sources:
            path = os.path.realpath(getattr(source, "path", None) or os.sep)
            is_there = directory is not None and os.path.dirname(path) == os.path.realpath(directory)
            if is_there and path not in _chosen_files(environ):
                continue
            address = source.get("url_override", namespace=["comet"])
            if isinstance(address, str) and address.strip() and not stands_in(address):
                return address.strip()
        return None

    def embedded_server(self, api_key: object) -> str | None:
        """The address of the server that an API key carries (``KEY*base64``), if it does."""
        if not isinstance(api_key, str) or "*" not in api_key:
            return None
        try:
            parsed = importlib.import_module("comet_ml.api_key.comet_api_key").parse_api_key(api_key)
        except (ImportError, AttributeError, ValueError):
            return None
        return str(parsed.base_url) if parsed is not None and parsed.base_url else None

    def forget_clients(self) -> None:
        """Drop the REST clients that the SDK keeps by API key: they stay with the server of their time."""
        with suppress(AttributeError):
            self._comet_ml.api.get_instance.cache_clear()
        # Older SDKs keep no HTTP sessions of a thread.
        with suppress(AttributeError, ImportError):
            vars(importlib.import_module("comet_ml.connection.http_session").THREAD_SESSIONS).clear()

    # Experiments

    @property
    def login(self) -> Any:
        """`comet_ml.login`, or `comet_ml.init` on an SDK without it."""
        return self._comet_ml.login if hasattr(self._comet_ml, "login") else self._comet_ml.init

    def start_arguments(self, *, workspace: str, project_name: str) -> dict[str, object]:
        """Workspace and project under the names that this SDK's `start` has for them (``project`` in 3.43)."""
        parameters = constructors.parameters_of(self._comet_ml.start)
        named_project = "project" in parameters and "project_name" not in parameters
        return {"workspace": workspace, "project" if named_project else "project_name": project_name}

    def start(self, **arguments: object) -> Experiment | None:
        """`comet_ml.start`; a mocked one may have nothing to give."""
        experiment: Experiment | None = self._comet_ml.start(**arguments)
        return experiment

    def disabled_experiment(self) -> Experiment:
        """An experiment that takes every call and does nothing: no server is asked about its key."""
        experiment: Experiment = self._comet_ml.Experiment(disabled=True)
        return experiment

    def experiment_config(self, arguments: Mapping[str, object]) -> Any:
        """A `comet_ml.ExperimentConfig`."""
        return self._comet_ml.ExperimentConfig(**arguments)

    def is_valid_experiment_key(self, key: str) -> bool:
        """Whether Comet accepts a text as a key, as far as the SDK knows."""
        return bool(self._comet_ml.is_valid_experiment_key(key))

    def running(self) -> Experiment | None:
        """The running experiment of this context."""
        experiment: Experiment | None = self._comet_ml.get_running_experiment()
        return experiment

    def stored(self, key: str) -> StoredExperiment:
        """An experiment as the server has it.

        Args:
            key: Its key.
        """
        bound = {} if self._api is None else {"api": self._api}
        experiment: StoredExperiment = self._comet_ml.APIExperiment(previous_experiment=key, **bound)
        return experiment

    def client(self, api_key: str) -> Any:
        """A client of the server that the settings name, with this key: it stays with both."""
        return self._comet_ml.API(api_key=api_key, cache=False)

    def bind(self, client: object) -> None:
        """Ask about experiments by this client from now on, whatever the settings say later."""
        self._api = client

    # Calls

    def call(self) -> AbstractContextManager[Call]:
        """Give the context experiments of its own while the block runs, and put the patches in force."""
        patches.apply()
        return running_experiment.own_call(self._comet_ml)

    @contextmanager
    def answered_by(self, answer: in_memory.Answer, settings: Mapping[str, str], *, archives: str) -> Iterator[str]:
        """Answer the SDK's requests in this process while the block runs, with no experiment running at first.

        Args:
            answer: Gives status and content for a request.
            settings: What the SDK finds configured where the environment says nothing.
            archives: The directory for offline archives.

        Yields:
            The address at which processes that are started meanwhile get the same answers.
        """
        patches.apply()
        before = running_experiment.process_wide(self._comet_ml)
        self._comet_ml.config.set_global_experiment(None)
        self.forget_clients()
        try:
            with in_memory.answered_by(answer):
                server = stand_in(api_address(COMET_SERVICE))
                with fixed_settings.fixed({**settings, URL_OVERRIDE: server}, archives=archives):
                    yield server
                    left = self.running()
                    if left is not None and not left.ended:
                        left.end()
        finally:
            self._comet_ml.config.set_global_experiment(before)
            self.forget_clients()

    def can_join(self) -> bool:
        """Whether this SDK's `Experiment()` can continue an experiment that exists."""
        return constructors.can_join()


def _chosen_files(environ: Mapping[str, str]) -> Iterator[str]:
    """The configuration file that the environment names, itself or by its directory."""
    for name in ("COMET_INI", "COMET_CONFIG"):
        if environ.get(name):
            chosen = os.path.realpath(os.path.expanduser(environ[name]))
            yield from (chosen, os.path.join(chosen, ".comet.config"))


class MockedSDK(CometSDK):
    """What a test has put in the place of `comet_ml`: nothing in it is patched, and its environment alone counts."""

    is_real = False

    def setting(self, name: str) -> Any:
        """What the mock says."""
        try:
            return self._comet_ml.get_config(name)
        except (AttributeError, KeyError):
            return None

    @contextmanager
    def one_reading(self) -> Iterator[None]:
        """Nothing is read."""
        yield

    def read_again(self) -> None:
        """Nothing is read."""

    def is_on(self, name: str, environ: Mapping[str, str]) -> bool | None:
        """What the environment that the test gives says."""
        return _ON.get(environ.get(name.replace(".", "_").upper(), "").strip().lower())

    def named_server(self, environ: Mapping[str, str], *, directory: str | None = None) -> str | None:
        """What the environment that the test gives says."""
        return environ.get(URL_OVERRIDE)

    def call(self) -> AbstractContextManager[Call]:
        """Give the context experiments of its own while the block runs."""
        return running_experiment.own_call(self._comet_ml)

    def can_join(self) -> bool:
        """A mock joins nothing."""
        return False


def sdk_of_process() -> CometSDK:
    """The adapter for the installed SDK, for the commands."""
    return CometSDK.of(importlib.import_module("comet_ml"))
