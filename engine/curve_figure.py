"""A sheet of curves drawn with matplotlib, as PNG or SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.curve_sheet import Sheet, SheetBaseline, SheetCurve, SheetMark, SheetPanel
from engine.curve_table import Lines, mean_of
from engine.curves import positions, read_measured, thin
from engine.figures import new_figure, plain, save_figure

_COLOURS = ("#0b62c1", "#b45309", "#19743a", "#8a2fa8", "#766000", "#0f766e", "#b3261e", "#555d68")
_MARKERS = {"checkpoint": "D", "lr": "v", "finding": "X", "resumed": ">", "best": "*"}
_MARK_COLOURS = {
    "checkpoint": "#19743a",
    "lr": "#0b62c1",
    "finding": "#b3261e",
    "resumed": "#23282f",
    "best": "#8a5a00",
}
_POINTS = 4000
"""Points of a curve that are drawn: more than there are dots across."""
_MOST_MARKS = 40
"""Of a kind; more of them are thinned out."""


def draw_sheet(sheet: Sheet, lines: Lines, path: Path, *, svg: bool) -> None:
    """Draw a sheet into a file that must not be there yet.

    Args:
        lines: run to what it is behind, of every run that is drawn.

    Raises:
        FileExistsError: there is such a file.
        OSError: it cannot be written.
    """
    columns = min(sheet.columns, len(sheet.panels))
    rows = math.ceil(len(sheet.panels) / columns)
    figure = new_figure(min(40.0, 6.0 * columns + 1.0), min(40.0, 3.6 * rows + 0.4))
    for number, panel in enumerate(sheet.panels, 1):
        place = (rows, columns, number) if not _alone(number, columns, sheet) else (rows, 1, rows)
        _draw_panel(figure.add_subplot(*place), panel, sheet, lines)
    if sheet.title:
        figure.suptitle(plain(sheet.title, 120), fontsize=10)
    save_figure(figure, path, svg=svg, replace=False)


def _alone(number: int, columns: int, sheet: Sheet) -> bool:
    """Whether a panel has the last one of two columns to itself; it takes both, as on screen."""
    return columns == 2 and number == len(sheet.panels) and number % columns == 1


def _draw_panel(axes: Any, panel: SheetPanel, sheet: Sheet, lines: Lines) -> None:
    ranges = [_draw_curve(axes, curve, sheet, lines) for curve in panel.curves]
    ranges += [_draw_baseline(axes, baseline, sheet) for baseline in panel.baselines if any(ranges)]
    axes.set_title(plain(panel.title, 60), fontsize=10)
    axes.set_xlabel(plain({"time": "seconds", "wall": "Unix time"}.get(sheet.axis, sheet.axis), 60))
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if sheet.log_x:
        axes.set_xscale("log", nonpositive="mask")
    if panel.log_y:
        axes.set_yscale("log", nonpositive="mask")
    _limit(axes, panel, sheet, [found for found in ranges if found is not None])
    _draw_marks(axes, panel, sheet, lines)
    if any(found is not None for found in ranges):
        axes.legend(frameon=False, fontsize=8)
    else:
        axes.text(0.5, 0.5, "no points", ha="center", va="center", transform=axes.transAxes, color="#888888")


def _draw_curve(axes: Any, curve: SheetCurve, sheet: Sheet, lines: Lines) -> tuple[float, float] | None:
    """One curve, what is smoothed over what was measured; the range of y that it takes, None without a point."""
    colour, label = _COLOURS[curve.colour % len(_COLOURS)], plain(curve.label or curve.series)
    if len(curve.runs) > 1:
        x, mean, deviation = mean_of(curve, sheet.axis, lines)
        axes.fill_between(x, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0)
        ends = [_draw_line(axes, sheet, x, mean + side * deviation, alpha=0.0) for side in (-1, 1)]
        drawn = _draw_line(axes, sheet, x, mean, color=colour, linewidth=1.6, label=label)
        return _both(_both(ends[0], ends[1]), drawn)
    found = read_measured(lines[curve.runs[0]], curve.series, sheet.axis, curve.smooth)
    raw = None
    if curve.smooth and len(found.step) > 2:
        raw = _draw_line(axes, sheet, found.x, found.value, color=colour, linewidth=0.8, alpha=0.3)
    drawn = _draw_line(axes, sheet, found.x, found.smooth, color=colour, linewidth=1.6, label=label)
    return _both(raw, drawn)


def _draw_baseline(axes: Any, baseline: SheetBaseline, sheet: Sheet) -> tuple[float, float] | None:
    """A dotted line; the range of y holds it where all of x is in sight."""
    if not math.isfinite(baseline.value):
        return None
    label = plain(baseline.label) or None
    axes.axhline(baseline.value, color="#555d68", linestyle=":", linewidth=1.0, label=label, zorder=1)
    return (baseline.value, baseline.value) if sheet.x == (None, None) else None


def _both(one: tuple[float, float] | None, other: tuple[float, float] | None) -> tuple[float, float] | None:
    """The range that holds two, where there are two."""
    return one or other if one is None or other is None else (min(one[0], other[0]), max(one[1], other[1]))


def _draw_line(
    axes: Any, sheet: Sheet, x: NDArray[np.float64], y: NDArray[np.float64], **style: Any
) -> tuple[float, float] | None:
    """What is within the limits of x, with its neighbours; the range of y in it, without outliers if asked."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    low, high = sheet.x
    begin = 0 if low is None else max(0, int(np.searchsorted(x, low)) - 1)
    end = len(x) if high is None else int(np.searchsorted(x, high, "right")) + 1
    x, y = x[begin:end], y[begin:end]
    if not len(x):
        return None
    few = len(x) <= 40
    axes.plot(*thin(x, y, _POINTS), marker="o" if few else None, markersize=3.0, **style)
    if sheet.clip and len(y) > 200:
        return float(np.quantile(y, 0.01)), float(np.quantile(y, 0.99))
    return float(y.min()), float(y.max())


