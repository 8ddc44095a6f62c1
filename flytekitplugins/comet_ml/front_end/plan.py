"""The plan of a decorated call: what its session with Comet is to do, for both generations of Flyte."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from ..deck.notebook import in_notebook
from ..deck.observer import DeckObserver
from ..decorated import FunctionCall
from ..inputs.arguments import named_arguments
from ..inputs.look import looked_at
from ..inputs.report import InputReport, OutputReport, input_report, output_report
from ..names import FLYTE_PREVIOUS_EXPERIMENT
from ..options import Options
from ..ranks import run_of, shared_key
from ..session.plan import SessionPlan
from ..source import package_files
from ..tracked_function import source_file
from .identity import BaseIdentity
from .nesting import is_nested


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
    identity, experiment_key = _identity_and_key(options, flyte.identity, call)
    rank = identity.rank
    primary, joins = rank is None or rank.primary, rank is not None and options.ranks == "all"
    others, earlier = _others_and_earlier(options, identity)
    if experiment_key is None and joins:
        experiment_key = shared_key(environ)

    mark = identity.mark(options.scope)

    def inputs(secrets: Collection[str]) -> InputReport:
        known = flyte.secrets().union(secrets)
        return looked_at(
            lambda: input_report(
                named_arguments(call.function, call.args, call.kwargs), options.log_inputs, known, mark
            )
        )

    def outputs(returned: object, secrets: Collection[str]) -> OutputReport:
        known = flyte.secrets().union(secrets)
        return looked_at(lambda: output_report(flyte.outputs(returned), options.log_outputs, known, mark))

    file = source_file(call.function)
    observer = flyte.observer() if primary and identity.part is None else None
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
        mark=mark,
        nested=identity.part is not None,
        inputs=inputs,
        outputs=outputs if options.log_outputs else None,
        earlier_experiments=earlier,
        observer=in_notebook(observer) if identity.local else observer,
    )


def _identity_and_key(options: Options, identity: BaseIdentity, call: FunctionCall) -> tuple[BaseIdentity, str | None]:
    """Who is running, and the key of the experiment; None where Comet makes one."""
    key = options.experiment_key
    if key is None and not identity.local:
        comet = {"workspace": options.workspace, "project_name": options.project_name}
        key = identity.experiment_key(**comet, scope=options.scope)
    return dataclasses.replace(identity, part=call.function.__name__ if is_nested(key) else None), key


def _others_and_earlier(options: Options, identity: BaseIdentity) -> tuple[dict[str, str], dict[str, str]]:
    """The experiment's Others, and the keys of earlier attempts' experiments."""
    others = identity.others(options.scope)
    if options.experiment_key is not None or identity.local or options.scope != "attempt":
        return others, {}
    earlier = identity.earlier_experiment_keys(workspace=options.workspace, project_name=options.project_name)
    if earlier:
        others[FLYTE_PREVIOUS_EXPERIMENT] = next(iter(earlier.values()))
    return others, earlier
