"""What a search for near duplicates finds, and how it is reported."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

MOST_PAIRS = 100
"""Pairs that are reported, the nearest ones; all are counted."""


class Found(NamedTuple):
    """Which rows of the later split are near which of the earlier; each later row once, in their order."""

    earlier: NDArray[np.intp]
    later: NDArray[np.intp]
    distance: NDArray[np.float64]
    """0 is the same; the measure is that of the kind of input."""


class NearPairs(TypedDict):
    """The near duplicates of a pair of splits, as JSON says it."""

    rows: int
    """Rows of the later split that are in the earlier one too, the same or nearly."""
    pairs: list[list[int | float]]
    """[row of the earlier split, row of the later one, distance], nearest first."""


def reported(same: Found, near: Found) -> NearPairs:
    """Identical rows, then near ones by distance; of equally near ones the first rows."""
    found = Found(*(np.concatenate(columns) for columns in zip(same, near, strict=True)))
    order = np.argsort(found.distance, kind="stable")[:MOST_PAIRS]
    triples = zip(*(column[order].tolist() for column in found), strict=True)
    return {"rows": len(found.later), "pairs": [[a, b, float(f"{distance:.3g}")] for a, b, distance in triples]}
