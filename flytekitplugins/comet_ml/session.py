"""A tracked call's session with Comet: login, start, end. It knows the SDK, and nothing of flytekit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, MutableMapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from . import sdk as comet
from .errors import ExperimentRefusedError, InvalidExperimentKeyError
from .log import logger
from .login import log_in, login_settings, server_settings
from .options import EXPERIMENT_CONFIG_ARGUMENTS, settings_of
from .redaction import SDKLogFilter, masked, spellings
from .settings import SettingsLayer, variable

Mode = Literal["online", "offline", "disabled"]

_COMMAND_LINE = "COMET_AUTO_LOG_CLI_ARGUMENTS"

_lock = threading.RLock()
_sessions: list[Session] = []


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """What a session is to do.

    Attributes:
        project_name: Comet project.
        workspace: Comet workspace.
        host: Address of the Comet service.
        experiment_key: The experiment's key; None lets Comet make one.
        credentials: Gives the API key when it is needed; None leaves it to the SDK to find one.
        remote: Whether the call runs in a pod.
        log_command_line: Whether the process's arguments may be logged as parameters: not those of Flyte's commands.
        source_file: File of the decorated function.
        start: Whether to start an experiment, or only log in.
        login_kwargs: The decorator's other keywords: settings, and arguments of `start` and `ExperimentConfig`.
        experiment_config: A `comet_ml.ExperimentConfig`, or a dict of its arguments.
        others: Others of the experiment.
        name: Name of the experiment, unless the user gave one.
        parameters: Gives the parameters to log, none of which contains one of the texts that it is called with.
    """

    project_name: str
    workspace: str
    host: str
    experiment_key: str | None = None
    credentials: Callable[[], str] | None = None
    remote: bool = False
    log_command_line: bool = True
    source_file: str | None = None
    start: bool = True
    login_kwargs: Mapping[str, Any] = field(default_factory=dict)
    experiment_config: Any = None
    others: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    parameters: Callable[[Collection[str]], Mapping[str, Any]] = lambda secrets: {}


class Session:
    """A context manager around the body of a tracked call.

    Entering logs in and starts the experiment, so that `comet_ml.get_running_experiment()` is it; leaving ends what
    began meanwhile, and puts the process back as it was. An experiment that was running before is set aside: neither
    joined, nor written to, nor ended.

    Attributes:
        experiment: The experiment that was started; None before, and without `start`.
        mode: Whether it is sent, written to an archive, or disabled.
    """

    def __init__(self, sdk: Any, environ: MutableMapping[str, str], plan: SessionPlan) -> None:
        self.experiment: Any = None
        self.mode: Mode = "online"
        self._sdk = sdk
        self._environ = environ
        self._plan = plan
        self._previous: Any = None
        self._secrets: frozenset[str] = frozenset()
        self._unreachable: BaseException | None = None
        self._logs_code: bool | None = None
        self._log_filter = SDKLogFilter()
        self._layer: SettingsLayer
        self._undo = ExitStack()

    def __enter__(self) -> Session:
        with _lock, ExitStack() as undo:
            self._set_aside(undo)
            self._log_filter.install()
            undo.callback(self._log_filter.remove)
            self._layer = SettingsLayer(self._environ)
            undo.callback(self._layer.remove)
            undo.callback(self._end)
            self._log_in()
            if self._plan.start:
                self._check_key()
                self._start()
                self._describe()
                self._announce()
            self._prepare_body(undo)
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._undo.close()

    # Who was there before

    def _set_aside(self, undo: ExitStack) -> None:
        self._previous = self._sdk.get_running_experiment()
        comet.set_running_experiment(self._sdk, None)
        _sessions.append(self)
        undo.callback(self._bring_back)

    def _bring_back(self) -> None:
        with _lock:
            _sessions.remove(self)
            # A session that began during this one, and goes on, has this one's experiment as the one before it.
            for session in _sessions:
                if session._previous is not None and session._previous is self.experiment:
                    session._previous = self._previous
            if not self._runs_elsewhere(self._sdk.get_running_experiment()):
                comet.set_running_experiment(self._sdk, self._previous)

    def _runs_elsewhere(self, experiment: Any) -> bool:
        others = [session.experiment for session in _sessions if session is not self]
        return experiment is not None and any(experiment is other for other in others)

    # Login

    def _log_in(self) -> None:
        plan = self._plan
        arguments: dict[str, Any] = {
            "project_name": plan.project_name,
            "workspace": plan.workspace,
            **({"experiment_key": plan.experiment_key} if plan.experiment_key else {}),
            **plan.login_kwargs,
        }
        self._layer.set(login_settings(arguments))
        if not plan.log_command_line and not self._environ.get(_COMMAND_LINE):
            self._layer.set({_COMMAND_LINE: "0"})
        comet.check_settings(self._sdk, settings_of(plan.login_kwargs))
        self.mode = self._requested_mode()
        if self.mode == "disabled":
            # A disabled experiment that has a key still asks the server about it.
            self._layer.set({"COMET_AUTO_LOG_DISABLE": "1", "COMET_EXPERIMENT_KEY": None})
        elif self.mode == "offline":
            self._layer.set({"COMET_START_ONLINE": "0"})
        else:
            if plan.credentials is not None:
                arguments["api_key"] = plan.credentials()
            api_key = arguments.get("api_key") or comet.setting(self._sdk, "comet.api_key")
            if isinstance(api_key, str):
                self._secrets = self._log_filter.secrets = spellings(api_key)
            self._layer.set(server_settings(self._sdk, plan.host, api_key, plan.login_kwargs, self._environ))
            comet.forget_clients(self._sdk)
            heard = log_in(self._sdk, arguments, self._layer, self._log_filter)
            for error in heard:
                self._raise_refusal(error)
                logger.debug("comet_ml.login logged %s", masked(repr(error), self._secrets))
            self._unreachable = next((error for error in heard if comet.is_unreachable(error)), None)
            if arguments.get("api_key"):
                # `login` leaves the key nowhere, and neither `start` nor child processes would find it.
                self._layer.set({variable("api_key"): arguments["api_key"]})

    def _requested_mode(self) -> Mode:
        plan, sdk = self._plan, self._sdk
        disabled = self._config_arguments().get("disabled")
        if disabled is None and plan.experiment_config is not None:
            disabled = getattr(plan.experiment_config, "disabled", None) or None
        if disabled if disabled is not None else comet.is_on(sdk, "comet.auto_log.disable"):
            return "disabled"
        online = plan.login_kwargs.get("online")
        if (online if online is not None else comet.is_on(sdk, "comet.start.online")) is False:
            return "offline"
        return "online"

    # Start

    def _check_key(self) -> None:
        key = self._plan.experiment_key
        if key is None or self.mode == "disabled":
            return
        if not self._sdk.is_valid_experiment_key(key) or not key.isascii():
            raise InvalidExperimentKeyError(
                f"comet_ml_login: Comet refuses experiment_key={key!r}: a key is 32 to 50 ASCII letters and digits; "
                f"this one has {len(key)} characters."
            )

    def _start(self) -> None:
        if self.mode == "online" and not self._plan.remote and not comet.setting(self._sdk, "comet.api_key"):
            self.mode = "offline"
            self._layer.set({"COMET_START_ONLINE": "0"})
        if self.mode != "online":
            self.experiment = self._started(online=False if self.mode == "offline" else None)
            return
        if self._unreachable is not None:
            self._start_unreachable(self._unreachable)
            return
        error: BaseException | None = None
        with self._log_filter.listening() as heard:
            try:
                self.experiment = self._started(online=True)
            except Exception as raised:
                error = raised
        # Outside of the handler: the SDK's exception can carry the API key, and must not become the context of ours.
        if error is not None or not self.experiment.alive:
            for cause in [*([error] if error else []), *heard]:
                self._raise_refusal(cause)
            if error is not None and not comet.is_outage(error):
                raise error
            self._start_unreachable(error or (heard[-1] if heard else None))

    def _start_unreachable(self, cause: BaseException | None) -> None:
        dead = self.experiment or self._sdk.get_running_experiment()
        if dead is not None:
            # It would be the running experiment, and so the next `start` would return it.
            dead.end()
            comet.set_running_experiment(self._sdk, None)
        self._unreachable = cause or ExperimentRefusedError("the experiment did not start")
        self.mode = "offline"
        self._layer.set({"COMET_START_ONLINE": "0"})
        self.experiment = self._started(online=False)
        logger.warning(
            "Comet at %s cannot be reached (%s): the experiment is written to an archive, %s.",
            self._server(),
            masked(f"{type(cause).__name__}: {cause}" if cause else "the experiment did not start", self._secrets),
            self._archive(),
        )

    def _started(self, *, online: bool | None) -> Any:
        plan = self._plan
        arguments = comet.start_arguments(self._sdk, workspace=plan.workspace, project_name=plan.project_name)
        if plan.experiment_key and self.mode != "disabled":
            arguments["experiment_key"] = plan.experiment_key
        if plan.login_kwargs.get("mode") is not None:
            arguments["mode"] = plan.login_kwargs["mode"]
        if online is False:
            arguments["online"] = False
        return self._sdk.start(**arguments, experiment_config=self._config())

    def _config_arguments(self) -> dict[str, Any]:
        """Arguments for `ExperimentConfig`: the decorator's keywords, and a dict that was given on top of them."""
        keywords = {
            name: value for name, value in self._plan.login_kwargs.items() if name in EXPERIMENT_CONFIG_ARGUMENTS
        }
        given = self._plan.experiment_config
        return {**keywords, **given} if isinstance(given, Mapping) else keywords

    def _config(self) -> Any:
        arguments = self._config_arguments()
        given = self._plan.experiment_config
        if given is not None and not isinstance(given, Mapping):
            # An ExperimentConfig is no dataclass: its attributes are its arguments, but for the one that is private.
            fields = {name: getattr(given, name) for name in EXPERIMENT_CONFIG_ARGUMENTS if hasattr(given, name)}
            arguments = {**arguments, **{name: value for name, value in fields.items() if value is not None}}
        if self.mode == "disabled":
            arguments["disabled"] = True
        config = self._sdk.ExperimentConfig(**arguments)
        # The SDK would log the file that calls `start`, and the command, as the experiment's code: this plugin's and
        # Flyte's. Where the function is in no file (a notebook), the SDK logs the notebook instead.
        self._logs_code = config.log_code
        if self._plan.source_file or self._plan.remote:
            config.log_code = False
        return config

    # What the experiment says

    def _describe(self) -> None:
        plan = self._plan
        try:
            resumed = comet.is_resumed(self.experiment)
            self.experiment.log_others(dict(plan.others))
            self.experiment.log_other("Created from", plan.login_kwargs.get("source") or "flyte")
            if plan.name and not resumed and not self._has_name():
                self.experiment.set_name(plan.name)
            if plan.source_file and (not resumed if self._logs_code is None else self._logs_code):
                self.experiment.set_filename(plan.source_file)
                self.experiment.log_code(file_name=plan.source_file)
            parameters = plan.parameters(self._secrets)
            if parameters:
                self.experiment.log_parameters(dict(parameters))
        except Exception as error:
            logger.warning(
                "What Flyte knows about this task could not be logged to its Comet experiment: %s",
                masked(f"{type(error).__name__}: {error}", self._secrets),
            )

    def _has_name(self) -> bool:
        given = self._plan.experiment_config
        return bool(
            self._config_arguments().get("name")
            or getattr(given, "name", None)
            or self._environ.get("COMET_START_EXPERIMENT_NAME")
            or self._environ.get("COMET_EXPERIMENT_NAME")
        )

    def _prepare_body(self, undo: ExitStack) -> None:
        """Let code in the body that opens an experiment of its own, and child processes, find this one."""
        # The SDK logs these to every experiment that is created, in whatever process, if it logs the environment.
        self._layer.set({f"COMET_LOG_OTHER_{name.upper()}": value for name, value in self._plan.others.items()})
        if self.experiment is not None and self.mode != "disabled":
            joins = undo.enter_context(comet.joining_constructor(self._sdk))
            self._layer.set({"COMET_EXPERIMENT_KEY": str(self.experiment.get_key()) if joins else None})

    def _announce(self) -> None:
        if self._unreachable is not None:
            return
        if self.mode == "online":
            logger.info("Comet experiment: %s", self.experiment.url)
        elif self.mode == "offline" and (self._plan.remote or comet.setting(self._sdk, "comet.api_key")):
            logger.info("Comet experiment, offline: %s", self._archive())
        elif self.mode == "offline":
            logger.info(
                "Comet experiment, offline for want of an API key: %s. To go online, set COMET_API_KEY or run `comet "
                "login`.",
                self._archive(),
            )

    def _archive(self) -> str:
        directory = getattr(self.experiment, "offline_directory", None) or "."
        return f"to send it, run `comet upload {directory}/{self.experiment.get_key()}*.zip`"

    def _server(self) -> str:
        override = comet.setting(self._sdk, "comet.url_override") or self._plan.host
        return str(override).removesuffix("/").removesuffix("/clientlib")

    def _raise_refusal(self, error: BaseException) -> None:
        plan = self._plan
        refused = comet.refusal(error, server=self._server(), workspace=plan.workspace, project_name=plan.project_name)
        if refused is not None:
            raise type(refused)(masked(str(refused), self._secrets)) from None

    # End

    def _end(self) -> None:
        running = self._sdk.get_running_experiment()
        for experiment in (running, self.experiment):
            if experiment is None or experiment is self._previous or self._runs_elsewhere(experiment):
                continue
            try:
                if not experiment.ended:
                    if experiment is not self.experiment:
                        self._claim(experiment)
                    experiment.end()
            except Exception as error:
                logger.warning(
                    "The Comet experiment %s did not end cleanly: %s",
                    experiment.get_key(),
                    masked(f"{type(error).__name__}: {error}", self._secrets),
                )

    def _claim(self, experiment: Any) -> None:
        """Say where an experiment that the body started comes from, and that it is another one than the task's."""
        try:
            experiment.get_other("flyte_task")
        except KeyError:
            # The SDK has not (see _prepare_body).
            experiment.log_others(dict(self._plan.others))
        if self.experiment is not None and experiment.get_key() != self.experiment.get_key():
            logger.warning(
                "The task started a Comet experiment of its own, %s, beside the one that was started for it, %s. To "
                "log to that one, use comet_ml.start() or comet_ml.get_running_experiment(); to start only your own, "
                "decorate with start=False.",
                experiment.get_key(),
                self.experiment.get_key(),
            )
