"""The arguments of `comet_ml_login`, checked when the task is decorated."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeGuard

from .argument_names import did_you_mean
from .errors import InvalidOptionError
from .keys.experiment_key import SCOPES, Scope, is_legal_key
from .link import CometLink, problem_of_page
from .log import logger
from .names import COMET_SERVICE
from .option_kinds import BOOL, DECORATOR, SECONDS, TEXT, ChoiceKind, Kind, refuse_api_key
from .sdk import arguments
from .sdk.experiments import arguments_of_config
from .shown import name_of, shown
from .web_address import web_address

# With a scheme; of a host that says so itself; with a port; with several names before the path, or behind the host.
_ADDRESS = re.compile(
    r"(?i)https?:|//|www\.|comet\.(?:com|ml)(?:[/:]|$)|comet[\w-]*(?:\.[\w-]+)+\.[a-z]{2,}$"
    r"|(?:localhost|[\w-]+(?:\.[\w-]+)+|\[[0-9a-f:]+\]):\d+(?:/|$)|localhost(?:/|$)|\d+(?:\.\d+){3}(?:/|$)"
    r"|[\w-]+(?:\.[\w-]+)+\.[a-z]{2,}/|[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}/[^/]+/"
)


class FlyteSecret(Protocol):
    """A secret of Flyte: `flytekit.Secret`, or `flyte.Secret` of Flyte 2."""

    @property
    def key(self) -> object:
        """Name of the secret."""

    @property
    def group(self) -> object:
        """Group of the secret, if it has one."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a decorator, checked: what they mean stands at `comet_ml_login`.

    Raises:
        InvalidOptionError: When an option cannot work.
    """

    project_name: str
    workspace: str
    # A callable can close over the key; keywords can have it among them.
    secret: FlyteSecret | Callable[[], str] = field(repr=False)
    experiment_key: str | None = None
    host: str = COMET_SERVICE
    start: bool = True
    log_inputs: bool | Sequence[str] = True
    log_outputs: bool | Sequence[str] = False
    experiment_config: Any = None
    ranks: Literal["primary", "all"] = "primary"
    on_unavailable: Literal["offline", "raise"] = "offline"
    end_timeout: float = 60.0
    grace_period: float = 30.0
    scope: Scope = "attempt"
    resolver: str | None = None
    login_kwargs: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            value = CHECKS[option.name](option.name, getattr(self, option.name))
            object.__setattr__(self, option.name, value)
        if self.experiment_key is not None and self.scope != "attempt":
            raise InvalidOptionError(
                f"comet_ml_login: scope={self.scope!r} derives the experiment's key, but "
                f"experiment_key={shown(self.experiment_key, experiment_key=True)} gives it: everything logs to that "
                "one experiment. Leave one of the two out."
            )

    @functools.cached_property
    def link(self) -> CometLink:
        """The link from the Flyte console to the experiment."""
        return CometLink(self.project_name, self.workspace, self.host, self.experiment_key, self.scope)


# The checks of single options: each is called with the option's name and value, and returns the value to use.


def checked_project_name(option: str, value: Any) -> str:
    """Refuse what is no name, and the address of a project, with its scheme or without.

    Raises:
        InvalidOptionError: With what was given and what is expected.
    """
    TEXT.check(option, value)
    if "://" in value or _ADDRESS.match(value.strip()):
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be a name, not the address {shown(value)}. In the address that your "
            "browser shows for a project, the first part of the path is the workspace, the second the project."
        )
    return str(value)


def checked_workspace(option: str, value: object) -> str:
    """Refuse what is no name, and an address, with its server or without.

    Raises:
        InvalidOptionError: With what was given and what is expected.
    """
    name = checked_project_name(option, value)
    if "/" in name:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be one name, as it stands in the address of its projects, not "
            f"{shown(name)}."
        )
    return name


def checked_secret(option: str, secret: object) -> FlyteSecret | Callable[[], str]:
    """Refuse what is neither a secret of Flyte nor a callable.

    Raises:
        InvalidOptionError: With the type of what was given. Not with its value: people pass the key itself.
    """
    if is_flyte_secret(secret):
        # They stand in the task's template, which Flyte shows.
        refuse_api_key(option, [secret.key, secret.group])
        return secret
    name = name_of(secret)
    if inspect.iscoroutinefunction(secret) or inspect.isgeneratorfunction(secret) or inspect.isasyncgenfunction(secret):
        raise InvalidOptionError(
            f"comet_ml_login: `secret` must be callable, and return the API key; {name} is async, or a generator."
        )
    if not callable(secret) or isinstance(secret, type):
        raise InvalidOptionError(
            "comet_ml_login: `secret` must be a flytekit.Secret (in Flyte 2, a flyte.Secret) or a callable that "
            f"returns the API key, not a {type(secret).__name__}. For a Flyte secret: secret=Secret(group='comet-ml', "
            "key='comet-ml-api-key')."
        )
    try:
        inspect.signature(secret).bind()
    except TypeError:
        raise InvalidOptionError(
            f"comet_ml_login: `secret` must be callable without arguments; {name} needs some."
        ) from None
    except ValueError:
        # Some builtins do not tell their parameters.
        return secret
    return secret


def is_flyte_secret(secret: object) -> TypeGuard[FlyteSecret]:
    """Whether something is a secret of Flyte, of one generation or the other: neither is imported for it."""
    kinds = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(secret).__mro__)
    return any(kind in (("flytekit", "Secret"), ("flyte", "Secret")) for kind in kinds)


def checked_experiment_key(option: str, value: Any) -> str | None:
    """Refuse what is no text; warn about a text that Comet would refuse as a key.

    It is a warning, since a key can be good for a test with a mocked SDK.
    """
    if TEXT.or_none.check(option, value) is not None and not is_legal_key(value):
        logger.warning(
            "comet_ml_login: Comet will refuse experiment_key=%s: a key is 32 to 50 ASCII letters and digits; this "
            "one has %d characters.",
            shown(value),
            len(value),
        )
    return value  # type: ignore[no-any-return]


def checked_names(option: str, value: object) -> bool | Sequence[str]:
    """Refuse what is neither a bool nor a sequence of names.

    Raises:
        InvalidOptionError: With what was given and what is expected.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be True, False or a list of {option.removeprefix('log_')[:-1]} names, "
            f"not {shown(value)}."
        )
    refuse_api_key(option, value)
    return value


