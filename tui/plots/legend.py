"""The title rows of a plot: its name on the left, what its curves are and their values on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rich.cells import cell_len

from tui.plots.canvas import Canvas
from tui.plots.spec import ASCII_SYMBOLS, Curve, Plot
from tui.text import safe, shortened

Piece: TypeAlias = tuple[str, int]
"""Text and its ink."""
HIGH = 7
"""Rows of a plot for each row of its legend, at the least."""
VALUE, DEVIATION = 7, 6
"""Cells that a value and a deviation are counted as, so that the plot keeps its height while they change."""


@dataclass(frozen=True)
class _Style:
    """How the curves are told: the first way that has room for all is taken."""

    gap: str
    symbols: int
    """How often the symbol stands."""
    label: int
    """Cells of a name at the most; 0 leaves it out."""
    values: bool = True


_WIDE = _Style("   ", 2, 24)
_WITH_VALUES = (_WIDE, *(_Style("  ", 1, label) for label in (24, 8, 5)))
_VALUES, _NAMES = _Style(" ", 1, 0), _Style("   ", 2, 24, values=False)


def draw_centred(canvas: Canvas, text: str, ink: int) -> None:
    text = safe(text, canvas.width)
    canvas.text((canvas.width - cell_len(text)) // 2, canvas.height // 2, text, ink)


def title_rows(plot: Plot, width: int, height: int) -> list[list[Piece]]:
    """The rows above the curves: the title on the left of the first, the legend on the right; none without room.

    Args:
        width, height: of all of the plot.
    """
    if height < 4 or not (plot.title or plot.legend):
        return []
    title = _title(plot, width)
    room = width - (cell_len(title) + 3 if title else 0)
    first, *more = (_legend(plot, room, width, max(1, height // HIGH)) if plot.legend else []) or [[]]
    space = " " * max(0, width - cell_len(title) - _cells(first))
    return [[(title, plot.ink("text", "bold")), (space, plot.ink("")), *first], *more]


def draw_titles(canvas: Canvas, rows: Sequence[Sequence[Piece]]) -> None:
    """Write the rows, each to the right end."""
    for y, row in enumerate(rows):
        x = canvas.width - _cells(row)
        for text, ink in row:
            canvas.text(x, y, text, ink)
            x += cell_len(text)


def _title(plot: Plot, width: int) -> str:
    """The title, cut where not even the values have room beside it."""
    if not (plot.legend and plot.values and plot.curves):
        return safe(plot.title, width)
    values = sum(_room(plot, index, _VALUES) for index in range(len(plot.curves)))
    return shortened(safe(plot.title), width - min(values + 3, width // 2))


def _legend(plot: Plot, room: int, width: int, most: int) -> list[list[Piece]]:
    """The curves in rows.

    Args:
        room: cells of the first row; the others have `width`.
        most: rows there may be.
    """
    values = plot.values and (plot.cursor is not None or len(plot.curves) == 1)
    last = _VALUES if values else _NAMES
    for style in (*(_WITH_VALUES if plot.values else ()), last):
        rows = _broken(plot, style, room, width)
        if rows is not None and len(rows) <= (1 if style is _WIDE else most):
            return [_joined(plot, row, style) for row in rows]
    return [_as_many(plot, room, last)]


def _broken(plot: Plot, style: _Style, room: int, width: int) -> list[list[int]] | None:
    """Which curves stand in which row; None where one has no room in any."""
    rows: list[list[int]] = [[]]
    left = room
    for index in range(len(plot.curves)):
        cells = _room(plot, index, style)
        if cells > left:
            if cells > width:
                return None
            rows.append([])
            left = width
        rows[-1].append(index)
        left -= cells + len(style.gap)
    return rows


def _as_many(plot: Plot, room: int, style: _Style) -> list[Piece]:
    """The first curves that have room in one row, and how many more there are."""
    count = len(plot.curves)
    for shown in range(count, 0, -1):
        more = f"  +{count - shown}" if shown < count else ""
        cells = sum(_room(plot, index, style) for index in range(shown)) + len(style.gap) * (shown - 1)
        if cells + len(more) <= room:
            return [*_joined(plot, range(shown), style), (more, plot.ink("muted"))]
    return []


def _joined(plot: Plot, indices: Sequence[int], style: _Style) -> list[Piece]:
    pieces: list[Piece] = []
    for index in indices:
        (symbol, ink), *rest = _entry(plot, index, style)
        pieces += [((style.gap if pieces else "") + symbol, ink), *rest]
    return pieces


def _entry(plot: Plot, index: int, style: _Style) -> list[Piece]:
    """One curve: its symbol, its name, its value."""
    symbol = ASCII_SYMBOLS[index % len(ASCII_SYMBOLS)] if plot.ascii_only else "━"
    label = safe(plot.curves[index].label, style.label)
    pieces = [(symbol * style.symbols, plot.curve_ink(index))]
    pieces += [(f" {label}", plot.ink("muted"))] if label else []
    if style.values:
        value = _value(plot, plot.curves[index])
        pieces.append((f" {value:>{VALUE}}" if style is _WIDE else f" {value}", plot.ink("text")))
    return pieces


def _room(plot: Plot, index: int, style: _Style) -> int:
    """Cells that a curve is given: as many for each value, so that the rows stay as they are while values change."""
    curve = plot.curves[index]
    label = cell_len(safe(curve.label, style.label))
    value = VALUE + (DEVIATION if curve.band else 0) if style.values else 0
    return style.symbols + (label + 1 if label else 0) + (value + 1 if value else 0)


def _cells(pieces: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in pieces)


def _value(plot: Plot, curve: Curve) -> str:
    """The curve's value, with the deviation around a mean."""
    deviation = getattr(curve.source, "deviation_at", None) if curve.band else None
    spread = deviation(plot.cursor, curve.xmap(plot.x_axis)) if deviation is not None else None
    if spread is None or not math.isfinite(spread):  # of one run alone there is none
        return _mean(plot, curve)
    return f"{_mean(plot, curve)}{'+-' if plot.ascii_only else '±'}{short(spread)}"


def _mean(plot: Plot, curve: Curve) -> str:
    if plot.cursor is not None:
        return short(curve.source.value_at(plot.cursor, curve.xmap(plot.x_axis)))
    last = curve.source.last
    return short(last[2] if last else None)


def short(value: float | None) -> str:
    """A value in at most 7 characters: `0.2134`, `12.34`, `3.2e-5`, `NaN`; a dash for none."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e5):
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    decimals = 4 if size < 10 else 2 if size < 1000 else 0
    return f"{value:.{decimals}f}"
