"""Runs gathered under what they share: how many, and the mean, deviation and best of their score."""

from __future__ import annotations

import itertools
import math
import operator
import time
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.ordering import BEST, TEST, Order
from engine.row_keys import kind_of, test_score, values_in
from engine.rows import Row
from engine.scores import smaller_is_better

Value = Hashable
_NAME = operator.itemgetter(0)
_NONE: tuple[Value, ...] = (None,)


@dataclass(frozen=True)
class Figure:
    """The score of a group's runs."""

    name: str
    """The metric; where runs are judged by several, that of most of them."""
    count: int
    """Runs that have a finite value."""
    mean: float
    deviation: float | None
    """The standard deviation of the sample; None for a single run."""
    best: float
    best_run: str


@dataclass(frozen=True)
class Group:
    """Runs with the same values of the keys that are grouped by."""

    values: tuple[Value, ...]
    """One for each key; None where the runs have none."""
    rows: tuple[Row, ...]
    figure: Figure | None = None
    """None where no run has the score."""


def group_rows(rows: Sequence[Row], keys: Sequence[str], figure: str = BEST) -> list[Group]:
    """`rows` by their values of `keys`: groups in the order of their first runs, each in the order of `rows`.

    A run with several tags stands in the group of each; what has no value at all comes last.

    Args:
        figure: the key that is summarised.
    """
    now = time.time()
    columns = [list(map(_value, values_in(rows, key, now))) for key in keys]
    several = [at for at, key in enumerate(keys) if kind_of(key) == "texts"]
    gathered: dict[tuple[Value, ...], list[Row]] = {}
    for row, values in zip(rows, zip(*columns, strict=True), strict=True):
        for each in _spread(values, several) if several else (values,):
            gathered.setdefault(each, []).append(row)
    groups = [Group(values, tuple(found), summarise(found, figure)) for values, found in gathered.items()]
    return sorted(groups, key=lambda group: all(value is None for value in group.values))


def _spread(values: tuple[Any, ...], several: Sequence[int]) -> Iterable[tuple[Value, ...]]:
    """Once for each tag."""
    return itertools.product(*(v or _NONE if at in several else (v,) for at, v in enumerate(values)))


def _value(value: Any) -> Value:
    """What a run is grouped under; a list that is a setting is one value."""
    if isinstance(value, list):
        return str(value)
    return None if value == "" or value != value else value


def figure_key(orders: Sequence[Order]) -> str:
    """What groups are summarised by: the first metric that the runs are ordered by, else their best score."""
    return next((order.key for order in orders if kind_of(order.key) in ("metric", "score")), BEST)


def summarise(rows: Sequence[Row], key: str) -> Figure | None:
    """Mean, deviation and best of a metric over runs; None where none of them has it."""
    scored = [(name, value, row) for (name, value), row in zip(_scores(rows, key), rows, strict=True) if _finite(value)]
    if not scored:
        return None
    name = Counter(map(_NAME, scored)).most_common(1)[0][0]
    chosen = [(value, row) for found, value, row in scored if found == name]
    count = len(chosen)
    mean = math.fsum(value for value, _ in chosen) / count
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value, _ in chosen) / (count - 1)) if count > 1 else None
    smaller = chosen[0][1].mode == "min" if key == BEST else smaller_is_better(name.partition(":")[0])
    best, row = (min if smaller else max)(chosen, key=lambda pair: pair[0])
    return Figure(name, count, mean, deviation, best, row.run)


def _scores(rows: Sequence[Row], key: str) -> list[tuple[str, Any]]:
    if key == BEST:
        return [(row.monitor or "", row.best) for row in rows]
    if key == TEST:
        return [(f"test/{name}", value) for name, value in map(test_score, rows)]
    return [(key, value) for value in values_in(rows, key, 0.0)]


def _finite(value: Any) -> bool:
    return value is not None and isinstance(value, (int, float)) and math.isfinite(value)
