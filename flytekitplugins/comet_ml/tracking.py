"""The decorator: one Flyte task, one Comet experiment."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload
from weakref import WeakSet

from flytekit import Secret
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import CompilationState, FlyteContextManager
from flytekit.core.python_function_task import PythonFunctionTask
from flytekit.core.workflow import WorkflowBase

from . import inputs, link, options
from .decorated import P, R_co, TaskT, TrackedFunction
from .errors import UnsupportedFunctionError
from .flyte1.registration import TemplateConfig, tracked_function
from .flyte1.secret import check_secret
from .flyte1.tasks import request_secret
from .keys import experiment_key as keys
from .sdk import autologging
from .session import sigterm as termination

if TYPE_CHECKING:
    import comet_ml as comet_ml  # a name of this module, by __getattr__
    from comet_ml import ExperimentConfig

    from .session.session import Session

COMET_ML_EXECUTION_TYPE_VALUE = link.EXECUTION_LINK_TYPE
COMET_ML_CUSTOM_TYPE_VALUE = link.CUSTOM_LINK_TYPE

# Functions under @workflow. Not kept on the decorator: that is pickled, and read by other versions of this plugin.
_workflow_functions: WeakSet[Callable[..., Any]] = WeakSet()


autologging.watch_imports()


def __getattr__(name: str) -> Any:
    """`comet_ml` is a name of this module for those who look, and not in it: the SDK is loaded when it is needed."""
    if name == "comet_ml":
        return autologging.load_sdk()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _sdk() -> Any:
    # Where it is in the module all the same, a test has put something in its place.
    return globals()["comet_ml"] if "comet_ml" in globals() else autologging.load_sdk()


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
        log_inputs: Whether to log the task's inputs as parameters, or the names of those to log. Numbers, strings
            (1,000 characters of them), bools, None, enums, datetimes and fields of dataclasses are logged; never an
            input whose name speaks of a password, token, secret or key.
        experiment_config: A `comet_ml.ExperimentConfig` for the experiment, or a dict of its arguments.
        ranks: Which processes of a distributed task (torch Elastic, PyTorchJob, MPI, TensorFlow) track: ``"primary"``,
            global rank 0 alone, while whatever the others open is disabled; or ``"all"``, every rank into the same
            experiment.
        on_unavailable: What to do when the Comet server cannot be reached at the start: ``"offline"`` writes the
            experiment to an archive, ``"raise"`` fails the task before its body. A rejected API key always fails it.
        end_timeout: Seconds that the end of the task may wait for what is still to be sent; what has not arrived then
            comes into an archive.
        scope: What one experiment covers in a cluster: ``"attempt"``, one attempt of one node; ``"node"``, all
            attempts of a node; ``"execution"``, all decorated tasks of the execution with this project and workspace.
            Locally, every call has an experiment of its own.
        **login_kwargs: Passed to `comet_ml.login` unchanged: settings of the SDK. Those that are arguments of
            `ExperimentConfig` (``log_code=False``) or of `start` (``online=False``, ``mode="get"``) take effect there.

    Raises:
        InvalidOptionError: When an argument cannot work, at decoration.
    """

    LINK_TYPE_KEY = link.LINK_TYPE_KEY
    COMET_ML_PROJECT_NAME_KEY = link.PROJECT_NAME_KEY
    COMET_ML_WORKSPACE_KEY = link.WORKSPACE_KEY
    COMET_ML_EXPERIMENT_KEY_KEY = link.EXPERIMENT_KEY_KEY
    COMET_ML_URL_SUFFIX_KEY = link.LINK_SUFFIX_KEY
    COMET_ML_HOST_KEY = link.HOST_KEY

    @options.explained
    def __init__(
        self,
        project_name: str,
        workspace: str,
        secret: Secret | Callable[[], str],
        experiment_key: str | None = None,
        host: str = "https://www.comet.com",
        *,
        start: bool = True,
        log_inputs: bool | Sequence[str] = True,
        experiment_config: ExperimentConfig | Mapping[str, Any] | None = None,
        ranks: Literal["primary", "all"] = "primary",
        on_unavailable: Literal["offline", "raise"] = "offline",
        end_timeout: float = 60.0,
        scope: Literal["attempt", "node", "execution"] = "attempt",
        **login_kwargs: Any,
    ) -> None:
        options.check_text("project_name", project_name)
        options.check_text("workspace", workspace)
        check_secret(secret)
        options.check_experiment_key(experiment_key)
        options.check_bool("start", start)
        options.check_log_inputs(log_inputs)
        options.check_choice("ranks", ranks, ("primary", "all"))
        options.check_choice("on_unavailable", on_unavailable, ("offline", "raise"))
        options.check_seconds("end_timeout", end_timeout)
        options.check_scope(scope, experiment_key)
        options.check_experiment_config(experiment_config)
        options.check_keywords(login_kwargs)
        self.project_name = project_name
        self.workspace = workspace
        self.secret = secret
        self.experiment_key = experiment_key
        self.host = options.web_address(host)
        self.start = start
        self.log_inputs = log_inputs
        self.experiment_config = experiment_config
        self.ranks = ranks
        self.on_unavailable = on_unavailable
        self.end_timeout = end_timeout
        self.scope: keys.Scope = scope
        self.login_kwargs = login_kwargs

    @property
    def link(self) -> link.CometLink:
        """The link from the Flyte console to the experiment."""
        return link.CometLink(self.project_name, self.workspace, self.host, self.experiment_key, self.scope)

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
            InvalidOptionError: If `log_inputs` names what is no input of the function.
        """
        self._check_function(function)
        self._prepare_for_threads()
        if isinstance(function, PythonFunctionTask):
            return self._decorated_task(function)
        return self._decorated_function(function, self._attributes())

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare_for_threads()

    @staticmethod
    def _prepare_for_threads() -> None:
        # flytekit runs async tasks in a thread, where Python lets nobody watch for SIGTERM.
        if "FLYTE_INTERNAL_EXECUTION_ID" in os.environ:
            termination.prepare()

    def _check_function(self, function: Any) -> None:
        name = getattr(function, "__name__", None) or getattr(function, "name", None) or repr(function)
        if isinstance(function, WorkflowBase):
            raise _on_a_workflow(name)
        is_task = isinstance(function, PythonFunctionTask)
        is_function = (
            callable(function) and hasattr(function, "__name__") and not isinstance(function, (type, PythonTask))
        )
        if not is_task and not is_function:
            kind = "class" if isinstance(function, type) else type(function).__name__
            raise UnsupportedFunctionError(
                f"@comet_ml_login decorates a task's Python function, or a task made from one; not the {kind} {name!r}."
            )
        body = inspect.unwrap(getattr(function, "task_function", function))
        if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
            raise UnsupportedFunctionError(
                f"@comet_ml_login is on {name!r}, a generator function, which Flyte cannot run as one: return a list "
                "instead."
            )
        if hasattr(function, "COMET_ML_HOST_KEY"):
            raise UnsupportedFunctionError(f"@comet_ml_login is on {name!r} twice; a task has one Comet experiment.")

    def _decorated_function(self, function: Callable[..., Any], attributes: dict[str, Any]) -> Callable[..., Any]:
        if not isinstance(self.log_inputs, bool):
            options.check_input_names(self.log_inputs, inputs.input_names(function), function.__name__)
        tracked: Callable[..., Any] = tracked_function(
            function, functools.partial(self._session, function, attributes["get_config"])
        )
        tracked.__dict__.update(attributes)
        return tracked

    def _decorated_task(self, task: PythonFunctionTask[Any]) -> PythonFunctionTask[Any]:
        attributes = self._attributes()
        # flytekit has no setter for a task's function.
        task._task_function = self._decorated_function(task.task_function, attributes)
        vars(task).update(attributes)
        attributes["get_config"].task = task
        request_secret(task, attributes["get_config"].secret)
        return task

    def _attributes(self) -> dict[str, Any]:
        template = TemplateConfig(self.link, self.secret if isinstance(self.secret, Secret) else None, self)
        return {
            **_CONFIG_KEYS,
            "secret": self.secret,
            "get_extra_config": template.config,
            "get_config": template,
        }

    def _session(
        self, function: Callable[..., Any], template: TemplateConfig, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Session:
        # Here, since a process that only registers tasks needs none of it.
        from .flyte1.plan import is_local, session_plan
        from .session.session import Session

        context = FlyteContextManager.current_context()
        # The body of @dynamic is compiled too, but in a pod and with the mode of one.
        if isinstance(context.compilation_state, CompilationState) and is_local(context):
            # flytekit compiles a workflow once, and runs it afterwards even if that failed.
            _workflow_functions.add(function)
        if function in _workflow_functions:
            raise _on_a_workflow(function.__name__)
        plan = session_plan(self, function, template, args, kwargs, context, os.environ)
        return Session(_sdk(), os.environ, plan)


_CONFIG_KEYS = {
    name: key for name, key in vars(comet_ml_login).items() if name == "LINK_TYPE_KEY" or name.startswith("COMET_ML_")
}


def _on_a_workflow(name: str) -> UnsupportedFunctionError:
    return UnsupportedFunctionError(
        f"@comet_ml_login is on the workflow {name!r}, which runs in no pod of its own: put it on the tasks of the "
        "workflow that are to be tracked."
    )


def _generate_suffix_with_length_10(project_name: str, workspace: str) -> str:
    return keys.link_suffix(project_name, workspace)


def _generate_experiment_key(hostname: str, project_name: str, workspace: str) -> str:
    return keys.hostname_key(hostname, project_name, workspace)
