"""The arguments of `comet_ml_login`, checked when the task is decorated."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, ParamSpec
from urllib.parse import urlsplit

from .errors import InvalidOptionError
from .keys.experiment_key import SCOPES, Scope, is_legal_key
from .link import CometLink, problem_of_page
from .log import logger
from .sdk import arguments
from .sdk.keywords import COMMON_SETTINGS, EXPERIMENT_CONFIG_ARGUMENTS, NOT_SETTINGS

P = ParamSpec("P")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a decorator, checked: what they mean stands at `comet_ml_login`.

    Raises:
        InvalidOptionError: When an option cannot work.
    """

    project_name: str
    workspace: str
    # A callable can close over the key; keywords can have it among them.
    secret: Any = field(repr=False)
    experiment_key: str | None = None
    host: str = "https://www.comet.com"
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
        check_text("project_name", self.project_name)
        check_text("workspace", self.workspace)
        check_secret(self.secret)
        check_experiment_key(self.experiment_key)
        check_bool("start", self.start)
        check_names_of("log_inputs", self.log_inputs)
        check_names_of("log_outputs", self.log_outputs)
        check_choice("ranks", self.ranks, ("primary", "all"))
        check_choice("on_unavailable", self.on_unavailable, ("offline", "raise"))
        check_seconds("end_timeout", self.end_timeout)
        check_seconds("grace_period", self.grace_period)
        check_scope(self.scope, self.experiment_key)
        check_resolver(self.resolver)
        check_experiment_config(self.experiment_config)
        check_keywords(self.login_kwargs)
        object.__setattr__(self, "host", web_address(self.host))

    @property
    def link(self) -> CometLink:
        """The link from the Flyte console to the experiment."""
        return CometLink(self.project_name, self.workspace, self.host, self.experiment_key, self.scope)


def check_secret(secret: object) -> None:
    """Refuse what is neither a secret of Flyte nor a callable, when the task is decorated.

    Raises:
        InvalidOptionError: With the type of what was given. Not with its value: people pass the key itself.
    """
    if is_flyte_secret(secret):
        return
    if callable(secret) and not isinstance(secret, type):
        try:
            inspect.signature(secret).bind()
        except TypeError:
            raise InvalidOptionError(
                f"comet_ml_login: `secret` must be callable without arguments; "
                f"{getattr(secret, '__qualname__', type(secret).__name__)!r} needs some."
            ) from None
        except ValueError:
            # Some builtins do not tell their parameters.
            return
        return
    raise InvalidOptionError(
        f"comet_ml_login: `secret` must be a flytekit.Secret or a callable that returns the API key, not a "
        f"{type(secret).__name__}. For a Flyte secret: secret=Secret(group='comet-ml', key='comet-ml-api-key')."
    )


def is_flyte_secret(secret: object) -> bool:
    """Whether something is a secret of Flyte, of one generation or the other: neither is imported for it."""
    kinds = ((kind.__module__.partition(".")[0], kind.__name__) for kind in type(secret).__mro__)
    return any(kind in (("flytekit", "Secret"), ("flyte", "Secret")) for kind in kinds)


_KINDS = {"api_key": str, "disabled": bool, "mode": str, "online": bool, "source": str}


