"""The plan of a decorated call: what its session with Comet is to do, for both generations of Flyte."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from ..deck.notebook import in_notebook
from ..deck.observer import DeckObserver
from ..decorated import FunctionCall
from ..inputs.arguments import named_arguments
from ..inputs.report import InputReport, OutputReport, input_report, output_report
from ..names import FLYTE_PREVIOUS_EXPERIMENT
from ..options import Options
from ..ranks import run_of, shared_key
from ..session.plan import SessionPlan
from ..source import package_files
from ..tracked_function import source_file
from .identity import BaseIdentity


# What the functions hold can be the API key: no repr shows it.
@dataclass(frozen=True, kw_only=True, repr=False)
class FlyteSide:
    """What one generation of Flyte has to say about a call.

    Attributes:
        identity: Who is running.
        read_api_key: Gives the API key, in a pod.
        store: Puts an offline archive to where it outlives the pod; None where archives stay where they are written.
        secrets: Gives the values of the task's secrets: no input or output with one in it is logged.
        outputs: Gives what the task returned by the names of its outputs.
        observer: Gives what shows the experiments in the Flyte console; None where they are not shown.
        commands: Beginnings of the names of Flyte's commands. Their arguments are not the task's.
    """

    identity: BaseIdentity
    read_api_key: Callable[[], str]
    store: Callable[[str], str] | None
    secrets: Callable[[], frozenset[str]]
    outputs: Callable[[object], Mapping[str, object]]
    observer: Callable[[], DeckObserver | None]
    commands: tuple[str, ...]


def planned(options: Options, call: FunctionCall, environ: MutableMapping[str, str], flyte: FlyteSide) -> SessionPlan:
    """What the session of a call is to do.

    Args:
        options: The decorator's options.
        call: The call.
        environ: The environment of the process.
        flyte: What Flyte has to say about it.
    """
    identity, rank = flyte.identity, flyte.identity.rank
    primary, joins = rank is None or rank.primary, rank is not None and options.ranks == "all"
    experiment_key, others, earlier = _key_and_others(options, identity)
    if experiment_key is None and joins:
        experiment_key = shared_key(environ)

    def inputs(secrets: Collection[str]) -> InputReport:
        arguments = named_arguments(call.function, call.args, call.kwargs)
        return input_report(arguments, options.log_inputs, flyte.secrets().union(secrets))

    def outputs(returned: object, secrets: Collection[str]) -> OutputReport:
        return output_report(flyte.outputs(returned), options.log_outputs, flyte.secrets().union(secrets))

    file = source_file(call.function)
    observer = flyte.observer() if primary else None
    return SessionPlan(
        project_name=options.project_name,
        workspace=options.workspace,
        host=options.host,
        experiment_key=experiment_key,
        credentials=None if identity.local else flyte.read_api_key,
        remote=not identity.local,
        log_command_line=identity.local and not Path(sys.argv[0]).name.startswith(flyte.commands),
        source_file=file,
        source_files=functools.partial(package_files, file, call.function.__module__),
        start=options.start,
        login_kwargs=options.login_kwargs,
        experiment_config=options.experiment_config,
        others=others,
        name=identity.experiment_name(options.scope),
        rank=rank.name if rank is not None and joins else None,
        run=run_of(environ, identity.attempt) if joins else None,
        primary=primary,
        on_unavailable=options.on_unavailable,
        end_timeout=options.end_timeout,
        grace_period=options.grace_period,
        store_archive=flyte.store,
        scope=options.scope,
        mark=identity.mark(options.scope),
        inputs=inputs,
        outputs=outputs if options.log_outputs else None,
        earlier_experiments=earlier,
        observer=in_notebook(observer) if identity.local else observer,
    )


def _key_and_others(options: Options, identity: BaseIdentity) -> tuple[str | None, dict[str, str], dict[str, str]]:
    """The experiment's key and Others, and the keys of earlier attempts' experiments."""
    others = identity.others(options.scope)
    if options.experiment_key is not None or identity.local:
        return options.experiment_key, others, {}
    comet = {"workspace": options.workspace, "project_name": options.project_name}
    key = identity.experiment_key(**comet, scope=options.scope)
    earlier = identity.earlier_experiment_keys(**comet) if options.scope == "attempt" else {}
    if earlier:
        others[FLYTE_PREVIOUS_EXPERIMENT] = next(iter(earlier.values()))
    return key, others, earlier
