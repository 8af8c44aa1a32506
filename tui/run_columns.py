"""The columns of the list of runs: which there are, how wide their values make them, and what stands in their cells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len

from engine.row_keys import Getter, getter, kind_of
from engine.rows import Row
from engine.view import Column as Chosen
from tui.details import progress
from tui.run_view import BEST, TEST, score
from tui.scores import parted
from tui.text import age, dash, duration, number, safe, setting, size
from tui.theme import Inks, symbol
from tui.widgets.table import Cell, Column

FIXED = (Column("mark", "", 1), Column("run", "run", 5), Column("star", "", 1))
"""What stands first, whatever columns are chosen."""
USUAL = ("experiment", "state", "best", "test", "time", "age", "device", "tags")
"""The columns where none were chosen."""
_KNOWN = {
    "experiment": Column("experiment", "experiment", 10, 48),
    "state": Column("state", "state", 8, 10, rank=4),
    "best": Column("best", "best", 7, 9, right=True, rank=1),
    "test": Column("test", "test", 7, 9, right=True, rank=2),
    "metric": Column("metric", "metric", 6, 20, rank=3),
    "time": Column("time", "time", 8, 9, right=True, rank=5),
    "age": Column("age", "age", 6, 7, right=True, rank=3),
    "device": Column("device", "device", 6, 8, rank=6),
    "tags": Column("tags", "tags", 8, 1_000, rank=7),
}
_RIGHT = frozenset({"metric", "score", "number", "count", "duration", "age", "bytes"})
"""Kinds of keys whose values are numbers."""
NARROWEST, WIDEST, LONGEST_TITLE = 3, 60, 16
_SAMPLE = 120
"""Runs whose values say how wide a column is."""


@dataclass(frozen=True)
class RunColumns:
    """The columns of the list."""

    columns: tuple[Column, ...]
    """With the fixed ones."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of those that are not fixed."""
        return tuple(column.key for column in self.columns[len(FIXED) :])

    def panned(self, by: int) -> tuple[Column, ...]:
        """The columns without the first `by` of those that are not fixed."""
        return (*self.columns[: len(FIXED)], *self.columns[len(FIXED) + by :])


def choose_columns(chosen: Sequence[Chosen], rows: Sequence[Row], shown: Sequence[Row] = ()) -> RunColumns:
    """The columns of a view over `rows`.

    Args:
        shown: the rows in the list, whose longest experiment name the usual columns are fitted to.
    """
    run = Column("run", "run", max(5, len(shown[-1].run), len(shown[0].run)) if shown else 5)
    fixed = (FIXED[0], run, FIXED[2])
    metric = _metric_column(shown)
    if not chosen:
        usual = [_KNOWN[key] for key in USUAL]
        longest = max([10, *map(len, {row.experiment for row in shown})])
        title = _longest_title(rows)
        usual[0] = Column("experiment", "experiment", min(longest, 18), title, wants=title)
        usual[-1] = Column("tags", "tags", 8, 1_000, rank=7, wants=_longest_tags(rows))
        return RunColumns((*fixed, *_with_metric(usual, metric)))
    sample = _sampled(rows)
    titles = _titles([column.key for column in chosen])
    longest = _longest_title(rows)
    made = [_made(column, titles[column.key], rank, sample, longest) for rank, column in enumerate(chosen, 1)]
    return RunColumns((*fixed, *_with_metric(made, metric)))


def _longest_title(rows: Sequence[Row]) -> int:
    """What the names want: cells beyond that are left to other columns."""
    known = _KNOWN["experiment"]
    titles = {(row.experiment, row.name) for row in rows}
    return min(known.most, max([known.width, *(cell_len(safe(" ".join(filter(None, title)))) for title in titles)]))


def _longest_tags(rows: Sequence[Row]) -> int:
    return max((cell_len(safe(" ".join(tags))) for tags in {tuple(row.tags) for row in rows}), default=0)


def _metric_column(rows: Iterable[Row]) -> Column | None:
    """Which metric `best` and `test` are of, told where they are not all accuracies."""
    names = {parted(monitor)[1] for monitor in {row.monitor for row in rows} if monitor}
    if not names - {"accuracy"}:
        return None
    return Column("metric", "metric", min(max(6, *map(len, names)), 14), 20, rank=3)


def _with_metric(columns: list[Column], metric: Column | None) -> list[Column]:
    at = next((i for i, column in enumerate(columns) if column.key in (BEST, TEST)), None)
    if metric is None or at is None or any(column.key == "metric" for column in columns):
        return columns
    return [*columns[:at], metric, *columns[at:]]


