"""Opening a session's experiment: settings in force, key and server found, login, start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..credentials import checked_api_key
from ..link import CometLink
from ..log import logger
from ..sdk import http
from ..sdk.call import Fallback
from ..sdk.experiments import is_offline, is_resumed, silence_state
from ..sdk.patience import SHORT_TIMEOUTS, be_patient
from ..sdk.protocols import Experiment
from ..sdk.settings import EXPERIMENT_KEY, variable
from .client import EndClient
from .describe import describe
from .in_test import would_send_unasked
from .life_cycle import Deadline
from .login import log_in
from .plan import Mode
from .server import COMET_HOSTS, login_settings, server_of, server_settings
from .shared import SETTINGS_OF_MODES, Part, Shared
from .start import SECONDS_TO_START, Starter
from .whereabouts import announce

_COMMAND_LINE = "COMET_AUTO_LOG_CLI_ARGUMENTS"


class Opening(Part):
    """Opens the experiment that a plan asks for.

    Attributes:
        experiment: The experiment that was started; None before, and without `start`.
        mode: Whether it is sent, written to an archive, or disabled.
        cause: Why an experiment that should be sent is written to an archive; None if it need not be.
        server_elsewhere: The address of the server, where it is not Comet's own.
    """

    def __init__(self, shared: Shared) -> None:
        self.experiment: Experiment | None = None
        self.mode: Mode = "online"
        self.cause: BaseException | None = None
        self.server_elsewhere: str | None = None
        self._is_away = False
        self._client = EndClient(shared)
        super().__init__(shared)

    def open(self) -> None:
        """Put the settings in force, log in and start, as far as the mode needs it."""
        deadline = Deadline(SECONDS_TO_START)
        with self._impatient():
            starter = self._opened()
        self._call.own = self.experiment
        self._bind(deadline)
        if self.experiment is not None:
            self._describe(self.experiment, starter)

    def fallback(self) -> Fallback | None:
        """What is done about experiments that the body opens, if Comet is away; None leaves it to the SDK."""
        if self._plan.on_unavailable == "raise" or not self._sdk.is_real:
            return None
        return Fallback(self._is_away, self._trying, self._be_patient, self.shared.masked)

    @contextmanager
    def _impatient(self) -> Iterator[None]:
        impatient = {name: value for name, value in SHORT_TIMEOUTS.items() if name not in self._environ}
        self._layer.set(impatient)
        try:
            yield
        finally:
            for name in impatient:
                self._layer.forget(name)

    @contextmanager
    def _trying(self) -> Iterator[list[BaseException]]:
        with self._impatient(), self._log_filter.listening() as heard:
            yield heard

    def _opened(self) -> Starter:
        plan = self._plan
        arguments = self._put_settings_in_force()
        if self.mode == "online":
            self._find_key_and_server(arguments)
        wants_check = self.mode == "online" and self._wants_check(arguments)

        def check() -> list[BaseException]:
            heard = log_in(self.shared, arguments)
            if arguments.get("api_key"):
                # `login` leaves the key nowhere, and neither `start` nor child processes would find it.
                self._layer.set({variable("api_key"): str(arguments["api_key"])})
            return heard

        if self.mode == "online" and not plan.remote and not self._has_key(arguments):
            if wants_check:
                # Somebody may be asked for a key, and then has one.
                check()
                self._sdk.read_again()
                wants_check = False
            if plan.start and not self._has_key(arguments):
                self.mode = "offline"
        starter = Starter(self.shared, self.mode)
        api_key = arguments.get("api_key") or self._environ.get(variable("api_key")) or self._configured_key()
        self.experiment = starter.start(check if wants_check else None, lambda: self._client.begin(api_key))
        self.mode, self.cause = starter.mode, starter.cause
        self._is_away = starter.is_away or self.mode == "offline"
        return starter

    def url_of(self, experiment: Experiment) -> str:
        """The address that an experiment will have in Comet."""
        plan = self._plan
        project_name, workspace = experiment.project_name or plan.project_name, experiment.workspace or plan.workspace
        host = self.server_elsewhere or plan.host
        return CometLink(project_name, workspace, host).url(experiment.get_key())

    def _put_settings_in_force(self) -> dict[str, object]:
        plan, arguments = self._plan, self._plan.login_arguments()
        self._layer.set(login_settings(arguments))
        before = self._call.before
        if before is not None and self._environ.get(EXPERIMENT_KEY) == before.get_key():
            # The key of the experiment that is set aside.
            self._layer.set({EXPERIMENT_KEY: None})
        if not plan.log_command_line and not self._environ.get(_COMMAND_LINE):
            self._layer.set({_COMMAND_LINE: "0"})
        self.mode = self._requested_mode()
        self._layer.set(SETTINGS_OF_MODES[self.mode])
        self._protect(self._configured_key())
        return arguments

    def _find_key_and_server(self, arguments: dict[str, object]) -> None:
        api_key = self._configured_key()
        if self._plan.credentials is not None:
            api_key = arguments["api_key"] = self._plan.credentials()
            self._protect(api_key)
        elif isinstance(api_key, str) and not self._plan.login_kwargs.get("api_key"):
            api_key = self._checked(api_key)
        self._layer.set(server_settings(self._sdk, self._plan, api_key, self._environ))
        self._sdk.forget_clients()

    def _checked(self, api_key: str) -> str:
        """A key that the SDK has found itself, refused before a request has it in a header if it can be none."""
        checked = checked_api_key(api_key, f"{variable('api_key')}, or the api_key of a .comet.config,")
        if self._environ.get(variable("api_key"), checked) != checked:
            # The SDK takes blanks and quotes off in some places, and in others not.
            self._layer.set({variable("api_key"): checked})
        return checked

    def _configured_key(self) -> object:
        return self._plan.login_kwargs.get("api_key") or self._sdk.setting("comet.api_key")

    def _has_key(self, arguments: dict[str, object]) -> bool:
        return bool(arguments.get("api_key") or self._configured_key())

    def _wants_check(self, arguments: dict[str, object]) -> bool:
        """Whether there is something to check; without a key, the SDK would stop in a notebook and ask for one."""
        asked_for = self._plan.login_kwargs.get("force") or self._plan.login_kwargs.get("anonymous")
        return bool(self._has_key(arguments) or asked_for or not self._sdk.is_real)

    def _protect(self, api_key: object) -> None:
        """Keep a key out of the log and the experiment's data."""
        if isinstance(api_key, str):
            self._log_filter.protect(api_key)

    def _requested_mode(self) -> Mode:
        if not self._plan.primary and self._plan.rank is None:
            return "disabled"
        disabled = self._plan.config_arguments().get("disabled")
        if disabled if disabled is not None else self._sdk.is_on("comet.auto_log.disable", self._environ):
            return "disabled"
        online = self._plan.login_kwargs.get("online")
        if (online if online is not None else self._sdk.is_on("comet.start.online", self._environ)) is False:
            return "offline"
        if would_send_unasked(self._sdk, self._plan, self._environ):
            logger.info(
                "This task is not tracked: it runs in pytest, and only a file has a Comet API key. To track it, set "
                "COMET_API_KEY in the environment; to look at what it logs, use the fixture `comet`."
            )
            return "disabled"
        return "online"

    def _bind(self, deadline: Deadline) -> None:
        """Note server and key: the end uses these, and not what the body has left in the environment."""
        server = server_of(self._sdk, self._plan.host)
        if urlsplit(server).hostname not in COMET_HOSTS:
            self.server_elsewhere = server
            http.keep_reports_home()
        if self.mode == "online":
            with self.shared.guarded("The end asks the server that the settings name then"):
                client = self._client.take(deadline.left)
                if client is not None:
                    self._be_patient(client)
                    self._sdk.bind(client)

    def _describe(self, experiment: Experiment, starter: Starter) -> None:
        created = self.mode == "online" and not is_resumed(experiment)
        if self._plan.primary or created:
            # The rank that comes first, whichever it is, names it.
            describe(experiment, starter)
        if self._plan.primary and not self._plan.nested and starter.cause is None:
            announce(self.shared, experiment, starter.mode)
        if self._plan.nested or not self._plan.primary:
            silence_state(experiment)
        if self.mode == "online":
            self._be_patient(experiment)

    def _be_patient(self, owner: object) -> None:
        """Have an experiment, or the client for the end, wait as long as the settings say from now on."""
        if is_offline(owner) or not self._sdk.is_real:
            return
        with self._sdk.one_reading(), self.shared.guarded("Comet's timeouts stay short"):
            timeouts = {kind: float(self._sdk.setting(f"comet.timeout.{kind}")) for kind in ("http", "api")}
            retries, factor = (self._sdk.setting(f"comet.http_session.retry_{n}") for n in ("total", "backoff_factor"))
            be_patient(owner, timeouts, int(retries or 0), float(factor or 0))
