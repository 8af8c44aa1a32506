"""The order of runs: by several keys, each in a direction of its own."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from engine.row_keys import best_score, getter, test_score, values_in
from engine.rows import Row
from engine.scores import smaller_is_better

NEWEST = "created"
"""The order of the ids: rows come oldest first."""
BEST, TEST = "best", "test"
"""Keys whose values are of one metric for some runs, of another for others."""
_FIRST, _SECOND = operator.itemgetter(0), operator.itemgetter(1)
_COUNTED = frozenset({"seed", "run"})
"""Numbers of which more says nothing: smallest first."""


class Order(msgspec.Struct, frozen=True):
    """A key of the query language, and which way round."""

    key: str
    descending: bool = True


def natural_order(key: str, rows: Iterable[Row] = ()) -> Order:
    """The order one expects of a key: numbers and times largest first; errors, losses, counts and text smallest."""
    if key in (NEWEST, BEST, TEST):
        return Order(key)
    if smaller_is_better(key.partition(":")[0]) or key in _COUNTED:
        return Order(key, False)
    take = getter(key)
    value = next((value for row in rows if (value := take(row, 1.0)) is not None and value != ""), None)
    return Order(key, isinstance(value, (int, float)) or (value is None and "/" in key))


def parse_orders(text: str, rows: Sequence[Row]) -> list[Order]:
    """The orders of `a,-b`: each key in its natural direction, after a - the other way round."""
    orders = []
    for word in (part.strip() for part in text.split(",")):
        order = natural_order(word.removeprefix("-"), rows)
        if order.key:
            orders.append(Order(order.key, order.descending != word.startswith("-")))
    return orders


def order_rows(rows: Sequence[Row], orders: Sequence[Order]) -> list[Row]:
    """`rows`, oldest first, by the first order; those alike by the next, and so on."""
    if not orders:
        return list(rows)
    if len(orders) == 1 and orders[0].key == NEWEST:
        return list(rows[::-1] if orders[0].descending else rows)
    ordered = list(rows)
    for order in reversed(orders):
        ordered = sort_rows(ordered, order.key, order.descending)
    return ordered


def sort_rows(rows: Sequence[Row], key: str, descending: bool = False) -> list[Row]:
    """`rows` by the value of `key`; those without one, or with NaN, come last, and those alike stay as they stood.

    By `best` and `test` runs of one metric stand together, those with most runs first; `descending` is better first.
    """
    if key in (BEST, TEST):
        return _by_score(rows, best_score if key == BEST else test_score, descending)
    numbers: list[tuple[float, Row]] = []
    texts: list[tuple[str, Row]] = []
    rest: list[Row] = []
    for row, value in zip(rows, values_in(rows, key, time.time()), strict=True):
        if isinstance(value, (int, float)):
            if value == value:
                numbers.append((value, row))
            else:
                rest.append(row)
        elif value is None or value == "" or value == ():
            rest.append(row)
        else:
            texts.append((_text(value), row))
    return [*_sorted(numbers, descending), *_sorted(texts, descending), *rest]


def _text(value: Any) -> str:
    return (", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)).casefold()


def _sorted(pairs: list[tuple[Any, Row]], descending: bool) -> list[Row]:
    pairs.sort(key=_FIRST, reverse=descending)
    return list(map(_SECOND, pairs))


def _by_score(rows: Sequence[Row], score: Callable[[Row], tuple[str, float | None]], descending: bool) -> list[Row]:
    """Errors are not compared with shares; runs without a value, or with NaN, come last."""
    groups: dict[str, list[tuple[float, Row]]] = {}
    rest = []
    for row in rows:
        metric, value = score(row)
        if value is None or value != value:
            rest.append(row)
        else:
            groups.setdefault(metric, []).append((-value if _smaller(row, metric, score) else value, row))
    ordered = []
    for _, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        ordered += _sorted(group, descending)
    return ordered + rest


def _smaller(row: Row, metric: str, score: Callable[[Row], tuple[str, float | None]]) -> bool:
    return row.mode == "min" if score is best_score else smaller_is_better(metric)
