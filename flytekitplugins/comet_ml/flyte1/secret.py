"""From the decorator's secret to the API key, in a pod."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flytekit import Secret
from flytekit.core.context_manager import SecretsManager
from flytekit.exceptions.user import FlyteRecoverableException

from ..credentials import checked_api_key, key_of_callable, secret_in_words
from ..errors import APIKeyError, InvalidOptionError
from ..options import FlyteSecret, is_flyte_secret
from ..shown import shown


class RecoverableAPIKeyError(APIKeyError, FlyteRecoverableException):  # type: ignore[misc]
    """No API key came out of a callable that asks for another attempt: Flyte makes one."""


def flyte_secret(secret: FlyteSecret | Callable[[], str]) -> Secret | None:
    """The secret to request from Flyte 1; None for a callable.

    Args:
        secret: The decorator's `secret`: `flytekit.Secret`, or `flyte.Secret` of Flyte 2, which becomes the request
            that Flyte 2 makes of it.

    Raises:
        InvalidOptionError: If Flyte 1 has no such secret.
    """
    if isinstance(secret, Secret):
        return secret
    if not is_flyte_secret(secret):
        return None
    variable = getattr(secret, "as_env_var", None)
    mount = Secret.MountType.ENV_VAR if variable else Secret.MountType.FILE
    try:
        requested = Secret(group=secret.group, key=secret.key, mount_requirement=mount)
    except ValueError:
        raise InvalidOptionError(
            f"comet_ml_login: Flyte 1 cannot deliver the secret with key {shown(secret.key)}: it has no group, by "
            f"which Flyte 1 finds secrets. Give it one: flyte.Secret(key={shown(secret.key)}, group='comet-ml')."
        ) from None
    # There since flytekit 1.14.
    if hasattr(requested, "env_var"):
        requested.env_var = variable
    return requested


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
    requested = flyte_secret(secret)
    if requested is None:
        return key_of_callable(secret, _error_for)
    variable: str | None = getattr(requested, "env_var", None)
    name = secret_in_words(
        "Secret", group=requested.group, key=requested.key, group_version=requested.group_version, env_var=variable
    )
    return checked_api_key(_delivered(requested, variable, name, secrets, environ), name)


def _error_for(error: Exception) -> type[APIKeyError]:
    return RecoverableAPIKeyError if isinstance(error, FlyteRecoverableException) else APIKeyError


def _delivered(
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
