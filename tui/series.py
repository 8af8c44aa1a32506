"""Series for the screen: a file of any length as at most 8192 buckets, read as it grows, thinned for drawing.

A bucket sums up `size` consecutive records (a power of two): where they start and end, their least, greatest and last
value, their sum. Until 8192 records it is 1 and everything exact; then neighbours are merged and the size doubles.
Zooming in reads the records of the window from the file again, so nothing is lost but the memory it would take.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from threading import RLock
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.series import RECORD, record_type
from tui.buckets import Buckets

Floats: TypeAlias = NDArray[np.float64]

CHUNK = (1 << 20) // RECORD.size
"""Records read at once: at most 1 MB."""

WINDOW_BUCKETS, WINDOW_RECORDS = 1200, 131_072
"""A zoomed window of so few buckets that they would be seen is read from the file again, unless it is too large."""


class XAxis(StrEnum):
    """What the horizontal axis counts."""

    STEP = "step"
    EPOCH = "epoch"
    TIME = "time"
    """Seconds since the start, pauses left out."""
    WALL = "wall"
    """Unix time."""


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

    def positions(self, step: NDArray[np.int64], time: Floats) -> Floats:
        """Where records with these steps and Unix times stand on the axis."""
        if self.axis is XAxis.WALL:
            return time
        if self.axis is XAxis.TIME:
            return self._active_seconds(time)
        if self.axis is XAxis.EPOCH:
            return self._epochs(step)
        return step.astype(np.float64)

    def position(self, step: float, time: float = float("nan")) -> float:
        """Where one event stands on the axis; NaN when the axis is of time and `time` is unknown."""
        return float(self.positions(np.array([step], np.int64), np.array([time]))[0])

    def _active_seconds(self, time: Floats) -> Floats:
        active = time - self.start
        for begin, end in self.pauses:
            active = active - np.clip(time - begin, 0.0, max(0.0, end - begin))
        return active

    def _epochs(self, step: NDArray[np.int64]) -> Floats:
        points = self.epochs.points() if self.epochs is not None and self.epochs.count else None
        if points is None or points.step[-1] <= 0:
            return step / self.steps_per_epoch if self.steps_per_epoch else step.astype(np.float64)
        known, epoch = points.step.astype(np.float64), points.last
        slope = epoch[-1] / known[-1]
        if known[0] > 0:
            known, epoch = np.insert(known, 0, 0.0), np.insert(epoch, 0, 0.0)
        beyond = np.maximum(step - known[-1], 0.0) * slope
        return np.asarray(np.interp(step, known, epoch) + beyond, np.float64)


STEPS = XMap()


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


class SeriesCache:
    """One series file, bounded in memory. `update` may run in a thread while another one draws."""

    def __init__(self, path: Path | str, buckets: int = 8192, before: NDArray[np.void] | None = None) -> None:
        """Nothing is read before `update`; a missing file is an empty series.

        Args:
            before: records of the run that this one continues, which come first.
        """
        self.path = Path(path)
        self._limit = buckets
        self._before = np.empty(0, record_type()) if before is None else before
        self._lock = RLock()
        self._signature: tuple[int, ...] | None = None
        self._memo: dict[object, object] = {}
        self._begin()
        self.version = 0
        """Grows with every change: equal versions draw equal curves."""

    def _begin(self) -> None:
        self._buckets = Buckets(self._limit)
        self._tail = b""
        if len(self._before):
            self._add(self._before, len(self._before))

    def _add(self, records: NDArray[np.void], expected: int) -> None:
        self._buckets.add(records["step"].copy(), records["time"].copy(), records["value"].copy(), expected)
        self._tail = records[-1].tobytes()

    @property
    def count(self) -> int:
        """Records read so far, those of the run before included."""
        return self._buckets.count

    @property
    def _own(self) -> int:
        """Records read of the file itself."""
        return self._buckets.count - len(self._before)

    @property
    def last(self) -> tuple[int, float, float] | None:
        """Step, Unix time and value of the last record; None when there is none."""
        return RECORD.unpack(self._tail) if self._tail else None

    @property
    def first_time(self) -> float | None:
        """Unix time of the first record."""
        return float(self._buckets.time0[0]) if self.count else None

    @property
    def own_begin(self) -> float | None:
        """Unix time of the first record that is not of the run before; None where there is none yet."""
        return float(self._records(len(self._before), len(self._before) + 1)["time"][0]) if self._own else None

    def update(self) -> bool:
        """Read what was appended, or everything anew when the file was replaced. True when anything changed."""
        try:
            status = os.stat(self.path)
        except OSError:
            return self._reset() if self._own else False
        signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if signature == self._signature:
            return False
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            replaced = self._was_replaced(descriptor, signature) and self._reset()
            self._signature = signature
            return self._read(descriptor) or replaced
        except OSError:  # a directory, a stale network file: what was read stays
            return False
        finally:
            os.close(descriptor)

    def _was_replaced(self, descriptor: int, signature: tuple[int, ...]) -> bool:
        if not self._own:
            return False
        if self._signature is None or signature[:2] != self._signature[:2]:
            return True
        # The same inode with other bytes where we stopped reading: rewritten in place by somebody.
        return os.pread(descriptor, RECORD.size, (self._own - 1) * RECORD.size) != self._tail

    def _reset(self) -> bool:
        with self._lock:
            self._begin()
            self._signature = None
            self._changed()
        return True

    def _read(self, descriptor: int) -> bool:
        available = os.fstat(descriptor).st_size // RECORD.size
        before = self.count
        while self._own < available:
            wanted = min(CHUNK, available - self._own)
            data = os.pread(descriptor, wanted * RECORD.size, self._own * RECORD.size)
            records = np.frombuffer(data, record_type(), len(data) // RECORD.size)
            if not len(records):
                break
            with self._lock:
                self._add(records, available)
                self._changed()
        return self.count != before

    def _changed(self) -> None:
        self.version += 1
        self._memo.clear()

    def points(
        self, columns: int | None = None, x0: float | None = None, x1: float | None = None, xmap: XMap = STEPS
    ) -> Points:
        """What to draw between `x0` and `x1` (axis units; open when absent), one neighbour beyond each end included.

        Args:
            columns: thin to at most this many equal intervals of x (extremes are kept); as exact as there is when None.
        """
        with self._lock:
            points = self._all(xmap)
            if x0 is not None or x1 is not None:
                points = self._window(points, x0, x1, xmap)
        return points if columns is None else thin(points, columns)

    def _all(self, xmap: XMap) -> Points:
        key = ("all", xmap, xmap.epochs.version if xmap.epochs is not None and xmap.axis is XAxis.EPOCH else 0)
        known = self._memo.get(key)
        if isinstance(known, Points):
            return known
        b = self._buckets
        x = xmap.positions(b.step1, b.time1)
        bad = b.bad
        points = Points(x, b.step1, b.low, b.high, b.last, b.total, b.weight, bad)
        if not np.isfinite(x).all():
            points = points[np.isfinite(x)]
        if len(x) > 1 and bool((points.x[1:] < points.x[:-1]).any()):
            points = points[np.argsort(points.x, kind="stable")]
        self._memo[key] = points
        return points

    def _window(self, points: Points, x0: float | None, x1: float | None, xmap: XMap) -> Points:
        begin = 0 if x0 is None else max(0, int(np.searchsorted(points.x, x0)) - 1)
        end = len(points) if x1 is None else min(len(points), int(np.searchsorted(points.x, x1, "right")) + 1)
        size = self._buckets.size
        if (
            size > 1
            and len(points) == len(self._buckets.step1)
            and 0 < end - begin <= min(WINDOW_BUCKETS, WINDOW_RECORDS // size)
        ):
            key = ("window", begin, end, xmap)
            known = self._memo.get(key)
            if not isinstance(known, Points):
                known = self._reread(max(0, begin - 1) * size, end * size, xmap)
                self._memo[key] = known
            if len(known):
                return known
        return points[begin:end]

    def _reread(self, begin: int, end: int, xmap: XMap) -> Points:
        records = self._records(begin, min(end, self.count))
        step = records["step"].copy()
        return exact_points(xmap.positions(step, records["time"].copy()), records["value"].copy(), step)

    def _records(self, begin: int, end: int) -> NDArray[np.void]:
        shift = len(self._before)
        own = self._own_records(max(0, begin - shift), max(0, end - shift))
        return np.concatenate([self._before[begin:end], own]) if begin < shift else own

    def _own_records(self, begin: int, end: int) -> NDArray[np.void]:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return np.empty(0, record_type())
        try:
            status = os.fstat(descriptor)
            if self._signature is None or (status.st_dev, status.st_ino) != self._signature[:2]:
                return np.empty(0, record_type())
            data = os.pread(descriptor, (end - begin) * RECORD.size, begin * RECORD.size)
        finally:
            os.close(descriptor)
        return np.frombuffer(data, record_type(), len(data) // RECORD.size)

    def value_at(self, x: float, xmap: XMap = STEPS) -> float | None:
        """The value at the last point at or before `x`; None when there is none."""
        points = self.points(None, x, x, xmap)
        index = int(np.searchsorted(points.x, x, "right")) - 1
        return float(points.last[index]) if index >= 0 else None

    def smoothed(self, weight: float, xmap: XMap = STEPS) -> tuple[Floats, Floats]:
        """Positions and exponential moving average of the whole series, the same whether merged or exact.

        Args:
            weight: 0 (none) to 1. As in W&B it decays with distance, not per point: a thousandth of the series' span
                counts as one point, so runs of different length and density look alike.
        """
        with self._lock:
            points = self._all(xmap)
            key = ("smooth", weight, id(points))
            known = self._memo.get(key)
            if not isinstance(known, tuple):
                known = (points.x, smooth(points, weight))
                self._memo[key] = known
            return known


class FixedSeries(SeriesCache):
    """Points that are in memory already, drawn like a file's; beyond 65,536 they are merged."""

    def __init__(self, step: ArrayLike, value: ArrayLike, time: ArrayLike | None = None) -> None:
        """Take one-dimensional arrays of one length; without `time` all times are 0."""
        super().__init__(Path(), buckets=65_536)
        steps = np.array(step, np.int64).reshape(-1)
        values = np.array(value, np.float64).reshape(-1)
        times = np.zeros(len(steps)) if time is None else np.array(time, np.float64).reshape(-1)
        if len(steps):
            self._buckets.add(steps, times, values, len(steps))
            self._tail = RECORD.pack(int(steps[-1]), float(times[-1]), float(values[-1]))
            self._changed()

    def update(self) -> bool:
        """Nothing is ever appended."""
        return False


