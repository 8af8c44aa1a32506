"""What part of the data a chart shows, chosen so that it stays put while a run grows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tui.plots.ticks import nice_step

Range = tuple[float, float]


@dataclass
class View:
    """The ranges shown last; new ones are taken only when the data no longer fits well."""

    x: Range | None = None
    y: Range | None = None
    gutter: int = 0
    """Cells left of the plot."""
    shown: tuple[Range, Range] | None = None
    """The ranges of x and y drawn last, zoomed or not; log10 of them on logarithmic axes."""

    def forget(self) -> None:
        """Fit anew at the next drawing."""
        self.x, self.y, self.gutter = None, None, 0


def x_range(low: float, high: float, previous: Range | None, *, live: bool, from_zero: bool = True) -> Range:
    """The range of x for data in `low`…`high`.

    A finished run fills the width. A live one gets 10 to 30 % of room that it grows into, so that its points are not
    all moved at every new one.

    Args:
        from_zero: begin at 0 when the data begins near it.
    """
    start = 0.0 if from_zero and 0.0 < low <= 0.2 * high else low
    span = high - start
    if not span > 0:
        return start - 0.5, start + 0.5 if not live else start + 1.0
    if not live:
        return start, high
    if previous and previous[0] == start and high <= previous[1] and span >= 0.4 * (previous[1] - start):
        return previous
    step = nice_step(span, 10)
    return start, start + math.ceil(span * 1.12 / step) * step


def y_range(low: float, high: float, rows: int, previous: Range | None = None) -> Range:
    """The range of y for data in `low`…`high`: whole half-steps of the ticks that `rows` lines have room for."""
    # Beyond that, steps and spans would not be floats; such values lie outside the plot.
    low, high = _opened(max(-1e300, min(low, 1e300)), max(-1e300, min(high, 1e300)))
    fits = previous is not None and previous[0] <= low and high <= previous[1]
    if previous is not None and fits and high - low >= 0.5 * (previous[1] - previous[0]):
        return previous
    half = nice_step(high - low, tick_count(rows)) / 2
    bottom, top = math.floor(low / half + 1e-6) * half, math.ceil(high / half - 1e-6) * half
    if not (math.isfinite(bottom) and math.isfinite(top) and bottom <= low and top >= high):
        return low, high
    return bottom, top


def tick_count(rows: int) -> int:
    """How many intervals the y-axis of a plot of `rows` lines is divided into."""
    return max(1, min(6, rows // 3))


def _opened(low: float, high: float) -> Range:
    """A constant, or what differs only by rounding, gets some room on both sides."""
    if high - low > 1e-12 * max(abs(low), abs(high)):
        return low, high
    middle = low + (high - low) / 2
    room = abs(middle) * 0.1 if abs(middle) > 1e-290 else 0.5
    return middle - room, middle + room
