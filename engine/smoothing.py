"""Smoothed curves: an exponential moving average by step, or the mean of a window of points.

One number says which: 0 none; below 1 the weight of an exponential moving average; from 2 on the mean of so many
points. The curves on screen and those in figures are smoothed here, so that they are the same.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def words(amount: float) -> str:
    """An amount of smoothing as people say it: `EMA 0.9`, `mean of 100 points`."""
    if amount <= 0:
        return "not smoothed"
    return f"EMA {amount:g}" if amount < 1 else f"mean of {amount:g} points"


def smoothed(step: NDArray[np.int64], total: Floats, weight: Floats, amount: float, size: float = 1.0) -> Floats:
    """The smoothed curve of points, or of sums of neighbouring ones; NaN where there is no finite value.

    Args:
        step: ascending.
        total: sum of the finite values of each.
        weight: how many finite values each sums up.
        amount: what smooths, as this module's first lines tell.
        size: how many points each sums up, finite or not.
    """
    import numpy as np

    if len(step) == 0 or amount <= 0:
        with np.errstate(all="ignore"):
            return total / weight
    clean = np.where(np.isfinite(total), total, 0.0)
    if amount < 1:
        return _moving_average(step, clean, weight, amount)
    return _window_mean(clean, weight, amount / size)


def _moving_average(step: NDArray[np.int64], total: Floats, weight: Floats, amount: float) -> Floats:
    """Debiased. As in W&B the weight decays with distance, not per point: a thousandth of the span counts as a point,
    so that runs of different length and density look alike."""
    import numpy as np

    at = np.maximum.accumulate(step).astype(np.float64)
    decay = -np.log(min(np.sqrt(amount), 0.9995)) * 1000.0 / _ladder(float(at[-1] - at[0]))
    distance = (at - at[0]) * decay
    sums = _decayed_sums(np.stack((total, weight)), distance)
    with np.errstate(all="ignore"):
        return np.where(weight > 0, sums[0] / sums[1], np.nan)


def _ladder(span: float) -> float:
    """`span` rounded up in steps of a fifth: a growing live run is not smoothed anew at every point."""
    import numpy as np

    return float(2.0 ** (np.ceil(np.log2(span) * 4.0) / 4.0)) if span > 1.0 else 1.0


def _decayed_sums(values: NDArray[np.float64], distance: Floats) -> NDArray[np.float64]:
    """`s[i] = sum(value[j] * exp(distance[j] - distance[i]) for j <= i)` of each row, in blocks: none overflows."""
    import numpy as np

    result = np.empty_like(values)
    blocks = np.floor(distance / 300.0)
    starts = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(distance)]
    carry, carried_at = np.zeros((len(values), 1)), float(distance[0])
    for begin, end in pairwise(starts):
        growth = np.exp(distance[begin:end] - distance[begin])
        carry = carry * float(np.exp(carried_at - distance[begin]))
        result[:, begin:end] = (np.cumsum(values[:, begin:end] * growth, axis=1) + carry) / growth
        carry, carried_at = result[:, end - 1 : end], float(distance[end - 1])
    return result


def _window_mean(total: Floats, weight: Floats, width: float) -> Floats:
    """The mean of `width` neighbours around each, of fewer at the ends."""
    import numpy as np

    half = max(0, round((width - 1) / 2))
    at = np.arange(len(total))
    first, end = np.maximum(at - half, 0), np.minimum(at + half + 1, len(total))
    # in more digits than a float has: the difference of two large sums is to be a small one
    sums, counts = (np.concatenate(([0], np.cumsum(column, dtype=np.longdouble))) for column in (total, weight))
    with np.errstate(all="ignore"):
        mean = ((sums[end] - sums[first]) / (counts[end] - counts[first])).astype(np.float64)
        return np.where(weight > 0, mean, np.nan)
