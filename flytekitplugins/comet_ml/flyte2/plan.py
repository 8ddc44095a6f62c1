"""A decorated call of Flyte 2: who is running, with which key, and what its session with Comet is to do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import flyte

from .. import names
from ..deck.notebook import in_notebook
from ..decorated import ActionTask
from ..inputs.arguments import named_arguments
from ..inputs.report import InputReport, OutputReport, input_report, output_report
from ..log import logger
from ..options import Options
from ..ranks import run_of, shared_key
from ..session.plan import SessionPlan
from ..source import package_files
from ..tracked_function import source_file
from .identity import Identity, identify
from .report import report_observer
from .secret import read_api_key, secrets_of_the_pod
from .storage import archive_store

_COMMANDS = ("a0", "flyte", "pyflyte", "clustered")
"""Beginnings of the names of Flyte's commands: their arguments are not the task's."""

# Functions of which it was said that their tasks have no link.
_without_link: set[str] = set()


def session_plan(
    action_task: ActionTask,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    environ: MutableMapping[str, str],
) -> SessionPlan:
    """What the session of a call is to do.

    Args:
        action_task: What is known of the task.
        function: The decorated function.
        args: Arguments of the call.
        kwargs: Arguments of the call.
        environ: The environment of the process.
    """
    options, context = action_task.options, flyte.ctx()
    identity = identify(context, environ, task=action_task.name or f"{function.__module__}.{function.__name__}")
    if action_task.name is None and not identity.local:
        _say_that_there_is_no_link(function)
    rank, mark = identity.rank, identity.mark(options.scope)
    joins = rank is not None and options.ranks == "all"
    experiment_key, others, earlier = _key_and_others(options, identity)
    if experiment_key is None and joins:
        experiment_key = shared_key(environ)
    credentials = store = None
    if not identity.local:
        credentials = functools.partial(read_api_key, options.secret, environ)
        store = archive_store(context)

    def inputs(secrets: Collection[str]) -> InputReport:
        known = secrets_of_the_pod(action_task.secret_variables, environ).union(secrets)
        return input_report(named_arguments(function, args, kwargs), options.log_inputs, known)

    def outputs(returned: Any, secrets: Collection[str]) -> OutputReport:
        known = secrets_of_the_pod(action_task.secret_variables, environ).union(secrets)
        return output_report(named_outputs(returned), options.log_outputs, known)

    file = source_file(function)
    observer = report_observer(context) if action_task.report and (rank is None or rank.primary) else None

    return SessionPlan(
        project_name=options.project_name,
        workspace=options.workspace,
        host=options.host,
        experiment_key=experiment_key,
        credentials=credentials,
        remote=not identity.local,
        log_command_line=identity.local and not Path(sys.argv[0]).name.startswith(_COMMANDS),
        source_file=file,
        source_files=functools.partial(package_files, file, function.__module__),
        start=options.start,
        login_kwargs=options.login_kwargs,
        experiment_config=options.experiment_config,
        others=others,
        name=identity.experiment_name(options.scope),
        rank=rank.name if rank is not None and joins else None,
        run=run_of(environ, identity.attempt) if joins else None,
        primary=rank is None or rank.primary,
        on_unavailable=options.on_unavailable,
        end_timeout=options.end_timeout,
        grace_period=options.grace_period,
        store_archive=store,
        scope=options.scope,
        mark=mark,
        inputs=inputs,
        outputs=outputs if options.log_outputs else None,
        earlier_experiments=earlier,
        observer=in_notebook(observer) if identity.local else observer,
    )


def named_outputs(returned: Any) -> dict[str, Any]:
    """What a task returned, by the names of its outputs: those of a named tuple, or ``o0``, ``o1``... (Flyte 2)."""
    values = returned if isinstance(returned, tuple) else (returned,)
    names_ = getattr(type(returned), "_fields", None) or [f"o{number}" for number in range(len(values))]
    return {} if returned is None else dict(zip(names_, values, strict=True))


def _key_and_others(options: Options, identity: Identity) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """The experiment's key and Others, and the keys of earlier attempts' experiments."""
    others = identity.others(options.scope)
    if options.experiment_key is not None or identity.local:
        return options.experiment_key, others, {}
    comet = {"workspace": options.workspace, "project_name": options.project_name}
    key = identity.experiment_key(**comet, scope=options.scope)
    earlier = identity.earlier_experiment_keys(**comet) if options.scope == "attempt" else {}
    if earlier:
        others[names.FLYTE_PREVIOUS_EXPERIMENT] = next(iter(earlier.values()))
    return key, others, earlier


def _say_that_there_is_no_link(function: Callable[..., Any]) -> None:
    name = f"{function.__module__}.{function.__qualname__}"
    if name not in _without_link:
        _without_link.add(name)
        logger.warning(
            "@comet_ml_login does not know the task of %r: there is no link to Comet in the Flyte console, and the "
            "secret is not requested. Put the decorator above @env.task.",
            name,
        )