def checked_resolver(option: str, value: Any) -> str | None:
    """Refuse what is no address of a page.

    Raises:
        InvalidOptionError: With what was given and what is wrong with it.
    """
    problem = problem_of_page(value) if TEXT.or_none.check(option, value) is not None else None
    if problem is not None:
        raise InvalidOptionError(f"comet_ml_login: `resolver` {problem}.")
    return value  # type: ignore[no-any-return]


def checked_experiment_config(option: str, value: object) -> object:
    """Refuse what is neither a `comet_ml.ExperimentConfig` nor a dict of its arguments, and values that it cannot use.

    Raises:
        InvalidOptionError: With what was given, and the nearest name for an unknown argument.
    """
    if value is None:
        return None
    known, ask = arguments.EXPERIMENT_CONFIG_ARGUMENTS, arguments.installed_config_arguments
    if isinstance(value, Mapping):
        return _checked_each(value, known, ask, owner=option)
    if type(value).__name__ != "ExperimentConfig":
        raise InvalidOptionError(
            "comet_ml_login: `experiment_config` must be a comet_ml.ExperimentConfig or a dict of its arguments, not "
            f"{shown(value)}."
        )
    # Comet takes any value, and makes something of it when the experiment starts.
    _checked_each(arguments_of_config(value), known, ask, owner=option)
    return value


def checked_keywords(option: str, login_kwargs: Mapping[str, object]) -> Mapping[str, object]:
    """Refuse keywords that neither this plugin nor the SDK knows, and values that they cannot have.

    Raises:
        InvalidOptionError: With the nearest name that there is, or what the keyword can be.
    """
    if "project" in login_kwargs:
        raise InvalidOptionError(
            f"comet_ml_login: project={shown(login_kwargs['project'])} is another name of `project_name`; give only "
            "that."
        )
    return _checked_each(login_kwargs, arguments.KEYWORDS, arguments.installed_keywords, owner=DECORATOR)


def _checked_each(
    values: Mapping[str, object], known: Mapping[str, Kind], ask: Callable[[], Mapping[str, Kind]], owner: str
) -> dict[str, object]:
    # The SDK takes a second to load: it is asked only about a name that is not in the tables.
    if not known.keys() >= values.keys():
        known = {**ask(), **known}
    for name in values:
        if name not in known:
            raise InvalidOptionError(
                f"{owner}: unknown argument {shown(name)}; the installed comet-ml has no such setting."
                f"{did_you_mean(name, {*known, *(_own_arguments() if owner == DECORATOR else ())})}"
            )
    return {name: known[name].check(name, value, owner) for name, value in values.items()}


def _own_arguments() -> set[str]:
    return {option.name for option in dataclasses.fields(Options)} - {"login_kwargs"}


CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    "project_name": checked_project_name,
    "workspace": checked_workspace,
    "secret": checked_secret,
    "experiment_key": checked_experiment_key,
    "host": lambda option, value: web_address(value),
    "start": BOOL.check,
    "log_inputs": checked_names,
    "log_outputs": checked_names,
    "experiment_config": checked_experiment_config,
    "ranks": ChoiceKind(choices=("primary", "all")).check,
    "on_unavailable": ChoiceKind(choices=("offline", "raise")).check,
    "end_timeout": lambda option, value: float(SECONDS.check(option, value)),
    "grace_period": lambda option, value: float(SECONDS.check(option, value)),
    "scope": ChoiceKind(choices=SCOPES).check,
    "resolver": checked_resolver,
    "login_kwargs": checked_keywords,
}
"""What each option can be; there is one for every field of `Options`."""


def check_known_names(option: str, chosen: bool | Sequence[str], known: Sequence[str], function: str) -> None:
    """Refuse names that are not inputs, or outputs, of the decorated function.

    Args:
        option: `log_inputs` or `log_outputs`.
        chosen: Its value.
        known: The names that there are.
        function: Name of the function.

    Raises:
        InvalidOptionError: With the names that are unknown, and those that there are.
    """
    unknown = [] if isinstance(chosen, bool) else [name for name in chosen if name not in known]
    if unknown:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` names {', '.join(map(shown, unknown))}, but the {option.removeprefix('log_')} "
            f"of {function!r} are {', '.join(map(repr, known)) or 'none'}."
        )
