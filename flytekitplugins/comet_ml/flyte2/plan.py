"""A decorated call of Flyte 2: who is running, with which key, and what its session with Comet is to do."""

from __future__ import annotations

import functools
from collections.abc import MutableMapping

import flyte

from ..decorated import ActionTask, Function, FunctionCall
from ..front_end.plan import FlyteSide, planned
from ..log import logger
from ..pod_secrets import secrets_of_the_pod
from ..session.plan import SessionPlan
from .identity import identify
from .outputs import named_outputs
from .report import report_observer
from .secret import read_api_key
from .storage import archive_store
from .task_call import calling_task

_COMMANDS = ("a0", "flyte", "pyflyte", "clustered")

# Functions of which it was said that their tasks have no link.
_without_link: set[str] = set()


def session_plan(action_task: ActionTask, call: FunctionCall, environ: MutableMapping[str, str]) -> SessionPlan:
    """What the session of a call is to do.

    Args:
        action_task: What is known of the task.
        call: The call.
        environ: The environment of the process.
    """
    context, action_task = flyte.ctx(), calling_task(action_task, call.function)
    identity = identify(context, environ, task=action_task.name or call.name)
    if action_task.name is None and not identity.local:
        _say_that_there_is_no_link(call.function)
    side = FlyteSide(
        identity=identity,
        read_api_key=functools.partial(read_api_key, action_task.options.secret, environ),
        store=None if identity.local else archive_store(context),
        secrets=lambda: secrets_of_the_pod(environ, action_task.secret_variables),
        outputs=functools.partial(named_outputs, call.function),
        observer=lambda: report_observer(context) if action_task.report else None,
        commands=_COMMANDS,
    )
    return planned(action_task.options, call, environ, side)


def _say_that_there_is_no_link(function: Function) -> None:
    name = f"{function.__module__}.{function.__qualname__}"
    if name not in _without_link:
        _without_link.add(name)
        logger.warning(
            "@comet_ml_login does not know the task of %r: there is no link to Comet in the Flyte console, and the "
            "secret is not requested. Put the decorator above @env.task.",
            name,
        )
