"""With what right: from the decorator's secret to the API key, in a pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flytekit import Secret

from ..errors import APIKeyError

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


def read_api_key(secret: Secret | Callable[[], str], secrets: Any, environ: Mapping[str, str]) -> str:
    """The API key.

    Args:
        secret: The decorator's `secret`.
        secrets: flytekit's secrets manager of the running task.
        environ: The environment, for a secret whose `env_var` is all there is of it.

    Returns:
        The key, without blanks around it.

    Raises:
        APIKeyError: If there is no key, or what there is can't be one. The message names the secret, never its value.
    """
    if isinstance(secret, Secret):
        name = _description(secret)
        value = _flyte_secret(secret, name, secrets, environ)
    else:
        name = f"the callable {getattr(secret, '__qualname__', type(secret).__name__)!r}"
        value = secret()
    if not isinstance(value, str):
        raise APIKeyError(
            f"comet_ml_login: {name} gave a {type(value).__name__} where the Comet API key, a string, is expected."
        )
    if not value.strip():
        raise APIKeyError(f"comet_ml_login: {name} is empty; it must hold the Comet API key.")
    return value.strip()


def _flyte_secret(secret: Secret, name: str, secrets: Any, environ: Mapping[str, str]) -> object:
    # The version only where there is one: people's tests look at the exact arguments.
    arguments = {"key": secret.key, "group": secret.group}
    if secret.group_version:
        arguments["group_version"] = secret.group_version
    # There since flytekit 1.14.
    variable: str | None = getattr(secret, "env_var", None)
    try:
        return secrets.get(**arguments)
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
    return f"Secret({', '.join(f'{name}={value!r}' for name, value in parts.items() if value)})"
