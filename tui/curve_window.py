"""The part of an axis in sight: zooming, panning, following the newest point; positions may be logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tui.plots.ranges import Range

LEAST = 1e-7
"""The least part of everything that is zoomed in on."""
ROOM = 0.15
"""Of the width, what is left free on the right for the points to come."""


@dataclass(frozen=True)
class Window:
    """What is in sight of x; everything where `x` is None."""

    x: Range | None = None
    follows: bool = False
    """Whether it goes along with the newest point."""
    typed: bool = False
    """Whether its limits were typed: they stay as they are."""


ALL = Window()


def zoomed(window: Window, full: Range, factor: float, around: float | None, *, log: bool = False) -> Window:
    """Zoom by `factor` (below 1: nearer).

    Args:
        full: the range of all the data.
        around: the place that stays where it is on screen; the newest end when None.
    """
    low, high = _scaled(window.x or full, log)
    first, last = _scaled(full, log)
    if not last > first:
        return window
    at = high if around is None or not (around > 0 or not log) else _scale(around, log)
    at = min(max(at, low), high)
    span = max((high - low) * factor, (last - first) * LEAST)
    share = (at - low) / (high - low)
    return _kept(at - share * span, span, (first, last), log)


def panned(window: Window, full: Range, share: float, *, log: bool = False) -> Window:
    """Move by a share of the width; it goes no further than the data does."""
    if window.x is None:
        return window
    low, high = _scaled(window.x, log)
    span = high - low
    return _kept(low + share * span, span, _scaled(full, log), log)


def followed(window: Window, full: Range, *, live: bool, log: bool = False) -> Window:
    """The window for data that has grown: one that follows moves on in strides, so that most cells stay as they are."""
    if window.x is None or not window.follows:
        return window
    low, high = _scaled(window.x, log)
    last, span = _scale(full[1], log), high - low
    if low < last <= high:
        return window
    end = last + (ROOM * span if live else 0.0)
    return replace(window, x=_unscaled((end - span, end), log))


def typed(low: float | None, high: float | None, full: Range) -> Window:
    """The window of typed limits; what was left out is the data's."""
    if low is None and high is None:
        return ALL
    x = (full[0] if low is None else low, full[1] if high is None else high)
    return Window(x, follows=False, typed=True) if x[1] > x[0] else ALL


def _kept(low: float, span: float, full: Range, log: bool) -> Window:
    """A window of this width that holds as much data as it can; all of it is no window."""
    first, last = full
    if span >= (last - first) * (1 - 1e-9):
        return ALL
    low = min(max(low, first), last - span)
    follows = low + span >= last - 1e-9 * (last - first)
    return Window(_unscaled((low, low + span), log), follows)


def _scale(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log10(value) if value > 0 else -300.0


def _scaled(ends: Range, log: bool) -> Range:
    return _scale(ends[0], log), _scale(ends[1], log)


def _unscaled(ends: Range, log: bool) -> Range:
    return (10.0 ** ends[0], 10.0 ** ends[1]) if log else ends


def moved(ends: Range, factor: float, share: float) -> Range:
    """A range (scaled) narrowed or widened around its middle, then moved by a share of its width."""
    middle, half = (ends[0] + ends[1]) / 2 + share * (ends[1] - ends[0]), (ends[1] - ends[0]) / 2 * factor
    return middle - half, middle + half
