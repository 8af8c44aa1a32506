"""What the horizontal axis counts, and where the steps and times of a run stand on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tui.series import SeriesCache

Floats: TypeAlias = NDArray[np.float64]


class XAxis(StrEnum):
    """What the horizontal axis counts."""

    STEP = "step"
    EPOCH = "epoch"
    SAMPLES = "samples"
    TIME = "time"
    """Seconds since the start, pauses left out."""
    WALL = "wall"
    """Unix time."""
    METRIC = "metric"
    """The values of another series of the same run."""


@dataclass(frozen=True, slots=True)
class XMap:
    """Turns the steps and times of one run into positions on an axis."""

    axis: XAxis = XAxis.STEP
    start: float = 0.0
    """Unix time of the run's start, for `XAxis.TIME`."""
    epochs: SeriesCache | None = None
    """The run's `epoch` series, for `XAxis.EPOCH`."""
    steps_per_epoch: float | None = None
    """Used when there is no `epoch` series; with neither, epochs are drawn as steps."""
    pauses: tuple[tuple[float, float], ...] = ()
    """Unix times between which the run did not run, in order, for `XAxis.TIME`."""
    by: SeriesCache | None = None
    """The run's series of samples, or the one whose values count, for `XAxis.SAMPLES` and `XAxis.METRIC`."""

    @property
    def version(self) -> int:
        """Grows with the series that the axis counts by."""
        source = {XAxis.EPOCH: self.epochs, XAxis.SAMPLES: self.by, XAxis.METRIC: self.by}.get(self.axis)
        return source.version if source is not None else 0

    @property
    def ordered(self) -> bool:
        """Whether later steps stand further to the right, as on all axes but another metric's."""
        return self.axis is not XAxis.METRIC

    def positions(self, step: NDArray[np.int64], time: Floats) -> Floats:
        """Where records with these steps and Unix times stand on the axis; NaN where that is not known."""
        if self.axis is XAxis.WALL:
            return time
        if self.axis is XAxis.TIME:
            return self._active_seconds(time)
        if self.axis is XAxis.EPOCH:
            return _counted(self.epochs, step, self.steps_per_epoch)
        if self.axis is XAxis.SAMPLES:
            return _counted(self.by, step, None)
        if self.axis is XAxis.METRIC:
            return self._measured(step)
        return step.astype(np.float64)

    def position(self, step: float, time: float = float("nan")) -> float:
        """Where one event stands on the axis; NaN when the axis is of time and `time` is unknown."""
        return float(self.positions(np.array([step], np.int64), np.array([time]))[0])

    def _active_seconds(self, time: Floats) -> Floats:
        active = time - self.start
        for begin, end in self.pauses:
            active = active - np.clip(time - begin, 0.0, max(0.0, end - begin))
        return active

    def _measured(self, step: NDArray[np.int64]) -> Floats:
        """The other metric's value at each step, between its points on the line through them."""
        points = self.by.points() if self.by is not None and self.by.count else None
        if points is None:
            return np.full(len(step), np.nan)
        value = points.mean
        known = np.isfinite(value)
        if not known.any():
            return np.full(len(step), np.nan)
        at = points.step[known].astype(np.float64)
        return np.asarray(np.interp(step, at, value[known], left=np.nan, right=np.nan), np.float64)


def _counted(counter: SeriesCache | None, step: NDArray[np.int64], per_unit: float | None) -> Floats:
    """Steps in the units of a series that grows with them, beyond its last point at the same pace."""
    points = counter.points() if counter is not None and counter.count else None
    if points is None or points.step[-1] <= 0:
        return step / per_unit if per_unit else step.astype(np.float64)
    known, value = points.step.astype(np.float64), points.last
    slope = value[-1] / known[-1]
    if known[0] > 0:
        known, value = np.insert(known, 0, 0.0), np.insert(value, 0, 0.0)
    beyond = np.maximum(step - known[-1], 0.0) * slope
    return np.asarray(np.interp(step, known, value) + beyond, np.float64)


STEPS = XMap()
