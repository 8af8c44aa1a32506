"""Which runs the list shows, and in what order: filter and sort over index rows, without Textual."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.errors import UsageError
from engine.index import Row
from tui.scores import parted, score_on_test, smaller_is_better

NEWEST = "created"
BEST, TEST = "best", "test"
"""Sort keys whose values are of one metric for some runs, of another for others."""
OPERATORS = frozenset("<>=!~()")


@dataclass(frozen=True)
class View:
    """What to show: a filter, a sort key and its direction."""

    filter: str = ""
    sort: str = NEWEST
    """A key of the query language, or `created`, which is the order of the ids."""
    descending: bool = True
    archived: bool = False
    """Whether archived runs are shown too."""
    experiment: str = ""
    """Only this experiment's runs."""

    def sorted_by(self, key: str) -> View:
        """This view by `key`: largest first, but errors, losses and text smallest; by the same key again, reversed."""
        if key == self.sort:
            return replace(self, descending=not self.descending)
        smallest_first = smaller_is_better(key) or key in ("experiment", "state", "device", "name", "tags")
        return replace(self, sort=key, descending=not smallest_first)


@dataclass(frozen=True)
class Outcome:
    """The rows of a view."""

    view: View
    rows: tuple[Row, ...] = ()
    error: str = ""
    """Why the filter cannot be read; the rows are those of the last one that could."""
    plain: bool = False
    """Whether the filter was taken as words to look for."""
    hidden: int = 0
    """Archived runs left out."""


def apply(rows: Sequence[Row], view: View) -> Outcome:
    """The rows that `view` shows, in its order.

    Args:
        rows: all runs, oldest first.
    """
    shown = [row for row in rows if not row.archived] if not view.archived else list(rows)
    hidden = len(rows) - len(shown)
    if view.experiment:
        shown = [row for row in shown if row.experiment == view.experiment]
    error, plain = "", False
    text = view.filter.strip()
    if text:
        if is_query(text):
            try:
                shown = _query(shown, text)
            except UsageError as problem:
                error = problem.message.splitlines()[0]
        else:
            plain = True
            shown = _words(shown, text)
    return Outcome(view, tuple(_ordered(shown, view)), error, plain, hidden)


def is_query(text: str) -> bool:
    """Whether a filter is meant as a query: it compares something; words alone are looked for as text."""
    words = text.split()
    return any(char in OPERATORS for char in text) or (len(words) > 1 and "in" in words)


def _query(rows: Sequence[Row], text: str) -> list[Row]:
    from engine.query import parse

    query, now = parse(text), time.time()
    return [row for row in rows if query.matches(row, now)]


def _words(rows: Sequence[Row], text: str) -> list[Row]:
    """Rows that hold every word in id, experiment, state, data, model, device, name, tags or note."""
    words = text.casefold().split()
    return [row for row in rows if all(word in _text(row) for word in words)]


def _text(row: Row) -> str:
    kept: str | None = row.__dict__.get("_view_text")
    if kept is None:
        parts = (row.run, row.experiment, row.state, row.data, row.model, row.device, row.name, *row.tags, row.note)
        kept = row.__dict__["_view_text"] = " ".join(parts).casefold()
    return kept


def _ordered(rows: list[Row], view: View) -> list[Row]:
    if view.sort == NEWEST:
        return rows[::-1] if view.descending else rows
    if view.sort in (BEST, TEST):
        return _by_score(rows, view.sort, view.descending)
    from engine.query import sort_rows

    return sort_rows(rows, view.sort, view.descending)


def score(row: Row, key: str) -> tuple[str, float | None, bool]:
    """The metric that a run is judged by (without its split), its value, and whether less of it is better.

    Args:
        key: BEST or TEST.
    """
    if key == BEST:
        return parted(row.monitor or "")[1], row.best, row.mode == "min"
    metric = score_on_test(row.metrics, row.monitor)
    return parted(metric)[1], row.metrics.get(metric), smaller_is_better(metric)


def _by_score(rows: list[Row], key: str, descending: bool) -> list[Row]:
    """Runs of one metric together, those with most runs first; among them the better first, or the worse.

    Errors are not compared with shares; runs without a value, or with NaN, come last.
    """
    groups: dict[str, list[tuple[float, Row]]] = {}
    rest = []
    for row in rows:
        metric, value, smaller = score(row, key)
        if value is None or value != value:
            rest.append(row)
        else:
            groups.setdefault(metric, []).append((-value if smaller else value, row))
    ordered = []
    for _, group in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        ordered += [row for _, row in sorted(group, key=lambda pair: pair[0], reverse=descending)]
    return ordered + rest
