"""A view of the runs: which, in what order, gathered by what, with which columns; and the rows it comes to."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.ordering import NEWEST, Order, natural_order, order_rows
from engine.rows import Row

if TYPE_CHECKING:
    from engine.grouping import Group
    from engine.query import Query
    from engine.query_words import QueryError

OPERATORS = frozenset("<>=!~()`")
_TRUTHS = frozenset({"star", "archived"})


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column that was chosen."""

    key: str
    """A key of the query language."""
    width: int | None = None
    """Cells; as its values need when None."""


class View(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What to show."""

    filter: str = ""
    """A query, or words to look for."""
    orders: tuple[Order, ...] = (Order(NEWEST),)
    """What comes first, among those alike what comes next, and so on."""
    groups: tuple[str, ...] = ()
    """Keys whose values runs are gathered by; none shows them one by one."""
    columns: tuple[Column, ...] = ()
    """Besides id and star; the usual ones when empty."""
    archived: bool = False
    """Whether archived runs are shown too."""
    experiment: str = ""
    """Only this experiment's runs."""

    @property
    def first(self) -> Order:
        """The order that counts most."""
        return self.orders[0] if self.orders else Order(NEWEST)

    def sorted_by(self, key: str, rows: Sequence[Row] = ()) -> View:
        """This view by `key` alone, in its natural direction; by the one key it has already, the other way round."""
        if len(self.orders) == 1 and key == self.first.key:
            return self.turned()
        return msgspec.structs.replace(self, orders=(natural_order(key, rows),))

    def then_by(self, key: str, rows: Sequence[Row] = ()) -> View:
        """This view with one more order, in its natural direction; the same once more turns it, then takes it out."""
        orders = [order for order in self.orders if order.key != NEWEST or key == NEWEST]
        at = next((i for i, order in enumerate(orders) if order.key == key), None)
        natural = natural_order(key, rows)
        if at is None:
            orders.append(natural)
        elif orders[at] == natural:
            orders[at] = Order(key, not natural.descending)
        else:
            del orders[at]
        return msgspec.structs.replace(self, orders=tuple(orders) or (Order(NEWEST),))

    def grouped_by(self, key: str) -> View:
        """This view gathered by one more key, or without it where it is one already."""
        kept = tuple(group for group in self.groups if group != key)
        return msgspec.structs.replace(self, groups=kept if key in self.groups else (*kept, key))

    def turned(self) -> View:
        """This view with its first order the other way round."""
        first = Order(self.first.key, not self.first.descending)
        return msgspec.structs.replace(self, orders=(first, *self.orders[1:]))


@dataclass(frozen=True)
class Outcome:
    """The rows of a view."""

    view: View
    rows: tuple[Row, ...] = ()
    error: QueryError | None = None
    """Why the filter cannot be read, or that no run has what it asks for; where it cannot be read, all are shown."""
    plain: bool = False
    """Whether the filter was taken as words to look for."""
    hidden: int = 0
    """Archived runs left out."""
    groups: tuple[Group, ...] = ()
    """The rows gathered, where the view gathers them."""


def apply(rows: Sequence[Row], view: View, *, strict: bool = False) -> Outcome:
    """The rows that `view` shows, in its order.

    Args:
        rows: all runs, oldest first.
        strict: take the filter for a query whatever it looks like.
    """
    text = view.filter.strip()
    query, error = read_filter(text, strict=strict)
    asked = query is not None and "archived" in query.keys
    shown = list(rows) if view.archived or asked else [row for row in rows if not row.archived]
    hidden = len(rows) - len(shown)
    if view.experiment:
        shown = [row for row in shown if row.experiment == view.experiment]
    plain = bool(text) and query is None and error is None
    if query is not None:
        every, now = shown, time.time()
        shown = [row for row in every if query.matches(row, now)]
        error = None if shown else unknown_key(query, every)
    elif plain:
        shown = _holding(shown, text)
    ordered = tuple(order_rows(shown, view.orders))
    return Outcome(view, ordered, error, plain, hidden, _gathered(ordered, view))


def _gathered(rows: Sequence[Row], view: View) -> tuple[Group, ...]:
    if not view.groups:
        return ()
    from engine.grouping import figure_key, group_rows

    return tuple(group_rows(rows, view.groups, figure_key(view.orders)))


def read_filter(text: str, *, strict: bool = False) -> tuple[Query | None, QueryError | None]:
    """A filter as a query, or why it cannot be read as one; neither for words to look for.

    It is a query when it compares something, or asks for a star or the like by its name alone.
    """
    words = text.split()
    compares = strict or any(char in OPERATORS for char in text) or (len(words) > 1 and "in" in words)
    if not compares and not _TRUTHS.intersection(words):
        return None, None
    from engine.query import parse
    from engine.query_words import QueryError

    try:
        query = parse(text)
    except QueryError as error:
        return None, error if compares else None
    return (query if compares or query.keys.keys() <= _TRUTHS else None), None


def unknown_key(query: Query, rows: Sequence[Row]) -> QueryError | None:
    """What nothing matches may name what no run has: a slip, or a metric that none has got to yet."""
    from engine.query_words import QueryError
    from engine.row_keys import lacking

    for key, column in query.keys.items():
        if (hint := lacking(key, rows)) is not None:
            return QueryError(f"no run has {key!r}", query.text, column, hint=hint)
    return None


def _holding(rows: Sequence[Row], text: str) -> list[Row]:
    """Rows that hold every word in id, experiment, state, data, model, device, name, tags or note."""
    words = text.casefold().split()
    return [row for row in rows if all(word in _text(row) for word in words)]


def _text(row: Row) -> str:
    kept: str | None = row.__dict__.get("_view_text")
    if kept is None:
        parts = (row.run, row.experiment, row.state, row.data, row.model, row.device, row.name, *row.tags, row.note)
        kept = row.__dict__["_view_text"] = " ".join(parts).casefold()
    return kept