def _limit(axes: Any, panel: SheetPanel, sheet: Sheet, ranges: Sequence[tuple[float, float]]) -> None:
    low, high = sheet.x
    positive = [end for end in (low, high) if end is None or end > 0 or not sheet.log_x]
    if len(positive) == 2:
        axes.set_xlim(left=low, right=high)
    if panel.y is not None and (panel.y[0] > 0 or not panel.log_y):
        axes.set_ylim(*panel.y)
    elif sheet.clip and ranges and not panel.log_y:
        bottom, top = min(ends[0] for ends in ranges), max(ends[1] for ends in ranges)
        room = 0.05 * (top - bottom) or 0.05 * abs(top) or 0.5
        axes.set_ylim(bottom - room, top + room)


def _draw_marks(axes: Any, panel: SheetPanel, sheet: Sheet, lines: Lines) -> None:
    """What has a value where it is; the rest along the lower edge."""
    line = lines[panel.curves[0].runs[0]]
    kinds = dict.fromkeys(mark.kind for mark in panel.marks)
    for kind in kinds:
        marks = [mark for mark in panel.marks if mark.kind == kind]
        marks = marks[:: math.ceil(len(marks) / _MOST_MARKS)]
        steps, times = np.array([m.step for m in marks], np.int64), np.array([m.time or math.nan for m in marks])
        for mark, x in zip(marks, positions(line, sheet.axis, steps, times), strict=True):
            if math.isfinite(x) and _inside(float(x), sheet):
                _draw_mark(axes, mark, float(x))


def _inside(x: float, sheet: Sheet) -> bool:
    low, high = sheet.x
    return (low is None or x >= low) and (high is None or x <= high) and (x > 0 or not sheet.log_x)


def _draw_mark(axes: Any, mark: SheetMark, x: float) -> None:
    colour, marker = _MARK_COLOURS.get(mark.kind, "#555d68"), _MARKERS.get(mark.kind, "|")
    if mark.value is None:
        axes.plot(
            [x], [0.0], marker=marker, color=colour, markersize=4, transform=axes.get_xaxis_transform(), clip_on=False
        )
        return
    axes.plot([x], [mark.value], marker=marker, color=colour, markersize=9, linestyle="none", zorder=5)
    axes.annotate(plain(mark.label), (x, mark.value), (6, 4), textcoords="offset points", color=colour, fontsize=8)
