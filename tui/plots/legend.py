"""The title row of a plot: its name on the left, what its curves are and their values on the right."""

from __future__ import annotations

import math

from rich.cells import cell_len

from tui.plots.canvas import Canvas
from tui.plots.spec import ASCII_SYMBOLS, Curve, Plot
from tui.text import safe


def draw_centred(canvas: Canvas, text: str, ink: int) -> None:
    text = safe(text, canvas.width)
    canvas.text((canvas.width - cell_len(text)) // 2, canvas.height // 2, text, ink)


def draw_titles(canvas: Canvas, plot: Plot, top: int) -> None:
    """The first row: the title on the left, what the curves are on the right."""
    if not top:
        return
    title = safe(plot.title, canvas.width)
    canvas.text(0, 0, title, plot.ink("text", "bold"))
    if not plot.legend:
        return
    room = canvas.width - (cell_len(title) + 3 if title else 0)
    entries = _entries(plot, room, with_values=plot.values) or _alone(plot, room)
    entries = entries or _entries(plot, room, with_values=False)
    x = canvas.width - sum(cell_len(text) for text, _ in entries)
    for text, ink in entries:
        canvas.text(x, 0, text, ink)
        x += cell_len(text)


def _alone(plot: Plot, room: int) -> list[tuple[str, int]]:
    """The value of a curve that stands alone, where there is no room for its name too."""
    value = _value(plot, plot.curves[0]) if len(plot.curves) == 1 and plot.values else ""
    return [(value, plot.ink("text"))] if value and cell_len(value) <= room else []


def _entries(plot: Plot, room: int, *, with_values: bool) -> list[tuple[str, int]]:
    """The legend's pieces; with values none when they have no room, without as many curves as have."""
    pieces: list[tuple[str, int]] = []
    used = 0
    for index, curve in enumerate(plot.curves):
        symbol = ASCII_SYMBOLS[index % len(ASCII_SYMBOLS)] * 2 if plot.ascii_only else "━━"
        label = f" {safe(curve.label, 24)}"
        value = f" {_value(plot, curve):>7}" if with_values else ""
        space = "   " if pieces else ""
        cells = cell_len(space + symbol + label + value)
        if used + cells > room:
            if with_values:
                return []
            more = f"  +{len(plot.curves) - index}"
            return [*pieces, (more, plot.ink("muted"))] if used + len(more) <= room else pieces
        used += cells
        pieces += [(space + symbol, plot.curve_ink(index)), (label, plot.ink("muted"))]
        if value:
            pieces.append((value, plot.ink("text")))
    return pieces


def _value(plot: Plot, curve: Curve) -> str:
    """The curve's value, with the deviation around a mean."""
    deviation = getattr(curve.source, "deviation_at", None) if curve.band else None
    spread = deviation(plot.cursor, curve.xmap(plot.x_axis)) if deviation is not None else None
    return _mean(plot, curve) + (f"{'+-' if plot.ascii_only else '±'}{short(spread)}" if spread is not None else "")


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
