"""The line of the runs that are compared: each in the colour of its curve, one marked, the baseline named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.cells import cell_len
from rich.style import Style

from tui.comparison import Comparison
from tui.text import safe
from tui.theme import Inks, symbol
from tui.widgets.note_line import NoteLine
from tui.widgets.table import Line


class RunsLine(NoteLine):
    """The compared runs in the colours of their curves, the one that keys act on marked."""


def runs_line(
    found: Comparison, cursor: int, colours: Sequence[Style], hidden: Collection[str], width: int, ink: Inks
) -> Line:
    """Of many runs those around the marked one; at the end the baseline, whose column may be far away.

    Args:
        cursor: number of the marked run.
        hidden: ids of runs whose curves are not drawn.
    """
    parts: list[Line] = []
    for place, (run, colour) in enumerate(zip(found.runs, colours, strict=True)):
        style = ink.faint if run.id in hidden else colour
        star = f" {symbol('star')}" if run.id == found.baseline else ""
        chosen = ink.cursor if place == cursor else Style()
        parts.append(
            [(f" {symbol(run.status)} ", ink.state(run.status) + chosen), (f"{run.id}{star} ", style + chosen)]
        )
    title = " Compare "
    base = f" baseline {symbol('star')} {safe(found.baseline)} " if len(found.runs) > 1 else ""
    room = width - len(title) - cell_len(base)
    shown = _around(parts, cursor, room)
    line: Line = [(title, ink.strong), *(cell for part in shown for cell in part)]
    spare = room - _cells(shown)
    name = _name(found, cursor, spare - 3)
    line.append((f"  {name}" if name else "", ink.muted))
    gap = width - _cells([line]) - cell_len(base)
    return [*line, (" " * max(0, gap), ink.text), (base if gap >= 0 else "", ink.muted)]


def _around(parts: Sequence[Line], cursor: int, room: int) -> list[Line]:
    """As many parts as there is room for, the marked one and what is before and after it."""
    first = last = min(cursor, max(0, len(parts) - 1))
    while True:
        wider = [(a, b) for a, b in ((first, last + 1), (first - 1, last)) if a >= 0 and b < len(parts)]
        wider.sort(key=lambda ends: abs(2 * cursor - sum(ends)))  # as many before it as after it
        fitting = next(((a, b) for a, b in wider if _cells(parts[a : b + 1]) <= room), None)
        if fitting is None:
            return list(parts[first : last + 1])
        first, last = fitting


def _name(found: Comparison, cursor: int, room: int) -> str:
    if not found.runs or room < 8:
        return ""
    run = found.runs[cursor]
    return safe(f"{run.info.experiment} {run.marks.name}".strip(), room)


def _cells(lines: Sequence[Line]) -> int:
    return sum(cell_len(text) for line in lines for text, _ in line)