def explained(init: Callable[P, None]) -> Callable[P, None]:
    """Decorate an ``__init__`` so that missing arguments are named with the remedy, and a bare decorator is noticed."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    required = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]

    @functools.wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        given = args[1:]
        if len(given) == 1 and not kwargs and callable(given[0]):
            name = getattr(given[0], "__name__", repr(given[0]))
            raise InvalidOptionError(
                f"@comet_ml_login was put on {name!r} without arguments. Write "
                "@comet_ml_login(project_name=..., workspace=..., secret=...)."
            )
        missing = [name for name in required[len(given) :] if name not in kwargs]
        if missing:
            raise InvalidOptionError(
                f"comet_ml_login: {' and '.join(f'`{name}`' for name in missing)} must be set"
                f"{_misspelt(missing, kwargs)}. Write @comet_ml_login(project_name=..., workspace=..., secret=...)."
            )
        init(*args, **kwargs)

    return checked


def _misspelt(missing: Sequence[str], keywords: Mapping[str, Any]) -> str:
    import difflib

    meant = ((name, difflib.get_close_matches(name, keywords, n=1)) for name in missing)
    found = " and ".join(f"`{name}`, not `{given[0]}`" for name, given in meant if given)
    return f" (the name is {found})" if found else ""


def check_text(option: str, value: object) -> None:
    """Refuse what is no text, or empty.

    Raises:
        InvalidOptionError: With the option, what was given and what is expected.
    """
    if not isinstance(value, str):
        raise InvalidOptionError(f"comet_ml_login: `{option}` must be a string, not {value!r}.")
    if not value.strip():
        raise InvalidOptionError(f"comet_ml_login: `{option}` must not be empty; got {value!r}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be text that can be written as UTF-8; got {value!r}."
        ) from None


def check_bool(option: str, value: object) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InvalidOptionError: With the option and what was given.
    """
    if not isinstance(value, bool):
        raise InvalidOptionError(f"comet_ml_login: `{option}` must be True or False, not {value!r}.")


def check_choice(option: str, value: object, choices: Sequence[str]) -> None:
    """Refuse what is none of the values that an option has.

    Raises:
        InvalidOptionError: With the option, what was given and the values.
    """
    if value not in choices:
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be {' or '.join(map(repr, choices))}, not {value!r}."
        )


