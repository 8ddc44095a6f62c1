"""What a session with Comet is to do, and who is told of it: all that the decorator and Flyte have to say."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ..inputs.report import InputReport, OutputReport
from ..names import Status
from ..sdk.arguments import EXPERIMENT_CONFIG_ARGUMENTS
from ..sdk.experiments import arguments_of_config
from ..sdk.protocols import Experiment

Mode = Literal["online", "offline", "disabled"]
"""Whether an experiment is sent, written to an archive, or takes every call and does nothing."""


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
        source_files: Gives the other files of its package, by the names that they have there.
        start: Whether to start an experiment, or only log in.
        login_kwargs: The decorator's other keywords: settings, and arguments of `start` and `ExperimentConfig`.
        experiment_config: A `comet_ml.ExperimentConfig`, or a dict of its arguments.
        others: Others of the experiment.
        name: Name of the experiment, unless the user gave one.
        rank: Name of this process among those of a distributed task that all join the experiment; None if it is alone.
        run: What the ranks that join the experiment have in common, and those of an earlier run have not.
        on_unavailable: What to do when the server cannot be reached: write an offline archive, or raise.
        end_timeout: Seconds that the end may take.
        grace_period: Seconds between SIGTERM and SIGKILL.
        store_archive: Puts an offline archive to where it outlives the pod, and returns the address; None where
            archives stay where they are written.
        primary: Whether this process speaks for the experiment. Another one is silent, or, with a `rank`, only adds to
            it what the body logs.
        mark: What tells this node from the others that share the experiment; None if it has one of its own.
        nested: Whether the call is made in another one with the same experiment. That one says how the task ended.
        inputs: Gives what to log of the inputs. It is called with the texts that must not be in that.
        outputs: Gives what to log of what the task returned, likewise; None if nothing of it is logged.
        earlier_experiments: Keys of the earlier attempts' experiments by attempt, newest first.
        observer: Is told of the session's experiments; None where nobody wants to know.
    """

    project_name: str
    workspace: str
    host: str
    experiment_key: str | None = None
    # Both can have the API key in them.
    credentials: Callable[[], str] | None = field(default=None, repr=False)
    login_kwargs: Mapping[str, object] = field(default_factory=dict, repr=False)
    remote: bool = False
    log_command_line: bool = True
    source_file: str | None = None
    source_files: Callable[[], Mapping[str, str]] = dict
    start: bool = True
    experiment_config: object = None
    others: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    rank: str | None = None
    run: str | None = None
    on_unavailable: Literal["offline", "raise"] = "offline"
    end_timeout: float = 60.0
    grace_period: float = 30.0
    store_archive: Callable[[str], str] | None = None
    primary: bool = True
    mark: str | None = None
    nested: bool = False
    inputs: Callable[[Collection[str]], InputReport] = lambda secrets: InputReport()
    outputs: Callable[[object, Collection[str]], OutputReport] | None = None
    earlier_experiments: Mapping[str, str] = field(default_factory=dict)
    observer: Observer | None = None

    def login_arguments(self) -> dict[str, object]:
        """Arguments of `comet_ml.login`, but for the API key."""
        return {
            "project_name": self.project_name,
            "workspace": self.workspace,
            **({"experiment_key": self.experiment_key} if self.experiment_key else {}),
            **self.login_kwargs,
        }

    def config_arguments(self) -> dict[str, object]:
        """Arguments of `ExperimentConfig`: the decorator's keywords, and its `experiment_config` on top of them."""
        keywords = {name: value for name, value in self.login_kwargs.items() if name in EXPERIMENT_CONFIG_ARGUMENTS}
        process = [self.mark, f"rank-{self.rank}" if self.rank is not None else None]
        if any(process):
            # It marks the system metrics of each process.
            keywords = {"distributed_node_identifier": "-".join(filter(None, process)), **keywords}
        given = self.experiment_config
        if given is None or isinstance(given, Mapping):
            return {**keywords, **(given or {})}
        return {**keywords, **arguments_of_config(given)}


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What an observer is told of a session.

    Attributes:
        plan: The session's plan.
        experiment: The experiment that the session started; None if the body starts its own.
        mode: Whether it is sent, written to an archive, or disabled.
        status: How the task goes or went.
        masked: Replaces the API key in a text.
        cause: Why an experiment that should be sent is written to an archive, in words; None if it need not be.
        error: What the task raised.
        archives: Where the archives are in the end, by experiment key.
        host: Address of the Comet service that the archives are for; None if it need not be named.
    """

    plan: SessionPlan
    experiment: Experiment | None
    mode: Mode
    status: Status
    masked: Callable[[str], str]
    cause: str | None = None
    error: BaseException | None = None
    archives: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None


class Observer(Protocol):
    """Is told of a session's experiments. What it raises is logged, and fails nothing."""

    def opened(self, experiment: Experiment) -> None:
        """The SDK is making an experiment, the session's or one of the body's."""

    def started(self, progress: Progress) -> None:
        """The body is about to run."""

    def ended(self, progress: Progress) -> None:
        """Everything has ended. Called again if what is known of the end has changed."""
