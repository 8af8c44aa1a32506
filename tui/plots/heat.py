"""A heat map in cells: rows of values over steps on a logarithmic colour scale that colour-blind people can read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CIVIDIS = (
    (0, 32, 77), (0, 42, 103), (18, 53, 112), (41, 64, 110), (59, 75, 107), (76, 85, 108), (90, 96, 110),
    (103, 107, 114), (117, 118, 119), (131, 129, 120), (145, 141, 118), (160, 153, 115), (176, 165, 110),
    (191, 178, 102), (208, 192, 91), (225, 206, 76), (242, 221, 56), (253, 234, 69),
)  # fmt: skip
"""From small to large: cividis (Nuñez, Anderton and Renslow, PLOS ONE 13(7), 2018), which looks alike with and without
a colour vision deficiency and whose brightness rises all along."""
RAMP = " .:-=+*#%@"
"""The same without colours."""


@dataclass(frozen=True)
class Scale:
    """Powers of ten from the darkest to the brightest colour."""

    low: float
    high: float

    def level(self, value: float, levels: int) -> int | None:
        """Which of `levels` a value has; None where it has none. Zero is the lowest."""
        if not math.isfinite(value):
            return None
        if value <= 0 or self.high <= self.low:
            return 0
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return max(0, min(levels - 1, int(share * levels)))


def scale_of(values: NDArray[np.float64]) -> Scale:
    """A scale that holds almost all positive values: one in two hundred at either end may lie outside."""
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return Scale(-1.0, 0.0)
    powers = np.log10(known)
    low, high = np.quantile(powers, 0.005, method="lower"), np.quantile(powers, 0.995, method="higher")
    return Scale(float(low), float(max(high, low + 0.1)))


@dataclass(frozen=True)
class Heat:
    """Values of layers over stretches of steps."""

    layers: tuple[str, ...]
    first: NDArray[np.int64]
    """The first step of each stretch."""
    last: NDArray[np.int64]
    value: NDArray[np.float64]
    """(stretches, layers); NaN where a layer has none."""

    def thinned(self, width: int) -> Heat:
        """The same in at most `width` stretches, each with its largest value: a peak must not vanish in a mean."""
        count = len(self.first)
        if count <= width:
            return self
        bounds = np.linspace(0, count, width + 1).astype(np.int64)
        filled = np.where(np.isfinite(self.value), self.value, -np.inf)
        largest = np.maximum.reduceat(filled, bounds[:-1], axis=0)
        values = np.where(np.isneginf(largest), np.nan, largest)
        return Heat(self.layers, self.first[bounds[:-1]], self.last[bounds[1:] - 1], values)


def ticks(low: float, high: float, most: int) -> list[int]:
    """Whole powers of ten on a scale, at most `most`."""
    first, last = math.ceil(low), math.floor(high)
    stride = max(1, -(-(last - first + 1) // max(1, most)))
    return list(range(first, last + 1, stride))


def nearest_color(level: int, levels: int, colors: Sequence[tuple[int, int, int]] = CIVIDIS) -> tuple[int, int, int]:
    """The colour of a level."""
    return colors[min(len(colors) - 1, level * len(colors) // max(1, levels))]
