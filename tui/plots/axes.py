"""The axes of a plot: lines, ticks, labels, and the symbols of what happened along the x-axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tui.plots.area import Area
from tui.plots.canvas import SPACE
from tui.plots.spec import Track
from tui.text import fit, safe

FEW, MANY = 5, 14
"""Cells of the axis for each symbol of a kind, at the least; where there are more, they are thinned out and dim."""


def draw_y_axis(area: Area) -> None:
    """The line left of the curves, with its ticks."""
    if not area.left:
        return
    ink, line = area.plot.ink("muted"), area.plot.ink("line")
    x = area.left - 1
    area.canvas.column(x, area.top, area.top + area.rows, area.pick("│", "|"), line)
    taken = -1
    for value, label in sorted(zip(area.y_ticks, area.y_labels, strict=True), reverse=True):
        row = area.row(value)
        if row < 0 or row == taken:
            continue
        taken = row
        area.canvas.text(x, area.top + row, area.pick("┤", "+"), line)
        area.canvas.text(x - len(label), area.top + row, label, ink)


def draw_x_axis(area: Area) -> None:
    """The line below the curves, its ticks, what it counts."""
    if area.label_row is None:
        return
    ink, line, canvas = area.plot.ink("muted"), area.plot.ink("line"), area.canvas
    if area.axis_row is not None:
        canvas.rule(area.axis_row, area.left, canvas.width, area.pick("─", "-"), line)
        if area.left:
            canvas.text(area.left - 1, area.axis_row, area.pick("╰", "+"), line)
    name = safe(area.plot.x_name or area.plot.x_axis.value, max(8, canvas.width // 3))
    for column, x, label in _x_labels(area, canvas.width - len(name) - 1):
        if area.axis_row is not None:
            canvas.text(area.left + column, area.axis_row, area.pick("┬", "+"), line)
        canvas.text(x, area.label_row, label, ink)
    canvas.text(max(0, canvas.width - len(name)), area.label_row, fit(name, canvas.width), ink)


def _x_labels(area: Area, room: int) -> list[tuple[int, int, str]]:
    """The ticks with room for a label: column, where it begins, the label; finer ones where one tick alone has it."""
    found: list[tuple[int, int, str]] = []
    for finer in (1, 2, 3):
        found = _with_room(area, finer, room)
        if len(found) > 1:
            break
    return found


def _with_room(area: Area, finer: int, room: int) -> list[tuple[int, int, str]]:
    found = []
    free = area.left - 3 if area.left else 0
    for value, label in zip(*area.x_ticks(finer), strict=True):
        column = area.column(value)
        x = max(0, min(area.left + column - (len(label) - 1) // 2, area.canvas.width - len(label)))
        if column >= 0 and x >= free and x + len(label) < room:
            found.append((column, x, label))
            free = x + len(label) + 2
    return found


def draw_tracks(area: Area) -> None:
    """What happened along the run, on the line of the x-axis, or where there is none along an edge of the curves."""
    if not area.plot.curves:
        return
    row = area.axis_row if area.axis_row is not None else _free_row(area)
    for track in area.plot.tracks:
        columns = track_columns(area, track)
        seen = np.unique(columns[columns >= 0])
        many = len(seen) > max(1, area.inner.width // FEW)
        kept = _spread(seen, max(2, area.inner.width // MANY)) if many else seen.tolist()
        ink = area.plot.ink(track.color, "dim" if many else "")
        for column in kept:
            if area.axis_row is not None or area.canvas.glyph[row, area.left + column] == SPACE:
                area.canvas.text(area.left + column, row, area.pick(track.symbol, track.plain), ink)


def _free_row(area: Area) -> int:
    """The first or the last row, where less is drawn."""
    first, last = area.top, area.top + area.rows - 1
    return min((last, first), key=lambda row: int((area.canvas.glyph[row, area.left :] != SPACE).sum()))


def track_columns(area: Area, track: Track) -> NDArray[np.int64]:
    """The cell column of each thing in a track; -1 where it is not in sight."""
    xmap = area.plot.curves[0].xmap(area.plot.x_axis)
    at = xmap.positions(*track.arrays)
    if area.plot.log_x:
        at = np.where(at > 0, np.log10(np.where(at > 0, at, 1.0)), np.nan)
    dots = area.dots_x(at)
    inside = np.isfinite(dots) & (dots >= -0.5) & (dots < area.inner.dots_wide - 0.5)
    return np.where(inside, np.rint(np.where(inside, dots, 0.0)).astype(np.int64) // area.inner.across, -1)


def _spread(columns: NDArray[np.int64], most: int) -> list[int]:
    """At most about `most` of ascending columns, the first and last among them, the rest evenly apart."""
    wanted = np.linspace(columns[0], columns[-1], most)
    kept = np.unique(columns[np.searchsorted(columns, wanted).clip(0, len(columns) - 1)])
    return [int(column) for column in kept]
