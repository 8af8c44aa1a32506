"""The list of experiments."""

from __future__ import annotations

from collections.abc import Sequence

from tui.scores import parted
from tui.store import ExperimentEntry
from tui.text import dash, fit, number, safe
from tui.theme import Inks, symbol
from tui.widgets.line_list import LineList
from tui.widgets.table import Column, Line, arrange, draw_row, taken

_ALL = 1_000
"""More cells than any terminal has: this column takes what is over."""
_DESCRIPTION = 30
"""Cells that make a description worth showing."""


class ExperimentList(LineList[ExperimentEntry]):
    """Name, data set, model, number of runs, best result and of which metric; in a wide terminal what it is about."""

    def __init__(self) -> None:
        super().__init__(id="experiments", classes="panel")
        self._longest = _longest(())

    def measure(self, entries: Sequence[ExperimentEntry]) -> None:
        """Fit the columns to what they hold."""
        longest = _longest(entries)
        if longest != self._longest:
            self._longest = longest
            self.forget()

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The columns' names."""
        arranged = arrange(_columns(*self._longest, width), width)
        return draw_row(arranged, {column.key: (column.title, ink.title) for column, _ in arranged}, ink.text)

    def draw_item(self, item: ExperimentEntry, width: int, ink: Inks) -> Line:
        """One experiment; a broken one says what is wrong instead."""
        arranged = arrange(_columns(*self._longest, width), width)
        if item.problem:
            name = arranged[0][1]
            mark = f"{symbol('failed')} "
            text = fit(safe(item.problem), max(0, width - name - 2 - len(mark)))
            return [
                *draw_row(arranged[:1], {"name": (safe(item.name), ink.text)}, ink.text),
                ("  " + mark, ink.bad),
                (text, ink.bad),
            ]
        live = f"{symbol('running')} " if item.live else ""
        best = number(item.best) if item.best is not None else dash()
        metric = parted(item.monitor)[1] if item.best is not None else ""
        cells = {
            "name": (safe(item.name), ink.strong),
            "data": (safe(item.data), ink.muted),
            "model": (safe(item.model), ink.muted),
            "description": (safe(item.description), ink.faint),
            "runs": (
                f"{live}{item.runs:,}" if item.runs else dash(),
                ink.accent if item.live else ink.text if item.runs else ink.faint,
            ),
            "metric": (safe(metric), ink.muted),
            "best": (
                f"{symbol('star') if item.starred else ''}{best}",
                ink.text if item.best is not None else ink.faint,
            ),
        }
        return draw_row(arranged, cells, ink.text)


def _longest(entries: Sequence[ExperimentEntry]) -> tuple[int, int, int, int]:
    """The cells that names, data sets, models and metrics would take; none for metrics where all are accuracies."""

    def longest(values: list[str], least: int, most: int) -> int:
        return min(most, max([least, *map(len, values)]))

    metrics = {parted(entry.monitor)[1] for entry in entries if entry.best is not None}
    return (
        longest([entry.name for entry in entries], 12, 40),
        longest([entry.data for entry in entries], 6, 24),
        longest([entry.model for entry in entries], 6, 32),
        longest(sorted(metrics), 6, 14) if metrics - {"accuracy"} else 0,
    )


def _columns(name: int, data: int, model: int, metric: int, width: int) -> tuple[Column, ...]:
    numbers = (
        Column("runs", "runs", 6, right=True, rank=2),
        *((Column("metric", "metric", metric, rank=5),) if metric else ()),
        Column("best", "best", 7, right=True, rank=1),
    )
    described = (
        Column("name", "name", name),
        Column("data", "data", data),
        Column("model", "model", model),
        Column("description", "description", _DESCRIPTION - (metric + 2 if metric else 0), _ALL),
        *numbers,
    )
    if taken(described) <= width:
        return described
    return (
        Column("name", "name", min(name, 20), name),
        Column("data", "data", min(data, 10), data, rank=3),
        Column("model", "model", min(model, 10), _ALL, rank=4),
        *numbers,
    )
