"""Starting the experiment of a session, and telling it what Flyte knows."""

from __future__ import annotations

import tempfile
from typing import Any

from .. import sdk as comet
from ..archives.store import upload_command
from ..errors import CometTrackingError, InvalidExperimentKeyError, ServerUnavailableError
from ..log import logger
from ..sdk import refusals
from ..sdk.ahead import send_ahead
from ..sdk.redaction import SDKLogFilter, masked
from ..sdk.settings import SettingsLayer
from .plan import Mode, SessionPlan


class Starter:
    """Starts the experiment that a plan asks for.

    Attributes:
        mode: Whether the experiment is sent, written to an archive, or disabled; as asked for until it is started.
        cause: Why an experiment that should be sent is written to an archive; None if it need not be.
    """

    def __init__(self, sdk: Any, plan: SessionPlan, mode: Mode, layer: SettingsLayer, log_filter: SDKLogFilter) -> None:
        self.mode = mode
        self.cause: BaseException | None = None
        self._sdk = sdk
        self._plan = plan
        self._layer = layer
        self._log_filter = log_filter
        self._logs_code: bool | None = None
        self._directory: str | None = None

    def start(self, unreachable: BaseException | None = None) -> Any:
        """Start it.

        Args:
            unreachable: What `login` had to say of a server that cannot be reached: it is not asked again.

        Raises:
            InvalidExperimentKeyError: If Comet would refuse the key; nothing is posted then.
            APIKeyRejectedError: If the server does not accept the API key.
            WorkspaceAccessError: If the key may not write to the workspace.
            ExperimentRefusedError: If the server refuses the experiment for another reason.
            ServerUnavailableError: If the server cannot be reached, and the plan says that this is an error.
        """
        self._check_key()
        if self.mode == "online" and not self._plan.remote and not comet.setting(self._sdk, "comet.api_key"):
            self.mode = "offline"
        if self.mode == "offline":
            return self._started_offline()
        if self.mode == "disabled":
            return self._started()
        if unreachable is not None:
            return self._unavailable(unreachable)
        error: Exception | None = None
        with self._log_filter.listening() as heard:
            try:
                experiment = self._started()
                # A mocked SDK may have nothing to give.
                if experiment is None or experiment.alive:
                    for reported in heard:
                        logger.debug("comet_ml.start logged %s", masked(repr(reported), self._log_filter.secrets))
                    return experiment
            except Exception as raised:
                error = raised
        # Outside of the handler: the SDK's exception can carry the API key, and must not become the context of ours.
        for cause in [error, *heard]:
            if cause is not None:
                raise_refusal(self._sdk, self._plan, cause, self._log_filter)
        if error is not None and not refusals.is_outage(error):
            raise error
        dead = self._sdk.get_running_experiment()
        if dead is not None:
            # The next `start` would return it.
            dead.end()
        return self._unavailable(error or (heard[-1] if heard else RuntimeError("the experiment did not start")))

    def _check_key(self) -> None:
        key = self._plan.experiment_key
        if key is None or self.mode == "disabled":
            return
        if not self._sdk.is_valid_experiment_key(key) or not key.isascii():
            raise InvalidExperimentKeyError(
                f"comet_ml_login: Comet refuses experiment_key={key!r}: a key is 32 to 50 ASCII letters and digits; "
                f"this one has {len(key)} characters."
            )

    def _unavailable(self, cause: BaseException) -> Any:
        server = server_of(self._sdk, self._plan)
        text = masked(refusals.described(cause), self._log_filter.secrets)
        if self._plan.on_unavailable == "raise":
            raise ServerUnavailableError(
                f"Comet at {server} cannot be reached ({text}), and on_unavailable is 'raise'. With 'offline' the task "
                "runs, and its experiment is written to an archive."
            ) from None
        self.mode, self.cause = "offline", cause
        experiment = self._started_offline()
        if self.mode == "offline":
            logger.warning(
                "Comet at %s cannot be reached (%s): the experiment is written to an archive; %s.",
                server,
                text,
                self._where_the_archive_goes(experiment),
            )
        return experiment

    def _started_offline(self) -> Any:
        """Start an offline experiment, in another directory if need be; a disabled one where no disk takes it."""
        self._layer.set({"COMET_START_ONLINE": "0"})
        problem: Exception | None = None
        for elsewhere in (False, True):
            try:
                if elsewhere:
                    self._directory = tempfile.mkdtemp(prefix="comet-offline-")
                return self._started()
            except Exception as error:
                if not refusals.is_disk_trouble(error):
                    raise
                problem = error
        logger.warning("This task has no Comet experiment: its archive cannot be written (%s).", problem)
        self.mode = "disabled"
        self._layer.set({"COMET_AUTO_LOG_DISABLE": "1", "COMET_EXPERIMENT_KEY": None})
        return self._started()

    def _where_the_archive_goes(self, experiment: Any) -> str:
        if self._plan.store_archive is not None:
            return "it is stored with the task's data when the task ends"
        directory = getattr(experiment, "offline_directory", None) or "."
        return f"to send it, run `{upload_command(f'{directory}/{experiment.get_key()}*.zip')}`"

    def _started(self) -> Any:
        plan = self._plan
        if self.mode == "disabled":
            # `start` would ask the server about a key, which can stand in a file as well.
            return self._sdk.Experiment(disabled=True)
        arguments = comet.start_arguments(self._sdk, workspace=plan.workspace, project_name=plan.project_name)
        if plan.experiment_key:
            arguments["experiment_key"] = plan.experiment_key
        if plan.login_kwargs.get("mode") is not None:
            arguments["mode"] = plan.login_kwargs["mode"]
        arguments["online"] = self.mode == "online"
        experiment = self._sdk.start(**arguments, experiment_config=self._config())
        if "disable_auto_logging" in plan.login_kwargs and comet.setting(self._sdk, "comet.disable_auto_logging"):
            # The SDK reads this setting when it is imported, and not again.
            experiment.disable_mp()
        return experiment

    def _config(self) -> Any:
        config = self._sdk.ExperimentConfig(**self._plan.config_arguments())
        if self._directory is not None:
            config.offline_directory = self._directory
        # The SDK would log the file that calls `start`, and the command, as the experiment's code: this plugin's and
        # Flyte's. Where the function is in no file (a notebook), the SDK logs the notebook instead.
        self._logs_code = getattr(config, "log_code", None)
        if self._plan.source_file or self._plan.remote:
            config.log_code = False
        return config

    def describe(self, experiment: Any) -> None:
        """Log what Flyte knows: Others, name, source and inputs. No failure of it fails the task."""
        plan = self._plan
        try:
            resumed = comet.is_resumed(experiment)
            others = {**plan.others, "Created from": plan.login_kwargs.get("source") or "flyte"}
            name = plan.name if not resumed and not self._has_name() else None
            if self.mode == "online":
                send_ahead(experiment, {**others, **({"Name": name} if name else {})})
            experiment.log_others(others)
            if name:
                experiment.set_name(name)
            if plan.source_file and (not resumed if self._logs_code is None else self._logs_code):
                experiment.set_filename(plan.source_file)
                experiment.log_code(file_name=plan.source_file)
            parameters = plan.parameters(self._log_filter.secrets)
            if parameters:
                experiment.log_parameters(dict(parameters))
        except Exception as error:
            logger.warning(
                "What Flyte knows about this task could not be logged to its Comet experiment: %s",
                masked(f"{type(error).__name__}: {error}", self._log_filter.secrets),
            )

    def _has_name(self) -> bool:
        named = [comet.setting(self._sdk, name) for name in ("comet.start.experiment_name", "comet.experiment_name")]
        named += [self._plan.config_arguments().get("name"), self._layer.environ.get("COMET_START_EXPERIMENT_NAME")]
        return any(isinstance(name, str) and name for name in named)

    def announce(self, experiment: Any) -> None:
        """Say in the log where the experiment is, in one line."""
        if self.mode == "online":
            logger.info("Comet experiment: %s", experiment.url)
        elif self.mode == "offline" and self.cause is None:
            asked_for = self._plan.remote or comet.setting(self._sdk, "comet.api_key")
            logger.info(
                "Comet experiment, offline%s; %s.%s",
                "" if asked_for else " for want of an API key",
                self._where_the_archive_goes(experiment),
                "" if asked_for else " To go online, set COMET_API_KEY or run `comet login`.",
            )


def server_of(sdk: Any, plan: SessionPlan) -> str:
    """Address of the server that the SDK talks to."""
    override = comet.setting(sdk, "comet.url_override") or plan.host
    return str(override).removesuffix("/").removesuffix("/clientlib")


def raise_refusal(sdk: Any, plan: SessionPlan, error: BaseException, log_filter: SDKLogFilter) -> None:
    """Raise the error that stands for an exception of the SDK, if the server refused something by it.

    Raises:
        CometTrackingError: A subclass that says what was refused, without the API key.
    """
    refused: CometTrackingError | None = refusals.refusal(
        error, server=server_of(sdk, plan), workspace=plan.workspace, project_name=plan.project_name
    )
    if refused is not None:
        raise type(refused)(masked(str(refused), log_filter.secrets)) from None
