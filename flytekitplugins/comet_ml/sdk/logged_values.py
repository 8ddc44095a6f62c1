"""What was logged to an experiment in this process, without asking the server."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..log import logger


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

    @functools.wraps(original)
    def log_metric(name: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(name, value, *args, **kwargs)
        try:
            _report_metric(experiment, name, value, args, kwargs, seen)
        except Exception:
            # The metric is with Comet by now; whatever the deck cannot take must not reach the task.
            logger.debug("A metric is missing in the deck.", exc_info=True)
        return result

    experiment._log_metric = log_metric
    return functools.partial(vars(experiment).pop, "_log_metric", None)


def _report_metric(
    experiment: Any,
    name: Any,
    value: Any,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    seen: Callable[[str, Any, Any], object],
) -> None:
    name = str(name)
    # The SDK takes no notice of some automatic ones, and logs those of the system by itself.
    if value is not None and name in experiment.metrics and not is_of_the_system(name, kwargs.get("framework")):
        context = experiment.context if kwargs.get("include_context", args[2] if len(args) > 2 else True) else None
        seen(f"{context}_{name}" if context else name, value, experiment.curr_step)


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


def logged_other(experiment: Any, name: str) -> str | None:
    """An Other that was logged in this process, if it is a text."""
    try:
        value = experiment.get_other(name)
    except (AttributeError, KeyError):
        return None
    return value if isinstance(value, str) else None
