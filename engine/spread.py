"""Several curves of one thing, such as the runs of a group over their seeds, as their mean and standard deviation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PLACES = 1024
"""Curves whose points stand at different places are read at so many places in common."""
DIFFERENT = ("seed", "data.fold", "device", "description", "motivation", "tags")
"""Settings in which runs may differ and still be repetitions of one another."""


def repetitions(runs: Iterable[tuple[str, str | None, Mapping[str, Any]]]) -> list[list[str]]:
    """The ids of runs, those together that are of one group and differ in nothing but seed and fold.

    Args:
        runs: id, group and settings (as tables, or under dotted keys) of each run.
    """
    found: dict[object, list[str]] = {}
    for run, group, settings in runs:
        key = (group, essence(settings)) if group else run
        found.setdefault(key, []).append(run)
    return list(found.values())


def essence(settings: Mapping[str, Any]) -> str:
    """The settings but for those that repetitions may differ in, as text; of tables, or under dotted keys."""
    known = dict(_flat(settings))
    return repr(sorted((key, value) for key, value in known.items() if key not in DIFFERENT and value is not None))


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str | None]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", None if value is None else repr(value)


def mean_and_deviation(curves: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats]:
    """The mean of curves and their standard deviation (of a sample: divided by n - 1) at places they have in common.

    Between its points a curve is the line through them; beyond its ends it is not counted.

    Returns:
        Positions, ascending; the mean; the deviation, NaN where there is one curve only.
    """
    import numpy as np

    kept = [_clean(x, y) for x, y in curves]
    kept = [(x, y) for x, y in kept if len(x)]
    at = _places([x for x, _ in kept])
    if not kept:
        return at, at, at
    values = np.array([np.interp(at, x, y, left=np.nan, right=np.nan) for x, y in kept])
    there = np.isfinite(values)
    count = there.sum(axis=0)
    with np.errstate(all="ignore"):
        mean = np.where(there, values, 0.0).sum(axis=0) / count
        squares = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0)
        return at, mean, np.where(count > 1, np.sqrt(squares / (count - 1)), np.nan)


def _clean(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The finite points, ascending in x."""
    import numpy as np

    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _places(positions: Sequence[Floats]) -> Floats:
    """Every position there is while those are few; of many, so many at even distances."""
    import numpy as np

    if not positions:
        return np.empty(0)
    if sum(map(len, positions)) <= PLACES or all(np.array_equal(positions[0], x) for x in positions[1:]):
        return np.unique(np.concatenate(positions))
    return np.linspace(min(float(x[0]) for x in positions), max(float(x[-1]) for x in positions), PLACES)
