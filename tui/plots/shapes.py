"""A plot's data as it will be drawn: which points are in sight, on which scale, in which ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tui.plots.canvas import Floats
from tui.plots.ranges import Range, x_range, y_range
from tui.plots.spec import Curve, Plot
from tui.points import Points
from tui.xaxis import XAxis

MANY = 4096
"""So many points in sight are a good part of all there are: they are smoothed at fewer places."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A curve's arrays as they are drawn: x and y already on linear scales."""

    x: Floats
    low: Floats
    high: Floats
    line: Floats


@dataclass(frozen=True, slots=True)
class Shape:
    """A curve prepared: what is drawn of it, and the points behind."""

    points: Points
    raw: Trace | None
    main: Trace
    band: Trace | None = None
    """What is shaded around it."""


def x_extent(plot: Plot) -> Range | None:
    """The range of x (log10 of it on a logarithmic axis); None when nothing has a point."""
    ends = []
    for curve in plot.curves:
        points = curve.source.points(xmap=curve.xmap(plot.x_axis))
        if plot.log_x:
            points = points[points.x > 0]
        if len(points):
            ends.append((float(points.x[0]), float(points.x[-1])))
    if not ends:
        plot.view.x = None
        return None
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if plot.zoom and plot.zoom[1] > plot.zoom[0] and (plot.zoom[0] > 0 or not plot.log_x):
        low, high = plot.zoom
        return (math.log10(low), math.log10(high)) if plot.log_x else (low, high)
    if plot.log_x:
        low, high = math.log10(low), math.log10(high)
    from_zero = plot.x_axis not in (XAxis.WALL, XAxis.METRIC) and not plot.log_x
    plot.view.x = x_range(low, high, plot.view.x, live=plot.live, from_zero=from_zero)
    return plot.view.x


def shape_of(plot: Plot, curve: Curve, extent: Range) -> Shape:
    xmap = curve.xmap(plot.x_axis)
    low, high = (10.0 ** extent[0], 10.0 ** extent[1]) if plot.log_x else extent
    points = curve.source.points(None, low, high, xmap)
    if plot.log_x:
        points = points[points.x > 0]
    weight = plot.smooth if curve.smooth is None else curve.smooth
    middle = np.where(np.isfinite(points.last), points.last, points.mean)
    low_y, high_y, line_y = (scaled(v, plot.log_y) for v in (points.low, points.high, middle))
    exact = Trace(scaled(points.x, plot.log_x), low_y, high_y, line_y)
    if curve.band:
        return Shape(points, None, Trace(exact.x, line_y, line_y, line_y), exact)
    if weight <= 0 or curve.source.count < 3:
        return Shape(points, None, exact)
    x, average = curve.source.smoothed(weight, xmap, coarse=len(points) >= MANY)
    begin, end = np.searchsorted(x, (low, high)).tolist()
    first = int(np.searchsorted(x, 0.0, "right")) if plot.log_x else 0
    window = slice(max(first, begin - 1), end + 1)
    line = scaled(average[window], plot.log_y)
    return Shape(points, exact if curve.raw else None, Trace(scaled(x[window], plot.log_x), line, line, line))


def scaled(values: Floats, log: bool) -> Floats:
    return np.log10(np.where(values > 0, values, np.nan)) if log else values


def y_extent(plot: Plot, shapes: list[Shape], rows: int) -> Range | None:
    """The range of y (log10 of it on a logarithmic axis); None when no value is finite."""
    if plot.fixed_y is not None and (plot.fixed_y[0] > 0 or not plot.log_y):
        low, high = plot.fixed_y
        return (math.log10(low), math.log10(high)) if plot.log_y else (low, high)
    ends = [end for shape in shapes for end in _ends(plot, shape)]
    values = [b.value for b in plot.baselines] + [m.value for m in plot.marks if m.value is not None]
    if not ends:
        return None
    if values and not plot.zoom:
        more = scaled(np.array(values, np.float64), plot.log_y)
        ends += more[np.isfinite(more)].tolist()
    # what grows keeps its range while it fits; what has ended looks the same however it was read
    plot.view.y = y_range(min(ends), max(ends), rows, plot.view.y if plot.live else None)
    return plot.view.y


def _ends(plot: Plot, shape: Shape) -> list[float]:
    found = []
    for line in (shape.raw, shape.main, shape.band):
        if line is None:
            continue
        low, high = line.low[np.isfinite(line.low)], line.high[np.isfinite(line.high)]
        if not len(low):
            continue
        if plot.robust and (line is shape.raw or len(low) > 200):
            found += [float(np.quantile(low, 0.01)), float(np.quantile(high, 0.99))]
        else:
            found += [float(low.min()), float(high.max())]
    return found


def linear(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log10(value) if value > 0 else math.nan
