"""A few recent values as a row of columns, for headers."""

from __future__ import annotations

import math
from collections.abc import Sequence

HEIGHTS = "▁▂▃▄▅▆▇█"
ASCII_HEIGHTS = "_.-=*#"


def sparkline(
    values: Sequence[float],
    width: int,
    *,
    low: float | None = None,
    high: float | None = None,
    ascii_only: bool = False,
) -> str:
    """The last values, one character each, averaged in groups when there are more than `width`.

    Args:
        low, high: what the lowest and the highest column stand for; the values' own range when None.

    Returns:
        At most `width` characters; a space where there is no finite value.
    """
    if width <= 0 or not len(values):
        return ""
    grouped = [_mean(group) for group in _groups(list(values), width)]
    finite = [value for value in grouped if math.isfinite(value)]
    if not finite:
        return " " * len(grouped)
    bottom = min(finite) if low is None else low
    top = max(finite) if high is None else high
    heights = ASCII_HEIGHTS if ascii_only else HEIGHTS
    return "".join(_column(value, bottom, top, heights) for value in grouped)


def _groups(values: list[float], width: int) -> list[list[float]]:
    if len(values) <= width:
        return [[value] for value in values]
    edges = [index * len(values) // width for index in range(width + 1)]
    return [values[edges[i] : edges[i + 1]] for i in range(width)]


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(value / len(finite) for value in finite) if finite else math.nan


def _column(value: float, low: float, high: float, heights: str) -> str:
    if not math.isfinite(value):
        return " "
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span > 0 else 0.5 if value == low else float(value > low)
    return heights[max(0, min(len(heights) - 1, int(share * len(heights))))]
