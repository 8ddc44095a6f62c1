"""The decorator: one Flyte task, one Comet experiment.

People's tests replace three names of this module: `comet_ml`, `os` and `FlyteContextManager`. They take effect in every
call of a decorated function.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import generation, names
from .argument_names import explained
from .decorated import P, R_co, Surroundings, TaskT, TrackedFunction
from .keys import experiment_key as keys
from .link import CometLink
from .options import FlyteSecret, Options
from .sdk import autologging

if TYPE_CHECKING:
    import comet_ml as comet_ml  # a name of this module, by __getattr__
    from comet_ml import ExperimentConfig

COMET_ML_EXECUTION_TYPE_VALUE = names.EXECUTION_LINK_TYPE
COMET_ML_CUSTOM_TYPE_VALUE = names.CUSTOM_LINK_TYPE


def __getattr__(name: str) -> Any:
    """Load `comet_ml` and `FlyteContextManager` when somebody asks for them: this module needs neither."""
    if name == "comet_ml":
        return autologging.load_sdk()
    if name == "FlyteContextManager":
        from .flyte1 import context_manager

        return context_manager()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _surroundings() -> Surroundings:
    # Tests may have patched the names of this module: only then are they in its dictionary.
    replaced = globals()
    return Surroundings(
        comet_ml=replaced["comet_ml"] if "comet_ml" in replaced else autologging.load_sdk(),
        environ=os.environ,
        context_manager=replaced.get("FlyteContextManager"),
        plan_of_action=generation.plan_of_action(),
    )


class comet_ml_login:  # noqa: N801 - the name that people's code has
    """Track a Flyte task in Comet.

    The decorated task's body runs with an experiment started, which `comet_ml.get_running_experiment()` returns and
    `comet_ml.start()` and the loggers of Lightning, Transformers and others join. It is ended with the body. The
    node in the Flyte console links to it, and a task with decks has one of Comet.

    Put it below or above ``@task``. The secret need not stand in ``secret_requests``: the decorator asks for it.

    Example:
        ```python
        @task
        @comet_ml_login(
            project_name="digits",
            workspace="my-team",
            secret=Secret(group="comet-ml", key="comet-ml-api-key"),
        )
        def train(epochs: int) -> float:
            experiment = comet_ml.get_running_experiment()
            ...
        ```

    Args:
        project_name: Comet project that the experiment belongs to.
        workspace: Comet workspace that owns the project.
        secret: The Comet API key in a pod: a `flytekit.Secret`, or a callable without arguments that returns the key.
            Local runs do not read it: there, the SDK finds `COMET_API_KEY` or its configuration file.
        experiment_key: Key of the experiment, 32 to 50 ASCII letters and digits: one that exists is continued. By
            default every attempt of every node has a key of its own, and local runs one that Comet makes.
        host: Address of the Comet service. For one that is not Comet's own, data goes to ``<host>/clientlib/``,
            unless `COMET_URL_OVERRIDE`, ``url_override=`` or the API key itself names a server.
        start: Whether to start an experiment. With False the body starts its own; the settings of this decorator and
            the API key are in force for it.
        log_inputs: Whether to log the task's inputs as parameters, or the names of those to log. What is in models,
            dataclasses, dicts and lists has dotted names; of files and frames, their origin is logged. Never logged is
            what speaks of a password, token, secret or key, by its name and value.
        log_outputs: Whether to log what the task returns, or the names of the outputs to log: numbers as metrics, other
            scalars as Others.
        experiment_config: A `comet_ml.ExperimentConfig` for the experiment, or a dict of its arguments.
        ranks: Which processes of a distributed task (torch Elastic, PyTorchJob, MPI, TensorFlow) track: ``"primary"``,
            global rank 0 alone, while whatever the others open is disabled; or ``"all"``, every rank into the same
            experiment.
        on_unavailable: What to do when the Comet server cannot be reached at the start: ``"offline"`` writes the
            experiment to an archive, ``"raise"`` fails the task before its body. A rejected API key always fails it.
        end_timeout: Seconds that the end of the task may wait for what is still to be sent; what has not arrived then
            comes into an archive.
        grace_period: Seconds between SIGTERM and SIGKILL, as in the pod's `terminationGracePeriodSeconds`: a handler of
            SIGTERM may take as long.
        scope: What one experiment covers in a cluster: ``"attempt"``, one attempt of one node; ``"node"``, all
            attempts of a node; ``"execution"``, all decorated tasks of the execution with this project and workspace.
            Locally, every call has an experiment of its own.
        resolver: Flyte 2 only: address of the resolver page (command ``resolver``), to which links lead that are
            made before the names of their run are known. By default that of `COMET_FLYTE_RESOLVER`, if it is set.
        **login_kwargs: Passed to `comet_ml.login` unchanged: settings of the SDK. Those that are arguments of
            `ExperimentConfig` (``log_code=False``) or of `start` (``online=False``, ``mode="get"``) take effect there.

    Raises:
        InvalidOptionError: When an argument cannot work, at decoration.
    """

    LINK_TYPE_KEY = names.LINK_TYPE_KEY
    COMET_ML_PROJECT_NAME_KEY = names.PROJECT_NAME_KEY
    COMET_ML_WORKSPACE_KEY = names.WORKSPACE_KEY
    COMET_ML_EXPERIMENT_KEY_KEY = names.EXPERIMENT_KEY_KEY
    COMET_ML_URL_SUFFIX_KEY = names.LINK_SUFFIX_KEY
    COMET_ML_HOST_KEY = names.HOST_KEY

    @explained
    def __init__(
        self,
        project_name: str,
        workspace: str,
        secret: FlyteSecret | Callable[[], str],
        experiment_key: str | None = None,
        host: str = names.COMET_SERVICE,
        *,
        start: bool = True,
        log_inputs: bool | Sequence[str] = True,
        log_outputs: bool | Sequence[str] = False,
        experiment_config: ExperimentConfig | Mapping[str, Any] | None = None,
        ranks: Literal["primary", "all"] = "primary",
        on_unavailable: Literal["offline", "raise"] = "offline",
        end_timeout: float = 60.0,
        grace_period: float = 30.0,
        scope: Literal["attempt", "node", "execution"] = "attempt",
        resolver: str | None = None,
        **login_kwargs: Any,
    ) -> None:
        self.options = Options(
            project_name=project_name,
            workspace=workspace,
            secret=secret,
            experiment_key=experiment_key,
            host=host,
            start=start,
            log_inputs=log_inputs,
            log_outputs=log_outputs,
            experiment_config=experiment_config,
            ranks=ranks,
            on_unavailable=on_unavailable,
            end_timeout=end_timeout,
            grace_period=grace_period,
            scope=scope,
            resolver=resolver,
            login_kwargs=login_kwargs,
        )

    def __getattr__(self, name: str) -> Any:
        """The options under their own names, as on the earlier plugin's decorator."""
        if name in Options.__dataclass_fields__:
            return getattr(self.options, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def link(self) -> CometLink:
        """The link from the Flyte console to the experiment."""
        return self.options.link

    def get_extra_config(self) -> dict[str, str]:
        """What the link puts into the task template's config."""
        return self.link.config()

    @overload
    def __call__(self, function: TaskT) -> TaskT: ...
    @overload
    def __call__(self, function: Callable[P, R_co]) -> TrackedFunction[P, R_co]: ...
    def __call__(self, function: Any) -> Any:
        """Decorate a task's function, or a task.

        Raises:
            UnsupportedFunctionError: For what is neither.
            InvalidOptionError: If `log_inputs` or `log_outputs` names what there is not, or a secret.
        """
        return generation.decorator_of(function)(self.options, function, _surroundings)


def _generate_suffix_with_length_10(project_name: str, workspace: str) -> str:
    return keys.link_suffix(project_name, workspace)


def _generate_experiment_key(hostname: str, project_name: str, workspace: str) -> str:
    return keys.hostname_key(hostname, project_name, workspace)