def smooth(points: Points, weight: float) -> Floats:
    """Exponential moving average of `points` by step, debiased; NaN where a bucket has no finite value."""
    if not len(points) or weight <= 0:
        return points.mean
    step = np.maximum.accumulate(points.step).astype(np.float64)
    span = _ladder(float(step[-1] - step[0]))
    decay = -np.log(min(np.sqrt(weight), 0.9995)) * 1000.0 / span
    distance = (step - step[0]) * decay
    total = np.where(np.isfinite(points.total), points.total, 0.0)
    with np.errstate(all="ignore"):
        average = _decayed_sum(total, distance) / _decayed_sum(points.weight, distance)
        return np.where(points.weight > 0, average, np.nan)


def _ladder(span: float) -> float:
    """`span` rounded up in steps of a fifth: a growing live run is not smoothed anew at every point."""
    return float(2.0 ** (np.ceil(np.log2(span) * 4.0) / 4.0)) if span > 1.0 else 1.0


def _decayed_sum(value: Floats, distance: Floats) -> Floats:
    """`s[i] = sum(value[j] * exp(distance[j] - distance[i]) for j <= i)`, in blocks that cannot overflow."""
    result = np.empty_like(value)
    blocks = np.floor(distance / 300.0)
    starts = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(value)]
    carry, carried_at = 0.0, float(distance[0])
    for begin, end in pairwise(starts):
        local = distance[begin:end] - distance[begin]
        growth = np.exp(local)
        carry *= float(np.exp(carried_at - distance[begin]))
        result[begin:end] = (np.cumsum(value[begin:end] * growth) + carry) / growth
        carry, carried_at = float(result[end - 1]), float(distance[end - 1])
    return result


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
