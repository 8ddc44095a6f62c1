"""From the decorator's secret to the API key, in a pod of Flyte 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import flyte

from ..credentials import checked_api_key, key_of_callable, secret_in_words
from ..errors import APIKeyError, InvalidOptionError
from ..options import FlyteSecret, is_flyte_secret
from ..pod_secrets import DIRECTORY, DIRECTORY_VARIABLE
from ..shown import shown


def flyte_secret(secret: FlyteSecret | Callable[[], str]) -> flyte.Secret | None:
    """The secret to request from Flyte 2; None for a callable.

    Args:
        secret: The decorator's `secret`: `flyte.Secret`, or `flytekit.Secret` of Flyte 1, which becomes what
            flyte-migrate makes of it.

    Raises:
        InvalidOptionError: If Flyte 2 has no such secret.
    """
    if isinstance(secret, flyte.Secret):
        return secret
    if not is_flyte_secret(secret):
        return None
    mounted = getattr(getattr(secret, "mount_requirement", None), "name", "") == "FILE"
    try:
        return flyte.Secret(
            key=secret.key,
            group=secret.group,
            mount=Path(DIRECTORY) if mounted else None,
            as_env_var=None if mounted else getattr(secret, "env_var", None),
        )
    except ValueError:
        raise InvalidOptionError(
            f"comet_ml_login: Flyte 2 cannot deliver the secret with group {shown(secret.group)} and key "
            f"{shown(secret.key)}: they make no name of an environment variable. Give it one: flyte.Secret(..., "
            "as_env_var='COMET_API_KEY')."
        ) from None


def is_same(secret: flyte.Secret, other: flyte.Secret) -> bool:
    """Whether two requests bring the same secret to the same place."""
    return bool(secret.stable_hash() == other.stable_hash())


def read_api_key(secret: FlyteSecret | Callable[[], str], environ: Mapping[str, str]) -> str:
    """The API key.

    Args:
        secret: The decorator's `secret`.
        environ: The environment of the process, where Flyte puts secrets.

    Raises:
        APIKeyError: If there is no key, or what there is can't be one. The message names the secret, never its value.
    """
    requested = flyte_secret(secret)
    if requested is None:
        return key_of_callable(secret)
    name = secret_in_words(
        "flyte.Secret", key=requested.key, group=requested.group, mount=requested.mount, as_env_var=requested.as_env_var
    )
    return checked_api_key(_delivered(requested, name, environ), name)


def _delivered(secret: flyte.Secret, name: str, environ: Mapping[str, str]) -> str:
    variable = secret.as_env_var
    if variable and variable in environ:
        return environ[variable]
    # As files, secret managers differ in the name: with the group or without it, and in lower case (Flyte's webhook).
    directory = Path(environ.get(DIRECTORY_VARIABLE) or DIRECTORY)
    group = [secret.group] if secret.group else []
    for names in ([*group, secret.key], [secret.key]):
        for path in (directory.joinpath(*names), directory.joinpath(*map(str.lower, names))):
            if path.is_file():
                return path.read_text(encoding="utf-8", errors="replace")
    where = f"the environment variable {variable}" if variable else f"a file in {directory}"
    raise APIKeyError(
        f"comet_ml_login: {name} was not found in this action ({where} should have it). The decorator requests it "
        "when it stands above @env.task; check that the secret exists in this project and domain: `flyte get secret`."
    )
