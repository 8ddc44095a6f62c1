"""From the decorator's secret to the API key, in a pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flytekit import Secret
from flytekit.exceptions.user import FlyteRecoverableException

from ..credentials import checked_api_key, failure
from ..errors import APIKeyError
from ..options import FlyteSecret
from ..shown import name_of, shown

_SHORTEST_SECRET = 8


def secrets_of_the_pod(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of Flyte's secrets in the environment, Comet's and others: no input with one in it is logged.

    Args:
        environ: The environment of the process.
    """
    # A test may have put something else in its place.
    variables = environ if isinstance(environ, Mapping) else {}
    values = {value.strip() for name, value in variables.items() if name.startswith("_FSEC_")}
    # A very short one is in many a harmless text.
    return frozenset(value for value in values if len(value) >= _SHORTEST_SECRET)


class RecoverableAPIKeyError(APIKeyError, FlyteRecoverableException):  # type: ignore[misc]
    """No API key came out of a callable that asks for another attempt: Flyte makes one."""


def read_api_key(secret: FlyteSecret | Callable[[], str], secrets: Any, environ: Mapping[str, str]) -> str:
    """The API key.

    Args:
        secret: The decorator's `secret`.
        secrets: flytekit's secrets manager of the running task.
        environ: The environment, for a secret whose `env_var` is all there is of it.

    Returns:
        The key, without blanks around it.

    Raises:
        APIKeyError: If there is no key, or what there is can't be one. The message names the secret, never its value.
        RecoverableAPIKeyError: If a callable raised flytekit's `FlyteRecoverableException`.
    """
    if isinstance(secret, Secret):
        name = _description(secret)
        return checked_api_key(_flyte_secret(secret, name, secrets, environ), name)
    name = f"the callable {name_of(secret)}"
    return checked_api_key(_called(secret, name), name)


def _called(secret: Any, name: str) -> object:
    try:
        return secret()
    except Exception as error:
        problem, again = failure(name, error), isinstance(error, FlyteRecoverableException)
    # Here, where it does not carry the callable's own: the key can be in that one's message and variables.
    raise RecoverableAPIKeyError(problem) if again else APIKeyError(problem)


def _flyte_secret(secret: Secret, name: str, secrets: Any, environ: Mapping[str, str]) -> object:
    # The version only where there is one: people's tests look at the exact arguments.
    arguments = {"key": secret.key, "group": secret.group}
    if secret.group_version:
        arguments["group_version"] = secret.group_version
    # There since flytekit 1.14.
    variable: str | None = getattr(secret, "env_var", None)
    try:
        return secrets.get(**arguments)
    except UnicodeDecodeError:
        # A file that is no text; what is in it stands in the exception.
        return "\N{REPLACEMENT CHARACTER}"
    except ValueError:
        if variable and variable in environ:
            return environ[variable]
    raise APIKeyError(
        f"comet_ml_login: {name} was not found in this task. The decorator requests it from Flyte; check that it "
        "exists under that group and key in this project and domain, and that the cluster injects secrets."
    )


def _description(secret: Secret) -> str:
    parts = {
        "group": secret.group,
        "key": secret.key,
        "group_version": secret.group_version,
        "env_var": getattr(secret, "env_var", None),
    }
    return f"Secret({', '.join(f'{name}={shown(value)}' for name, value in parts.items() if value)})"
