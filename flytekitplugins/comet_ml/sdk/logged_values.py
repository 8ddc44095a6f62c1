"""What was logged to an experiment in this process, without asking the server."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from ..log import logger
from .protocols import Experiment

_MAX_NAMES = 10_000
"""Names of metrics that are remembered; others are looked up each time."""

# Of a name that the SDK has cut off, so much at least is there, and no more than that was put to its end.
_SHORTEST_CUT, _LONGEST_END = 60, 20


Seen: TypeAlias = Callable[[str, object, object], object]
"""Is told of a metric: its name, value and step."""


def watch_metrics(experiment: Experiment, seen: Seen) -> Callable[[], None]:
    """Hear of every metric that is logged to an experiment in this process, the automatically logged ones included.

    Those of the system (``sys.cpu.percent.avg``) are left out.

    The public functions and the automatic logging meet in one method, which is not public. Without it nothing is heard,
    and only last values are known.

    Args:
        experiment: The experiment.
        seen: Called after the SDK has taken the metric, in whatever thread logs it. What it raises reaches nobody.

    Returns:
        Stops it.
    """
    original = getattr(experiment, "_log_metric", None)
    if not callable(original) or "_log_metric" in getattr(experiment, "__dict__", {}):
        logger.debug("The metrics of a %s cannot be watched.", type(experiment).__name__)
        return lambda: None

    names: dict[str, str] = {}

    # This runs for each value of a training, and so must be quick.
    @functools.wraps(original)
    def log_metric(name: object, value: object, *args: object, **kwargs: object) -> None:
        original(name, value, *args, **kwargs)
        try:
            given = str(name)
            taken = names.get(given) or _name_in(experiment.metrics, given, kwargs.get("framework"))
            if value is None or taken is None:
                return
            if len(names) < _MAX_NAMES:
                names[given] = taken
            if type(value) is not float and type(value) is not int:
                # A tensor, for one: the SDK has made a number of it, and to do so again can cost a wait for the GPU.
                value = experiment.metrics[taken]
            in_context = kwargs.get("include_context", args[2] if len(args) > 2 else True)
            context = experiment.context if in_context else None
            seen(f"{context}_{taken}" if context else taken, value, experiment.curr_step)
        except Exception:
            # The metric is with Comet by now; whatever the deck cannot take must not reach the task.
            logger.debug("A metric is missing in the deck.", exc_info=True)

    vars(experiment)["_log_metric"] = log_metric
    return functools.partial(vars(experiment).pop, "_log_metric", None)


def _name_in(metrics: Mapping[str, object], name: str, framework: object) -> str | None:
    """The name that the SDK has for a metric: it cuts off long ones, and says so in their ends.

    Args:
        metrics: The values that the SDK has, by its names.
        name: The name, as it was given.
        framework: What has logged the metric automatically.

    Returns:
        None for one of the system, and for one of which the SDK takes no notice.
    """
    if is_of_the_system(name, framework):
        return None
    if name in metrics:
        return name
    common = {key: len(os.path.commonprefix((key, name))) for key in metrics}  # noqa: RUF071 - by characters
    cut_off = [key for key, length in common.items() if _SHORTEST_CUT <= length < len(key) <= length + _LONGEST_END]
    return max(cut_off, key=lambda key: common[key], default=None)


def last_metrics(experiment: object) -> dict[str, object]:
    """The last value of each metric that was logged in this process, but for those of the system."""
    return {name: value for name, value in _values(experiment, "metrics").items() if not is_of_the_system(name)}


def _values(experiment: object, attribute: str) -> dict[str, object]:
    values = getattr(experiment, attribute, None)
    return {str(name): value for name, value in dict(values).items()} if isinstance(values, Mapping) else {}


def is_of_the_system(name: str, framework: object = None) -> bool:
    """Whether a metric is one of those by which the SDK watches the machine."""
    # The name of a process can stand before.
    return framework == "comet" or name == "process duration" or ".sys." in f".{name}"


def logged_parameters(experiment: object) -> dict[str, object]:
    """The parameters that were logged in this process, but for those by which the SDK keeps count."""
    return {name: value for name, value in _values(experiment, "params").items() if not is_bookkeeping(name)}


def is_bookkeeping(name: object) -> bool:
    """Whether a parameter is one by which the SDK keeps count."""
    return name in ("curr_step", "curr_epoch")


def logged_tags(experiment: object) -> list[str]:
    """The tags that were added in this process."""
    tags = getattr(experiment, "tags", None)
    return sorted(map(str, tags)) if isinstance(tags, Collection) and not isinstance(tags, str) else []


def logged_other(experiment: Experiment, name: str) -> str | None:
    """An Other that was logged in this process, if it is a text."""
    try:
        value = experiment.get_other(name)
    except (AttributeError, KeyError):
        return None
    return value if isinstance(value, str) else None
