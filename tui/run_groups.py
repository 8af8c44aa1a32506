"""The heading of a group of runs: its values, how many runs, and the mean, deviation and best of their score."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rich.cells import cell_len

from engine.grouping import Figure, Group
from engine.row_keys import kind_of
from tui.run_columns import text
from tui.run_view import Heading
from tui.text import dash, fit, number, safe
from tui.theme import Inks, symbol
from tui.widgets.table import Line


def draw_heading(heading: Heading, width: int, ink: Inks, selected: Collection[str] = ()) -> Line:
    """The line of a group, as much of it as there is room for."""
    group = heading.group
    parts = [(f"{symbol('closed' if heading.folded else 'open')} ", ink.accent)]
    for position, (key, value) in enumerate(zip(heading.keys, group.values, strict=True)):
        gap = f" {symbol('dot')} " if position else ""
        parts += [(f"{gap}{safe(key)} ", ink.muted), (shown_value(key, value), ink.strong)]
    room = width - sum(cell_len(words) for words, _ in parts)
    if room < 0:
        return _cut(parts, width)
    for words, style in _told(group, ink, selected):
        if cell_len(words) > room:
            break
        parts.append((words, style))
        room -= cell_len(words)
    return parts


def shown_value(key: str, value: Any) -> str:
    """What a group has in common."""
    if value is None:
        return dash()
    kind = kind_of(key)
    return safe(value) if kind == "texts" else text(key, kind, value)


def _told(group: Group, ink: Inks, selected: Collection[str]) -> Line:
    """What is said of a group, most important first."""
    count = len(group.rows)
    told: Line = [(f"   {count:,} {'run' if count == 1 else 'runs'}", ink.text)]
    if group.figure is not None:
        told += _figure(group.figure, count, ink)
    live = sum(row.live for row in group.rows)
    chosen = sum(row.run in selected for row in group.rows) if selected else 0
    told += [(f"   {symbol('running')} {live}", ink.state("running"))] if live else []
    return told + ([(f"   {symbol('selected')} {chosen}", ink.warning)] if chosen else [])


def _figure(figure: Figure, runs: int, ink: Inks) -> Line:
    spread = "" if figure.deviation is None else f" {symbol('deviation')} {number(figure.deviation)}"
    line = [(f"   {safe(figure.name)} ", ink.muted), (f"{number(figure.mean)}{spread}", ink.text)]
    if figure.count != runs:
        line.append((f" of {figure.count:,}", ink.muted))
    return [*line, ("   best ", ink.muted), (number(figure.best), ink.good), (f" {figure.best_run}", ink.muted)]


def _cut(parts: Line, width: int) -> Line:
    line: Line = []
    for words, style in parts:
        line.append((fit(words, width), style))
        width -= cell_len(words)
        if width <= 0:
            break
    return line
