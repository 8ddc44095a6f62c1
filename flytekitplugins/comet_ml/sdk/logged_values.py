"""What was logged to an experiment in this process, without asking the server."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..log import logger

_MAX_NAMES = 10_000
"""Names of metrics that are remembered; others are looked up each time."""

# Of a name that the SDK has cut off, so much at least is there, and no more than that was put to its end.
_SHORTEST_CUT, _LONGEST_END = 60, 20


def watch_metrics(experiment: Any, seen: Callable[[str, Any, Any], object]) -> Callable[[], None]:
    """Hear of every metric that is logged to an experiment in this process, the automatically logged ones included.

    Those of the system (``sys.cpu.percent.avg``) are left out.

    The public functions and the automatic logging meet in one method, which is not public. Without it nothing is heard,
    and only last values are known.

    Args:
        experiment: The experiment.
        seen: Called with name, value and step, after the SDK has taken the metric, in whatever thread logs it. What it
            raises reaches nobody.

    Returns:
        Stops it.
    """
    original = getattr(experiment, "_log_metric", None)
    if not callable(original) or "_log_metric" in getattr(experiment, "__dict__", {}):
        logger.debug("The metrics of a %s cannot be watched.", type(experiment).__name__)
        return lambda: None

    names: dict[str, str] = {}

    @functools.wraps(original)
    def log_metric(name: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(name, value, *args, **kwargs)
        try:
            if value is not None:
                _report_metric(experiment, names, name, value, args, kwargs, seen)
        except Exception:
            # The metric is with Comet by now; whatever the deck cannot take must not reach the task.
            logger.debug("A metric is missing in the deck.", exc_info=True)
        return result

    experiment._log_metric = log_metric
    return functools.partial(vars(experiment).pop, "_log_metric", None)


def _report_metric(
    experiment: Any,
    names: dict[str, str],
    name: Any,
    value: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seen: Callable[[str, Any, Any], object],
) -> None:
    """Report a metric that has just been logged. This runs for each value of a training, and so must be quick.

    Args:
        experiment: The experiment.
        names: For each name that was looked up: how the SDK has it.
        name: The name, as it was given.
        value: The value, as it was given.
        args: Further positional arguments of the call.
        kwargs: Its keywords.
        seen: Is told of it.
    """
    name = str(name)
    taken = names.get(name)
    if taken is None:
        # The SDK takes no notice of some automatic ones, and logs those of the system by itself.
        if is_of_the_system(name, kwargs.get("framework")):
            return
        taken = _name_in(experiment.metrics, name)
        if taken is None:
            return
        if len(names) < _MAX_NAMES:
            names[name] = taken
    if type(value) is not float and type(value) is not int:
        # A tensor, for one: the SDK has made a number of it, and to do so again can cost a wait for the GPU.
        value = experiment.metrics[taken]
    context = experiment.context if kwargs.get("include_context", args[2] if len(args) > 2 else True) else None
    seen(f"{context}_{taken}" if context else taken, value, experiment.curr_step)


def _name_in(metrics: Mapping[str, Any], name: str) -> str | None:
    """The name that the SDK has for a metric: it cuts off long ones, and says so in their ends.

    Args:
        metrics: The values that the SDK has, by its names.
        name: The name, as it was given.

    Returns:
        None if the SDK does not have the metric.
    """
    if name in metrics:
        return name
    common = {key: _length_of_common_start(key, name) for key in metrics}
    cut_off = [key for key, length in common.items() if _SHORTEST_CUT <= length < len(key) <= length + _LONGEST_END]
    return max(cut_off, key=lambda key: common[key], default=None)


def _length_of_common_start(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((position for position, (a, b) in pairs if a != b), min(len(one), len(other)))


def last_metrics(experiment: Any) -> dict[str, Any]:
    """The last value of each metric that was logged in this process, but for those of the system."""
    metrics = getattr(experiment, "metrics", None)
    found = dict(metrics) if isinstance(metrics, Mapping) else {}
    return {str(name): value for name, value in found.items() if not is_of_the_system(str(name))}


def is_of_the_system(name: str, framework: Any = None) -> bool:
    """Whether a metric is one of those by which the SDK watches the machine."""
    # The name of a process can stand before.
    return framework == "comet" or name == "process duration" or ".sys." in f".{name}"


def logged_parameters(experiment: Any) -> dict[str, Any]:
    """The parameters that were logged in this process, but for those by which the SDK keeps count."""
    parameters = getattr(experiment, "params", None)
    found = dict(parameters) if isinstance(parameters, Mapping) else {}
    return {str(name): value for name, value in found.items() if not is_bookkeeping(name)}


def is_bookkeeping(name: object) -> bool:
    """Whether a parameter is one by which the SDK keeps count."""
    return name in ("curr_step", "curr_epoch")


def logged_tags(experiment: Any) -> list[str]:
    """The tags that were added in this process."""
    tags = getattr(experiment, "tags", None)
    return sorted(map(str, tags)) if isinstance(tags, Collection) and not isinstance(tags, str) else []


def logged_other(experiment: Any, name: str) -> str | None:
    """An Other that was logged in this process, if it is a text."""
    try:
        value = experiment.get_other(name)
    except (AttributeError, KeyError):
        return None
    return value if isinstance(value, str) else None