def _sampled(rows: Sequence[Row]) -> Sequence[Row]:
    """The newest runs, and some from all over."""
    half = _SAMPLE // 2
    return rows if len(rows) <= _SAMPLE else [*rows[:: -(-len(rows) // half)], *rows[-half:]]


def _titles(keys: Sequence[str]) -> dict[str, str]:
    """`optimizer.lr` as `lr`, where no other column would be called so too."""
    short = {key: key.rpartition(".")[2] if kind_of(key) == "setting" else key for key in keys}
    names = list(short.values())
    return {key: title if names.count(title) == 1 else key for key, title in short.items()}


def _made(chosen: Chosen, title: str, rank: int, sample: Sequence[Row], longest_title: int) -> Column:
    key, kind = chosen.key, kind_of(chosen.key)
    known = _KNOWN.get(key)
    take, now = getter(key), time.time()
    values = [take(row, now) for row in sample]
    numeric = kind in _RIGHT or (kind == "setting" and all(_is_number(value) for value in values if value is not None))
    if chosen.width is not None:
        width = most = chosen.width
    elif key == "experiment":
        width, most = _KNOWN[key].width, longest_title
    elif known is not None:
        width, most = known.width, known.most
    else:
        longest = max((cell_len(text(key, kind, value)) for value in values if value is not None), default=1)
        width = most = max(min(longest, WIDEST // 2), min(cell_len(safe(title)) + 2, LONGEST_TITLE))
    return Column(key, safe(title), width, most, right=numeric or (known is not None and known.right), rank=rank)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def text(key: str, kind: str, value: Any) -> str:
    """A value as its cell has it, safe for the screen."""
    if value is None or value == "" or value == ():
        return dash()
    if kind in ("metric", "score"):
        return number(value) if _is_number(value) else safe(value)
    if kind == "bytes":
        return size(value)
    if kind == "duration":
        return duration(value or None)
    if kind == "age":
        return age(time.time() - value)
    if kind == "moment":
        from tui.widgets.run_words import moment

        return moment(value, "%Y-%m-%d %H:%M")
    if kind == "texts":
        return safe(" ".join(value))
    if kind == "number":
        return f"{round(value, 2):g}"
    return setting(value)


def cell(row: Row, key: str, ink: Inks) -> Cell:
    """What stands in a column of a run's line."""
    made = _KNOWN_CELLS.get(key)
    if made is not None:
        return made(row, ink)
    kind = kind_of(key)
    value = _taker(key)(row, time.time())
    shown = text(key, kind, value)
    return shown, ink.faint if shown == dash() else ink.muted if kind in ("moment", "duration", "id") else ink.text


_takers: dict[str, Getter] = {}


def _taker(key: str) -> Getter:
    if key not in _takers:
        _takers[key] = getter(key)
    return _takers[key]


def _score(row: Row, key: str, ink: Inks) -> Cell:
    value = score(row, key)[1]
    return number(value), ink.text if value is not None else ink.faint


def _title(row: Row) -> str:
    return safe(f"{row.experiment} {row.name}" if row.name else row.experiment)


def _state(row: Row) -> str:
    done = progress(row) if row.live else None
    return row.state if done is None else f"{100 * done:.0f} %"


def _metrics(row: Row) -> str:
    names = (score(row, BEST)[0], score(row, TEST)[0])
    return safe(", ".join(dict.fromkeys(name for name in names if name)))


_KNOWN_CELLS: dict[str, Callable[[Row, Inks], Cell]] = {
    "run": lambda row, ink: (row.run, ink.strong),
    "star": lambda row, ink: (symbol("star") if row.star else "", ink.star),
    "experiment": lambda row, ink: (_title(row), ink.text),
    "state": lambda row, ink: (_state(row), ink.state(row.state)),
    "metric": lambda row, ink: (_metrics(row), ink.muted),
    "best": lambda row, ink: _score(row, BEST, ink),
    "test": lambda row, ink: _score(row, TEST, ink),
    "time": lambda row, ink: (duration(row.seconds or None), ink.muted),
    "age": lambda row, ink: (age(row.started or row.created), ink.muted),
    "device": lambda row, ink: (safe(row.device) or dash(), ink.muted),
    "tags": lambda row, ink: (safe(" ".join(row.tags)), ink.accent),
}
