"""Rows of numbers that are those of another split but for rounding: found by a projection to one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.near_pairs import Found

TOLERANCE = 1e-6
"""Most that two values of a column differ by, in standard deviations of the earlier split's column."""

_NEIGHBOURS = 32
"""Rows that are compared with each, at most, on either side of it: where that many have so nearly its projection, they
are near it themselves."""

_SLACK = 2.0
"""How much farther apart sums may be than exact arithmetic allows."""

Numbers = NDArray[np.float64]


class NearFeatures:
    """The rows (n, d) of a split as others are compared with them; they may hold NaN, which is equal to NaN.

    Rows that differ by at most a tolerance in each column differ by little in every weighted sum of the columns. So
    only rows with nearly the same sum are compared: they stand next to each other where rows are sorted by it.
    """

    def __init__(self, inputs: NDArray[Any]) -> None:
        self.values: Numbers = inputs.astype(np.float64)
        self.centre, self.scale = _moments(self.values)

    def find(self, later: NearFeatures, rows: NDArray[np.intp]) -> Found:
        """Those of `rows` of the later split that are near a row of this one; distances are in deviations."""
        sums, wanted = self._projected(self.values), later.values[rows]
        order = np.argsort(sums, kind="stable")
        ordered, sought = sums[order], self._projected(wanted)
        place = np.searchsorted(ordered, sought)
        slack = _SLACK * (TOLERANCE * 2 * wanted.shape[1] + 1e-12 * np.abs(sought))
        earlier, distance = np.full(len(rows), -1, np.intp), np.full(len(rows), np.inf)
        for step in sorted(range(-_NEIGHBOURS, _NEIGHBOURS), key=abs):
            there = np.flatnonzero((place + step >= 0) & (place + step < len(order)))
            there = there[np.abs(ordered[place[there] + step] - sought[there]) <= slack[there]]
            candidate = order[place[there] + step]
            apart = self._apart(candidate, wanted[there])
            better = apart < distance[there]
            earlier[there[better]], distance[there[better]] = candidate[better], apart[better]
        near = np.flatnonzero(distance <= TOLERANCE)
        return Found(earlier[near], rows[near], distance[near])

    def _projected(self, values: Numbers) -> Numbers:
        """(n,) sums of standardised columns, weighted by 1 to 2; what is not finite counts as one number or another."""
        weights = np.random.default_rng(11).uniform(1, 2, values.shape[1])
        with np.errstate(invalid="ignore", over="ignore"):
            standard = (values - self.centre) / np.where(self.scale > 0, self.scale, 1)
        sums: Numbers = np.nan_to_num(standard, nan=17.0, posinf=19.0, neginf=-19.0) @ weights
        return sums

    def _apart(self, candidate: NDArray[np.intp], wanted: Numbers) -> Numbers:
        """(n,) the largest difference in any column, in deviations; infinite where only one value is missing."""
        own = self.values[candidate]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            apart = np.abs(own - wanted) / self.scale
        same = (own == wanted) | (np.isnan(own) & np.isnan(wanted))
        apart = np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf))
        largest: Numbers = apart.max(axis=1, initial=0.0)
        return largest


def _moments(values: Numbers) -> tuple[Numbers, Numbers]:
    """(d,) means and standard deviations of what is finite; 0 where nothing is. Squares do not overflow."""
    finite = np.isfinite(values)
    count = np.maximum(finite.sum(axis=0), 1)
    largest = np.abs(values).max(axis=0, initial=0.0, where=finite)
    unit = np.where(largest > 0, largest, 1.0)
    scaled = np.where(finite, values, 0.0) / unit
    centre = scaled.sum(axis=0) / count
    spread = np.sqrt((np.where(finite, scaled - centre, 0.0) ** 2).sum(axis=0) / count)
    return centre * unit, spread * unit
