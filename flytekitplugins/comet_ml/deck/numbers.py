"""Numbers as people write them: values of a metric, the labels of an axis, a duration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_MINUS = "\N{MINUS SIGN}"


def number(value: float) -> str:
    """A number as people write it, to five digits: ``0.97333``, ``1,250``, ``3.2e-5``."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else f"{_MINUS}∞"
    if value == int(value) and abs(value) < 1e7:
        return _minus(f"{int(value):,}")
    return _minus(_plain_exponent(f"{value:.5g}"))


def span(seconds: float) -> str:
    """A duration as people say it: ``2 h 5 min``, ``3 min 20 s``, ``1.2 s``."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    return f"{seconds:.1f} s"


def labels_of(values: Sequence[float]) -> list[tuple[float, str]]:
    """Values with their texts, as many digits in each as tell them apart; none twice."""
    largest = max(abs(value) for value in values)
    step = min((b - a for a, b in itertools.pairwise(values)), default=0.0)
    found: dict[str, float] = {}
    for value in values:
        if step <= 0 or not math.isfinite(step):
            text = number(value)
        elif largest < 1e5 and step >= 1e-4:
            text = f"{value:,.{max(0, -math.floor(math.log10(step * 1.001)))}f}"
        else:
            digits = min(9, max(2, 1 + math.ceil(math.log10(largest / step) + 0.01))) if step > 0 else 5
            text = _scaled(value) or _plain_exponent(f"{value:.{digits}g}")
        found.setdefault(_minus(text), value)
    return [(value, text) for text, value in found.items()]


def _scaled(value: float) -> str:
    """A large round number with its unit: ``20k``, ``1.5M``; empty for others."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if factor <= abs(value) < factor * 1e3 and round(value / factor, 1) * factor == value:
            return f"{value / factor:g}{unit}"
    return "0" if value == 0 else ""


def _plain_exponent(text: str) -> str:
    mantissa, separator, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if separator else text


def _minus(text: str) -> str:
    text = text if text.strip("-0.,") else text.replace("-", "")
    return text.replace("-", _MINUS, 1) if text.startswith("-") else text
