"""Which messages of an archive the server has already. Those are not sent a second time.

A run that lost its server has everything in its archive, and some of it had arrived before. An upload can also be cut
off half-way. Comet adds what it is sent to what it has, so the same metric value twice is two points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .archive import Message, name_of_metric

Point = tuple[str, float | str | None, float | str, float | str]
"""A value of a metric: name, step, value, and the time when it was logged in milliseconds since the epoch."""


@dataclass(frozen=True)
class Delivered:
    """What the server has of an experiment.

    Attributes:
        points: The values of its metrics, and how many times each of them is there.
        assets: The ids of its assets: the SDK makes them up when the asset is logged.
        lines: The lines of its output, and how many times each of them is there.
        html: Its HTML.
        others: Names of the Others that stay as they are.
        parameters: Names of the parameters that stay as they are.
    """

    points: Mapping[Point, int] = field(default_factory=dict)
    assets: frozenset[str] = frozenset()
    lines: Mapping[str, int] = field(default_factory=dict)
    html: str = ""
    others: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()


def point(name: str, step: object, value: object, timestamp: object) -> Point:
    """A value of a metric as it can be compared: the server gives back numbers as texts."""
    return name, None if step is None else _comparable(step), _comparable(value), _comparable(timestamp)


def points_of(metrics: Iterable[Mapping[str, Any]]) -> Counter[Point]:
    """The values in an answer of `comet_ml.APIExperiment.get_metrics`."""
    return Counter(
        point(
            _stored_name(metric["metricName"], metric.get("runContext")),
            metric.get("step"),
            metric["metricValue"],
            metric.get("timestamp"),
        )
        for metric in metrics
    )


def names_on_server(name: str, context: str | None) -> list[str]:
    """The names that a metric or parameter can have on the server. The likely one, with its context, is first."""
    return [f"{context}_{name}", name] if context else [name]


def undelivered(messages: Iterable[Message], delivered: Delivered) -> Iterator[Message]:
    """The messages that the server does not have.

    Values of metrics are compared by name, step, value and time, each as often as the server has it. Assets are
    compared by their id, output by whole lines, and HTML by its text. Everything else replaces what is there if it is
    sent again.

    Args:
        messages: An archive's messages.
        delivered: What the server has.
    """
    points, lines = Counter(delivered.points), Counter(delivered.lines)
    output: dict[object, list[Message]] = {}
    for message in messages:
        if message.type == "metric_msg":
            metric, time = message.payload["metric"], message.payload.get("local_timestamp")
            candidate = point(
                names_on_server(*name_of_metric(message))[0], metric.get("step"), metric.get("metricValue"), time
            )
            if points[candidate] > 0:
                points[candidate] -= 1
            else:
                yield message
        elif message.type == "standard_output":
            part = output.setdefault(message.payload.get("stderr"), [])
            part.append(message)
            if str(message.payload.get("output")).endswith("\n"):
                yield from _lines_not_there(part, lines)
                part.clear()
        elif not _is_there(message, delivered):
            yield message
    for part in output.values():
        yield from _lines_not_there(part, lines)


def _is_there(message: Message, delivered: Delivered) -> bool:
    payload = message.payload
    if message.is_asset:
        return message.asset.get("assetId") in delivered.assets
    if message.type == "html":
        html = payload.get("html")
        return bool(html) and str(html) in delivered.html
    if message.type == "log_other":
        return str(payload.get("key")) in delivered.others
    if message.type == "parameter_msg":
        names = names_on_server(str(message.parameter.get("paramName")), payload.get("context"))
        return any(name in delivered.parameters for name in names)
    return False


def _stored_name(name: str, context: str | None) -> str:
    """The name with its context in front. A server may leave the context out, for those who show the name to add."""
    return name if not context or name.startswith(f"{context}_") else f"{context}_{name}"


def _lines_not_there(part: list[Message], lines: Counter[str]) -> list[Message]:
    """The messages of whole lines of output; none if the server has every line of them."""
    wanted = Counter("".join(str(message.payload.get("output")) for message in part).splitlines())
    if part and wanted <= lines:
        lines.subtract(wanted)
        return []
    return list(part)


def _comparable(value: object) -> float | str:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return str(value)
    return number if number == number else "NaN"
