"""From the decorator's secret to the API key, in a pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flytekit import Secret
from flytekit.core.context_manager import SecretsManager
from flytekit.exceptions.user import FlyteRecoverableException

from ..credentials import checked_api_key, key_of_callable, secret_in_words, secret_values
from ..errors import APIKeyError
from ..options import FlyteSecret


def secrets_of_the_pod(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of Flyte's secrets in the environment, Comet's and others: no input with one in it is logged.

    Args:
        environ: The environment of the process.
    """
    # A test may have put something else in its place.
    variables = environ if isinstance(environ, Mapping) else {}
    return secret_values(value for name, value in variables.items() if name.startswith("_FSEC_"))


class RecoverableAPIKeyError(APIKeyError, FlyteRecoverableException):  # type: ignore[misc]
    """No API key came out of a callable that asks for another attempt: Flyte makes one."""


def read_api_key(secret: FlyteSecret | Callable[[], str], secrets: SecretsManager, environ: Mapping[str, str]) -> str:
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
        # There since flytekit 1.14.
        variable: str | None = getattr(secret, "env_var", None)
        name = secret_in_words(
            "Secret", group=secret.group, key=secret.key, group_version=secret.group_version, env_var=variable
        )
        return checked_api_key(_flyte_secret(secret, variable, name, secrets, environ), name)
    return key_of_callable(secret, _error_for)


def _error_for(error: Exception) -> type[APIKeyError]:
    return RecoverableAPIKeyError if isinstance(error, FlyteRecoverableException) else APIKeyError


def _flyte_secret(
    secret: Secret, variable: str | None, name: str, secrets: SecretsManager, environ: Mapping[str, str]
) -> object:
    # The version only where there is one: people's tests look at the exact arguments.
    arguments = {"key": secret.key, "group": secret.group}
    if secret.group_version:
        arguments["group_version"] = secret.group_version
    try:
        return secrets.get(**arguments)
    except UnicodeDecodeError:
        # The file is no text. The exception has its content, so it is dropped.
        return "\N{REPLACEMENT CHARACTER}"
    except ValueError:
        if variable and variable in environ:
            return environ[variable]
    raise APIKeyError(
        f"comet_ml_login: {name} was not found in this task. The decorator requests it from Flyte; check that it "
        "exists under that group and key in this project and domain, and that the cluster injects secrets."
    )
