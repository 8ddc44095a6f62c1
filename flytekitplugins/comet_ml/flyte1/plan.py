"""A decorated call: who is running, with what right, and what its session with Comet is to do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from .. import names
from ..deck.notebook import in_notebook
from ..inputs.arguments import named_arguments
from ..inputs.report import InputReport, OutputReport, input_report, output_report
from ..options import Options
from ..ranks import run_of, shared_key
from ..session.plan import SessionPlan
from ..source import package_files
from ..tracked_function import source_file
from .deck import deck_observer
from .identity import Identity, identify
from .outputs import named_outputs
from .registration import TemplateConfig
from .secret import read_api_key, secrets_of_the_pod
from .storage import archive_store


def session_plan(
    options: Options,
    function: Callable[..., Any],
    template: TemplateConfig,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    context: Any,
    environ: MutableMapping[str, str],
) -> SessionPlan:
    """What the session of a call is to do.

    Args:
        options: The decorator's options.
        function: The decorated function.
        template: What it adds to the task's template, which knows the task.
        args: Arguments of the call.
        kwargs: Arguments of the call.
        context: flytekit's current context.
        environ: The environment of the process.
    """
    identity = identify(context, environ, task=f"{function.__module__}.{function.__name__}")
    rank, mark = identity.rank, identity.mark(options.scope)
    joins = rank is not None and options.ranks == "all"
    experiment_key, others, earlier = _key_and_others(options, identity)
    if experiment_key is None and joins:
        experiment_key = shared_key(environ)
    credentials = store = None
    if not identity.local:
        credentials = functools.partial(read_api_key, options.secret, context.user_space_params.secrets, environ)
        store = archive_store(context)

    def inputs(secrets: Collection[str]) -> InputReport:
        known = secrets_of_the_pod(environ).union(secrets)
        return input_report(named_arguments(function, args, kwargs), options.log_inputs, known)

    def outputs(returned: Any, secrets: Collection[str]) -> OutputReport:
        known = secrets_of_the_pod(environ).union(secrets)
        return output_report(named_outputs(function, returned), options.log_outputs, known)

    file = source_file(function)
    observer = deck_observer(context, template) if rank is None or rank.primary else None

    return SessionPlan(
        project_name=options.project_name,
        workspace=options.workspace,
        host=options.host,
        experiment_key=experiment_key,
        credentials=credentials,
        remote=not identity.local,
        log_command_line=identity.local and not Path(sys.argv[0]).name.startswith("pyflyte"),
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


def _key_and_others(options: Options, identity: Identity) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """The experiment's key and Others, and the keys of earlier attempts' experiments."""
    others = identity.others(options.scope)
    if options.experiment_key is not None or identity.local:
        return options.experiment_key, others, {}
    comet = {"workspace": options.workspace, "project_name": options.project_name}
    key, earlier = identity.experiment_key(**comet, scope=options.scope), {}
    if options.scope == "attempt":
        earlier = identity.earlier_experiment_keys(**comet)
        previous = identity.previous_experiment_key(**comet)
        others |= {names.FLYTE_PREVIOUS_EXPERIMENT: previous} if previous else {}
    return key, others, earlier
