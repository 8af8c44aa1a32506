"""The mean of several curves with their standard deviation, as one curve with a band: a group's runs over its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.spread import mean_and_deviation
from tui.plots.spec import Curve
from tui.points import Floats, Points
from tui.xaxis import STEPS, XMap


def band(label: str, members: Sequence[Curve], color: str = "", smooth: float = 0.0) -> Curve:
    """The curve of the mean of `members`, each smoothed by `smooth` first, with the band of their deviation."""
    return Curve(label, MeanSeries(members, smooth), color, smooth=0.0, band=True)


def bands(curves: Sequence[Curve], together: Sequence[Sequence[str]], smooth: float = 0.0) -> tuple[Curve, ...]:
    """Curves labelled by their runs, those of runs that belong together as one with a band; it has the first's colour.

    Args:
        together: the labels of each lot.
    """
    found: list[Curve] = []
    for lot in together:
        members = [curve for curve in curves if curve.label in lot]
        if len(members) > 1:
            amount = smooth if members[0].smooth is None else members[0].smooth
            label = f"{members[0].label} and {len(members) - 1} more"
            found.append(replace(band(label, members, members[0].color, amount), series=members[0].series))
        else:
            found += members
    return tuple(found)


class MeanSeries:
    """A source of points that are the mean of others, with what lies within one deviation as their extent."""

    def __init__(self, members: Sequence[Curve], smooth: float = 0.0) -> None:
        """Take the curves of runs, each with its own axes."""
        self.members = tuple(members)
        self.smooth = smooth
        self._made: tuple[object, Points] | None = None

    def __eq__(self, other: object) -> bool:
        """Equal when it is the mean of equal curves: a chart then has nothing new to draw."""
        return isinstance(other, MeanSeries) and (self.members, self.smooth) == (other.members, other.smooth)

    def __hash__(self) -> int:
        return hash((self.members, self.smooth))

    @property
    def version(self) -> int:
        """Grows with every point of a member."""
        sources = [member.source.version for member in self.members]
        return sum(sources) + sum(member.epochs.version for member in self.members if member.epochs is not None)

    @property
    def count(self) -> int:
        """Points of all members."""
        return sum(member.source.count for member in self.members)

    @property
    def first_time(self) -> float | None:
        """Unix time of the first point of any."""
        return min((first for member in self.members if (first := member.source.first_time)), default=None)

    @property
    def last(self) -> tuple[int, float, float] | None:
        """Step and Unix time of the newest point of any, and the mean where it ends."""
        lasts = [last for member in self.members if (last := member.source.last)]
        points = self._all(STEPS)
        return None if not lasts or not len(points) else (*max(lasts)[:2], float(points.last[-1]))

    def points(
        self, columns: int | None = None, x0: float | None = None, x1: float | None = None, xmap: XMap = STEPS
    ) -> Points:
        """The mean between `x0` and `x1`, one neighbour beyond each end included; low and high are a deviation off."""
        points = self._all(xmap)
        begin = 0 if x0 is None else max(0, int(np.searchsorted(points.x, x0)) - 1)
        end = len(points) if x1 is None else int(np.searchsorted(points.x, x1, "right")) + 1
        return points[begin:end]

    def smoothed(self, amount: float, xmap: XMap = STEPS, *, coarse: bool = False) -> tuple[Floats, Floats]:
        """The mean as it is: its members are smoothed."""
        points = self._all(xmap)
        return points.x, points.last

    def value_at(self, x: float, xmap: XMap = STEPS) -> float | None:
        """The mean at the last place at or before `x`; None when there is none."""
        points = self._all(xmap)
        index = int(np.searchsorted(points.x, x, "right")) - 1
        return float(points.last[index]) if index >= 0 else None

    def deviation_at(self, x: float | None, xmap: XMap = STEPS) -> float | None:
        """The deviation at the last place at or before `x`, or at the end; None when there is none."""
        points = self._all(xmap)
        index = len(points) - 1 if x is None else int(np.searchsorted(points.x, x, "right")) - 1
        return float(points.high[index] - points.last[index]) if 0 <= index < len(points) else None

    def _all(self, xmap: XMap) -> Points:
        key: Any = (self.version, xmap.axis, tuple(member.xmap(xmap.axis).version for member in self.members))
        if self._made is None or self._made[0] != key:
            self._made = (key, self._make(xmap))
        return self._made[1]

    def _make(self, xmap: XMap) -> Points:
        curves = [member.source.smoothed(self.smooth, member.xmap(xmap.axis)) for member in self.members]
        x, mean, deviation = mean_and_deviation(curves)
        steps = np.clip(np.nan_to_num(x), -(2.0**62), 2.0**62).astype(np.int64)
        weight = np.isfinite(mean).astype(np.float64)
        total = np.where(weight > 0, mean, 0.0)
        return Points(x, steps, mean - deviation, mean + deviation, mean, total, weight, np.zeros(len(x), np.uint8))
