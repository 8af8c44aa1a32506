"""Points to draw: single ones or sums of neighbouring ones, made, smoothed and thinned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.smoothing import smoothed

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """Parallel arrays, ascending in `x`: single points or sums of neighbouring ones."""

    x: Floats
    """Position on the axis (of the last record summed up)."""
    step: NDArray[np.int64]
    low: Floats
    """Least finite value; NaN where there is none."""
    high: Floats
    """Greatest finite value; NaN where there is none."""
    last: Floats
    """The last value as written: may be NaN or infinite."""
    total: Floats
    """Sum of the finite values."""
    weight: Floats
    """How many finite values."""
    bad: NDArray[np.uint8]
    """Flags: 1 a NaN, 2 a +inf, 4 a -inf among the values."""

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: slice | NDArray[np.intp] | NDArray[np.bool_]) -> Points:
        return Points(*(getattr(self, name)[index] for name in self.__slots__))

    @property
    def mean(self) -> Floats:
        """Mean of the finite values; NaN where there is none."""
        with np.errstate(all="ignore"):
            return self.total / self.weight


def exact_points(x: Floats, value: Floats, step: NDArray[np.int64] | None = None) -> Points:
    """Single points as `Points`, sorted by `x`; those at a position that is not finite are left out."""
    keep = np.isfinite(x)
    if step is None:
        step = np.where(keep, np.clip(x, -(2.0**62), 2.0**62), 0).astype(np.int64)
    if not keep.all():
        x, value, step = x[keep], value[keep], step[keep]
    if len(x) > 1 and bool((x[1:] < x[:-1]).any()):
        order = np.argsort(x, kind="stable")
        x, value, step = x[order], value[order], step[order]
    finite = np.isfinite(value)
    if finite.all():
        return Points(x, step, value, value, value, value, np.ones(len(x)), np.zeros(len(x), np.uint8))
    bad = np.isnan(value) * np.uint8(1) + (value == np.inf) * np.uint8(2) + (value == -np.inf) * np.uint8(4)
    clean = np.where(finite, value, np.nan)
    return Points(x, step, clean, clean, value, np.where(finite, value, 0.0), finite.astype(np.float64), bad)


def smooth(points: Points, amount: float, size: float = 1.0) -> Floats:
    """`points` smoothed by step, as `engine.smoothing` tells; each sums up `size` records."""
    return smoothed(points.step, points.total, points.weight, amount, size)


def smooth_merged(points: Points, amount: float, size: float, most: int) -> tuple[Floats, Floats]:
    """The same with neighbours summed up first, so many that about `most` places are left; these, and the values."""
    merged = max(1, len(points) // most)
    starts = np.arange(0, len(points), merged)
    ends = np.append(starts[1:], len(points)) - 1
    total, weight = np.add.reduceat(points.total, starts), np.add.reduceat(points.weight, starts)
    return points.x[ends], smoothed(points.step[ends], total, weight, amount, size * merged)


def thin(points: Points, columns: int) -> Points:
    """At most `columns` points: those in one of `columns` equal intervals of x summed up, extremes kept."""
    if len(points) <= max(1, columns):
        return points
    width = float(points.x[-1] - points.x[0])
    if columns <= 1 or not width > 0 or not np.isfinite(width):
        starts = np.zeros(1, np.intp)
    else:
        column = np.minimum(((points.x - points.x[0]) * (columns / width)).astype(np.int64), columns - 1)
        starts = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    ends = np.append(starts[1:], len(points)) - 1
    with np.errstate(all="ignore"):
        return Points(
            points.x[ends],
            points.step[ends],
            np.fmin.reduceat(points.low, starts),
            np.fmax.reduceat(points.high, starts),
            points.last[ends],
            np.add.reduceat(points.total, starts),
            np.add.reduceat(points.weight, starts),
            np.bitwise_or.reduceat(points.bad, starts),
        )
