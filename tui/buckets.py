"""The bounded summary behind a series: records in buckets of one size, merged in pairs when they overflow."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Column: TypeAlias = NDArray[Any]

_COLUMNS: dict[str, tuple[type, np.ufunc | str]] = {
    "step0": (np.int64, np.minimum),
    "step1": (np.int64, np.maximum),
    "time0": (np.float64, "first"),
    "time1": (np.float64, "last"),
    "low": (np.float64, np.fmin),
    "high": (np.float64, np.fmax),
    "total": (np.float64, np.add),
    "weight": (np.float64, np.add),
    "last": (np.float64, "last"),
    "bad": (np.uint8, np.bitwise_or),
}
"""Column to its type and how two neighbours become one."""


class Buckets:
    """Summaries of `size` records each; only the last one may hold fewer.

    Arrays (views of the same length): `step0`, `step1` least and greatest step; `time0`, `time1` of the first and last
    record; `low`, `high`, `total`, `weight` least, greatest, sum and number of the finite values; `last` the last value
    as written; `bad` flags of what was not finite (1 NaN, 2 +inf, 4 -inf).
    """

    def __init__(self, limit: int) -> None:
        self.limit = max(2, limit)
        self.size = 1
        self.count = 0
        """Records in all."""
        self._data: dict[str, Column] = {name: np.empty(0, kind) for name, (kind, _) in _COLUMNS.items()}
        self._publish()

    def __len__(self) -> int:
        return -(-self.count // self.size)

    def _publish(self) -> None:
        data, filled = self._data, len(self)
        self.step0: Integers = data["step0"][:filled]
        self.step1: Integers = data["step1"][:filled]
        self.time0: Floats = data["time0"][:filled]
        self.time1: Floats = data["time1"][:filled]
        self.low: Floats = data["low"][:filled]
        self.high: Floats = data["high"][:filled]
        self.total: Floats = data["total"][:filled]
        self.weight: Floats = data["weight"][:filled]
        self.last: Floats = data["last"][:filled]
        self.bad: NDArray[np.uint8] = data["bad"][:filled]

    def add(self, step: Integers, time: Floats, value: Floats, expected: int = 0) -> None:
        """Append records (contiguous arrays of one length).

        Args:
            expected: how many records there will be in all, if known: the final size is taken at once.
        """
        if not self.count:
            while self.size * self.limit < expected:
                self.size *= 2
        while self.size * self.limit < self.count + len(step):
            self._merge_pairs()
        open_part = -self.count % self.size
        starts = np.arange(open_part, len(step), self.size)
        if open_part:
            starts = np.insert(starts, 0, 0)
        self._append(_summarise(step, time, value, starts, self.size), joins_last=open_part > 0)
        self.count += len(step)
        self._publish()

    def _append(self, new: dict[str, Column], joins_last: bool) -> None:
        have, more = len(self), len(new["last"])
        self._grow(have + more)
        if joins_last:
            for name, column in self._data.items():
                pair = np.array([column[have - 1], new[name][0]])
                column[have - 1] = _join(name, pair, np.zeros(1, np.intp))[0]
        skip = int(joins_last)
        for name, column in self._data.items():
            column[have : have + more - skip] = new[name][skip:]

    def _grow(self, wanted: int) -> None:
        capacity = len(self._data["last"])
        if wanted <= capacity:
            return
        capacity = min(self.limit + 1, max(wanted, 2 * capacity, 64))
        for name, column in self._data.items():
            bigger = np.empty(max(capacity, wanted), column.dtype)
            bigger[: len(self)] = column[: len(self)]
            self._data[name] = bigger

    def _merge_pairs(self) -> None:
        starts = np.arange(0, len(self), 2)
        if len(starts):
            # Into new arrays: what was handed out for drawing stays as it was.
            filled = len(self)
            self._data = {name: _join(name, column[:filled], starts) for name, column in self._data.items()}
        self.size *= 2


def _join(name: str, column: Column, starts: NDArray[np.intp]) -> Column:
    how = _COLUMNS[name][1]
    if how == "first":
        return column[starts]
    if how == "last":
        ends: NDArray[np.intp] = np.append(starts[1:], len(column)) - 1
        return column[ends]
    assert isinstance(how, np.ufunc)
    with np.errstate(all="ignore"):
        joined: Column = how.reduceat(column, starts)
    return joined


def _summarise(step: Integers, time: Floats, value: Floats, starts: NDArray[np.intp], size: int) -> dict[str, Column]:
    """One summary for each interval that begins at `starts`."""
    finite = np.isfinite(value)
    clean = bool(finite.all())
    low = value if clean else np.where(finite, value, np.nan)
    bad = np.zeros(len(value), np.uint8)
    if not clean:
        bad = np.isnan(value) * np.uint8(1) + (value == np.inf) * np.uint8(2) + (value == -np.inf) * np.uint8(4)
    columns: dict[str, Column] = {
        "step0": step,
        "step1": step,
        "time0": time,
        "time1": time,
        "low": low,
        "high": low,
        "total": value if clean else np.where(finite, value, 0.0),
        "weight": finite.astype(np.float64),
        "last": value,
        "bad": bad,
    }
    if size == 1:
        return columns
    return {name: _join(name, column, starts) for name, column in columns.items()}
