"""Series for the screen: a file of any length as at most 8192 buckets, read as it grows, thinned for drawing.

A bucket sums up `size` consecutive records (a power of two): where they start and end, their least, greatest and last
value, their sum. Until 8192 records it is 1 and everything exact; then neighbours are merged and the size doubles.
Zooming in reads the records of the window from the file again, so nothing is lost but the memory it would take.
"""

from __future__ import annotations

import os
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.series import RECORD, record_type
from tui.buckets import Buckets
from tui.points import Floats, Points, exact_points, smooth, smooth_merged, thin
from tui.xaxis import STEPS, XAxis, XMap

__all__ = ["STEPS", "FixedSeries", "Floats", "Points", "SeriesCache", "XAxis", "XMap"]

CHUNK = (1 << 20) // RECORD.size
"""Records read at once: at most 1 MB."""

WINDOW_BUCKETS, WINDOW_RECORDS = 1200, 131_072
"""A zoomed window of so few buckets that they would be seen is read from the file again, unless it is too large."""


COARSE = 2048
"""Places of a smoothed curve, more than a terminal has dots across."""


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
        key, version = ("all", xmap), xmap.version
        known = self._memo.get(key)
        if isinstance(known, tuple) and known[0] == version:
            return known[1]  # type: ignore[no-any-return]
        b = self._buckets
        x = xmap.positions(b.step1, b.time1)
        points = Points(x, b.step1, b.low, b.high, b.last, b.total, b.weight, b.bad)
        if not np.isfinite(x).all():
            points = points[np.isfinite(x)]
        if len(points) > 1 and bool((points.x[1:] < points.x[:-1]).any()):
            points = points[np.argsort(points.x, kind="stable")]
        self._memo[key] = (version, points)
        return points

    def _window(self, points: Points, x0: float | None, x1: float | None, xmap: XMap) -> Points:
        begin = 0 if x0 is None else max(0, int(np.searchsorted(points.x, x0)) - 1)
        end = len(points) if x1 is None else min(len(points), int(np.searchsorted(points.x, x1, "right")) + 1)
        size = self._buckets.size
        if (
            size > 1
            and xmap.ordered
            and len(points) == len(self._buckets.step1)
            and 0 < end - begin <= min(WINDOW_BUCKETS, WINDOW_RECORDS // size)
        ):
            known = self._reread_once(max(0, begin - 1) * size, end * size, xmap)
            if len(known):
                return known
        return points[begin:end]

    def _reread_once(self, begin: int, end: int, xmap: XMap) -> Points:
        """The records of the window looked at last are kept, no others: panning leaves nothing behind."""
        window = (begin, end, xmap, xmap.version)
        known = self._memo.get("window")
        if isinstance(known, tuple) and known[0] == window:
            return known[1]  # type: ignore[no-any-return]
        points = self._reread(begin, end, xmap)
        self._memo["window"] = (window, points)
        return points

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

    def time_at(self, step: float) -> float:
        """The Unix time at a step, between records on the line through them; NaN when there is none."""
        with self._lock:
            b = self._buckets
            return float(np.interp(step, b.step1, b.time1)) if self.count else float("nan")

    def value_at(self, x: float, xmap: XMap = STEPS) -> float | None:
        """The value at the last point at or before `x`; None when there is none."""
        points = self.points(None, x, x, xmap)
        index = int(np.searchsorted(points.x, x, "right")) - 1
        return float(points.last[index]) if index >= 0 else None

    def smoothed(self, amount: float, xmap: XMap = STEPS, *, coarse: bool = False) -> tuple[Floats, Floats]:
        """Positions and smoothed values of the whole series, the same whether merged or exact.

        Args:
            amount: 0 none; below 1 the weight of an exponential moving average; from 2 on the mean of so many points.
            coarse: at `COARSE` places are enough, for a plot of all of it: a few times faster.
        """
        with self._lock:
            key, version = ("smooth", amount, xmap, coarse), xmap.version
            known = self._memo.get(key)
            if isinstance(known, tuple) and known[0] == version:
                return known[1]  # type: ignore[no-any-return]
            result = self._smooth(amount, xmap, coarse)
            self._memo[key] = (version, result)
            return result

    def _smooth(self, amount: float, xmap: XMap, coarse: bool) -> tuple[Floats, Floats]:
        size = self._buckets.size
        if xmap.ordered:
            points = self._all(xmap)
            if coarse and len(points) >= 2 * COARSE:
                return smooth_merged(points, amount, size, COARSE)
            return points.x, smooth(points, amount, size)
        points = self._all(STEPS)  # smoothed in the order of the steps, whatever it is drawn over
        x, values = xmap.positions(points.step, np.full(len(points), np.nan)), smooth(points, amount, size)
        known = np.flatnonzero(np.isfinite(x))
        order = known[np.argsort(x[known], kind="stable")]
        return x[order], values[order]


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
