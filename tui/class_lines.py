"""Scores of each class of several runs as lines: a column a run, the difference to the baseline shaded beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.style import Style
from textual.app import App

from engine.class_scores import ClassComparison
from engine.comparable import told as together
from tui.comparison_lines import columns_in_sight, more_columns, placed
from tui.plots.inks import shade_style
from tui.text import dash, fit, number, pad, safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.table import Line

BETTER, WORSE = "curve-0", "curve-1"
"""Blue and orange, which everyone tells apart; the sign says the same."""
_CELL = 15
"""Cells of a run's value and difference."""
_NAMES = (12, 26)
_SUPPORT = 8
_SPLITS = {"val": "validation"}


def class_lines(
    app: App[Any], found: ClassComparison, runs: Sequence[str], cursor: int, score: str, colours: Sequence[Style],
    width: int, ink: Inks,
) -> list[Line]:  # fmt: skip
    """A row a class, those that differ most first.

    Args:
        runs: all that are compared, in their order.
        cursor: number of the run whose column is to be in sight.
        score: f1, precision or recall.
        colours: of the runs.
    """
    table = _Table(app, found, list(runs), cursor, score, list(colours), width, ink)
    told = notes(found, width, ink)
    if not found.scored:
        return [table.title(), *told]
    above, below = placed(told, len(found.refused), ink)
    lines = [table.title(), *(above or [[]]), table.head(), *(table.row(name) for name in found.classes)]
    return more_columns(len(runs) - len(table.places), ink) + lines + below


def split_title(split: str) -> str:
    """A split as people call it."""
    return safe(_SPLITS.get(split, split))


def notes(found: ClassComparison, width: int, ink: Inks) -> list[Line]:
    """What is missing, refused, or weakens the comparison."""
    lines: list[Line] = []
    for words in together(found.missing):
        lines += [[(f" {line}", ink.muted)] for line in wrap(safe(words), max(8, width - 2))]
    refused = [f"no difference is formed for {words}" for words in together(found.refused)]
    for words in (*refused, *found.told):
        rows = wrap(safe(words), max(8, width - 5))
        lines += [[(f" {symbol('warning') if not at else ' '} {row}", ink.warning)] for at, row in enumerate(rows)]
    return lines


class _Table:
    """Its columns, and the rows drawn in them."""

    def __init__(
        self, app: App[Any], found: ClassComparison, runs: list[str], cursor: int, score: str, colours: list[Style],
        width: int, ink: Inks,
    ) -> None:  # fmt: skip
        self.app, self.found, self.runs, self.score = app, found, runs, score
        self.cursor, self.colours, self.width, self.ink = cursor, colours, width, ink
        longest = max((len(safe(name)) for name in found.classes), default=5)
        self.support = _SUPPORT if width >= 60 else 0
        self.names = max(_NAMES[0], min(_NAMES[1], longest + 1, width // 3))
        room = max(1, (width - self.names - self.support - 1) // (_CELL + 1))
        base = runs.index(found.base) if found.base in runs else None
        self.places = columns_in_sight(len(runs), room, cursor, base)
        self.largest = max(
            (abs(d) for run in runs for name in found.classes if (d := found.difference(run, name, score))), default=1.0
        )

    def title(self) -> Line:
        words = (
            f" {'F1' if self.score == 'f1' else self.score} of each class on the {split_title(self.found.split)} split"
        )
        line: Line = [(words, self.ink.strong)]
        if len(words) + 50 < self.width and len(self.found.scored) > 1:
            line += [("   largest difference first   ", self.ink.muted), *legend(self.app, self.ink)]
        return line

    def head(self) -> Line:
        line: Line = [(pad(" class", self.names), self.ink.muted)]
        if self.support:
            line.append((pad("samples", self.support, right=True), self.ink.muted))
        for place in self.places:
            run = self.runs[place]
            mark = symbol("star") if run == self.found.base else ""
            style = self.colours[place] + Style(bold=True, underline=place == self.cursor)
            line += [(" ", self.ink.text), (pad(f"{mark}{run}", _CELL, right=True), style)]
        return line

    def row(self, name: str) -> Line:
        only = self.found.only(name)
        line: Line = [
            (pad(f" {fit(safe(name), self.names - 1)}", self.names), self.ink.warning if only else self.ink.text)
        ]
        if self.support:
            line.append((pad(self._support(name), self.support, right=True), self.ink.muted))
        for place in self.places:
            line += [(" ", self.ink.text), *self._cell(self.runs[place], name)]
        if only and sum(len(text) for text, _ in line) + 12 < self.width:
            line.append((f"  only {', '.join(only)}"[: self.width], self.ink.warning))
        return line

    def _support(self, name: str) -> str:
        for run in (self.found.base, *self.runs):
            value = self.found.value(run, name, "support")
            if value is not None:
                return f"{value:,.0f}"
        return ""

    def _cell(self, run: str, name: str) -> Line:
        value, delta = self.found.value(run, name, self.score), self.found.difference(run, name, self.score)
        if value is None:
            return [(pad(dash(), _CELL, right=True), self.ink.faint)]
        if delta is None:
            return [(pad(number(value, 3), _CELL, right=True), self.ink.text)]
        shown = pad(f"{delta:+.3f} ", _CELL - 7, right=True)
        if not round(delta, 3):
            return [(pad(number(value, 3), 7, right=True), self.ink.text), (shown, self.ink.faint)]
        shade = shade_style(self.app, BETTER if delta > 0 else WORSE, 0.12 + 0.88 * abs(delta) / self.largest)
        return [(pad(number(value, 3), 7, right=True), self.ink.text), (" ", self.ink.text), (shown[1:], shade)]


def legend(app: App[Any], ink: Inks) -> Line:
    """What the two colours say."""
    return [(" + better ", shade_style(app, BETTER, 0.6)), (" ", ink.text), (" - worse ", shade_style(app, WORSE, 0.6))]
