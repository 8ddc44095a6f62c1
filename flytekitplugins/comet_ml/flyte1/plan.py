"""A decorated call of Flyte 1: who is running, with which key, and what its session with Comet is to do."""

from __future__ import annotations

import functools
from collections.abc import MutableMapping

from flytekit.core.context_manager import FlyteContext

from ..decorated import FunctionCall
from ..front_end.plan import FlyteSide, planned
from ..pod_secrets import secrets_of_the_pod
from ..session.plan import SessionPlan
from .deck import deck_observer
from .identity import identify
from .outputs import named_outputs
from .registration import TemplateConfig
from .secret import read_api_key
from .storage import archive_store


def session_plan(
    template: TemplateConfig, call: FunctionCall, context: FlyteContext, environ: MutableMapping[str, str]
) -> SessionPlan:
    """What the session of a call is to do.

    Args:
        template: What the decorator adds to the task's template, which knows the task.
        call: The call.
        context: flytekit's current context.
        environ: The environment of the process.
    """
    identity = identify(context, environ, task=call.name)
    flyte = FlyteSide(
        identity=identity,
        read_api_key=lambda: read_api_key(template.options.secret, context.user_space_params.secrets, environ),
        store=None if identity.local else archive_store(context),
        secrets=functools.partial(secrets_of_the_pod, environ),
        outputs=functools.partial(named_outputs, call.function),
        observer=functools.partial(deck_observer, context, template),
        commands=("pyflyte",),
    )
    return planned(template.options, call, environ, flyte)