def check_seconds(option: str, value: object) -> None:
    """Refuse what is no positive number of seconds.

    Raises:
        InvalidOptionError: With the option and what was given.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < math.inf:  # type: ignore[operator]
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be a number of seconds greater than 0, not {value!r}."
        )


def check_experiment_key(value: str | None) -> None:
    """Refuse what is no text; warn about a text that Comet would refuse as a key.

    It is a warning, since a key can be good for a test with a mocked SDK.
    """
    if value is None:
        return
    check_text("experiment_key", value)
    if not is_legal_key(value):
        logger.warning(
            "comet_ml_login: Comet will refuse experiment_key=%r: a key is 32 to 50 ASCII letters and digits; this "
            "one has %d characters.",
            value,
            len(value),
        )


def check_scope(scope: object, experiment_key: str | None) -> None:
    """Refuse what is no scope, and one that a given key makes meaningless.

    Raises:
        InvalidOptionError: With what was given and the remedy.
    """
    check_choice("scope", scope, SCOPES)
    if experiment_key is not None and scope != "attempt":
        raise InvalidOptionError(
            f"comet_ml_login: scope={scope!r} derives the experiment's key, but experiment_key={experiment_key!r} "
            "gives it: everything logs to that one experiment. Leave one of the two out."
        )


def check_resolver(value: str | None) -> None:
    """Refuse what is no address of a page.

    Raises:
        InvalidOptionError: With what was given and what is wrong with it.
    """
    if value is None:
        return
    check_text("resolver", value)
    problem = problem_of_page(value)
    if problem is not None:
        raise InvalidOptionError(f"comet_ml_login: `resolver` {value!r} {problem}.")


def web_address(host: str) -> str:
    """The address of a Comet host, with its scheme and without a slash at its end.

    Raises:
        InvalidOptionError: For what is no address of a web server.
    """
    check_text("host", host)
    address = host.strip().rstrip("/")
    if "://" not in host:
        logger.warning("comet_ml_login: host=%r has no scheme; taking https://%s.", host, address)
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        private = parts.username is not None
    except ValueError:
        valid = private = False
    if private:
        raise InvalidOptionError(
            "comet_ml_login: `host` must be an address without a user name and password: it stands in the link that "
            "the Flyte console shows."
        )
    if not valid or any(character.isspace() for character in address):
        raise InvalidOptionError(
            "comet_ml_login: `host` must be the address of a Comet service, such as https://www.comet.com, not "
            f"{host!r}."
        )
    for ending in ("/clientlib", "/api"):
        if parts.path.endswith(ending):
            raise InvalidOptionError(
                f"comet_ml_login: `host` must be the address that your browser shows, "
                f"{address.removesuffix(ending)!r}, not {host!r}: the SDK's own paths are added to it."
            )
    if parts.query or parts.fragment:
        raise InvalidOptionError(
            f"comet_ml_login: `host` must be an address without a query and a fragment, not {host!r}."
        )
    return address


def check_names_of(option: str, value: object) -> None:
    """Refuse what is neither a bool nor a sequence of names.

    Raises:
        InvalidOptionError: With what was given and what is expected.
    """
    if isinstance(value, bool):
        return
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(name, str) for name in value):
        raise InvalidOptionError(
            f"comet_ml_login: `{option}` must be True, False or a list of {option.removeprefix('log_')[:-1]} names, "
            f"not {value!r}."
        )


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
            f"comet_ml_login: `{option}` names {', '.join(map(repr, unknown))}, but the {option.removeprefix('log_')} "
            f"of {function!r} are {', '.join(map(repr, known)) or 'none'}."
        )


def check_keywords(login_kwargs: Mapping[str, Any]) -> None:
    """Refuse keywords that neither this plugin nor the SDK knows.

    Raises:
        InvalidOptionError: With the nearest name that there is.
    """
    if "project" in login_kwargs:
        raise InvalidOptionError(
            f"comet_ml_login: project={login_kwargs['project']!r} is another name of `project_name`; give only that."
        )
    for name, kind in _KINDS.items():
        value = login_kwargs.get(name)
        if value is not None and not isinstance(value, kind):
            shown = type(value).__name__ if name == "api_key" else repr(value)
            raise InvalidOptionError(f"comet_ml_login: `{name}` must be a {kind.__name__}, not {shown}.")
    if login_kwargs.get("mode") is not None:
        check_choice("mode", login_kwargs["mode"], ("get_or_create", "get", "create"))
    _check_names("comet_ml_login", login_kwargs, COMMON_SETTINGS | NOT_SETTINGS, arguments.known_arguments)


def check_experiment_config(value: object) -> None:
    """Refuse what is neither a `comet_ml.ExperimentConfig` nor a dict of its arguments.

    Raises:
        InvalidOptionError: With what was given, and the nearest name for an unknown argument.
    """
    if value is None:
        return
    if isinstance(value, Mapping):
        _check_names("experiment_config", value, EXPERIMENT_CONFIG_ARGUMENTS, arguments.experiment_config_arguments)
    elif type(value).__name__ != "ExperimentConfig":
        raise InvalidOptionError(
            "comet_ml_login: `experiment_config` must be a comet_ml.ExperimentConfig or a dict of its arguments, not "
            f"{value!r}."
        )


def _check_names(
    owner: str, names: Mapping[str, Any], known: frozenset[str], ask: Callable[[], frozenset[str]]
) -> None:
    # The SDK takes a second to load: it is asked only about a name that is not in the lists above.
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    import difflib

    known = known | ask()
    for name in unknown:
        if name not in known:
            own = {
                "experiment_config",
                "experiment_key",
                "end_timeout",
                "grace_period",
                "host",
                "log_inputs",
                "log_outputs",
                "on_unavailable",
                "project_name",
                "ranks",
                "resolver",
                "scope",
                "start",
                "workspace",
            }
            candidates = known | own if owner == "comet_ml_login" else known
            near = difflib.get_close_matches(str(name), sorted(candidates), n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            raise InvalidOptionError(
                f"{owner}: unknown argument {name!r}; the installed comet-ml has no such setting.{hint}"
            )
