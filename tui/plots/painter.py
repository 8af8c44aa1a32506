"""Draws a plot whose ranges are known: curves, what was not finite, baselines, marks, axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from rich.cells import cell_len

from tui.plots.area import Area
from tui.plots.axes import draw_tracks, draw_x_axis, draw_y_axis
from tui.plots.canvas import SPACE, Canvas
from tui.plots.legend import draw_centred
from tui.plots.ranges import Range
from tui.plots.shapes import Shape, Trace, linear, scaled
from tui.plots.spec import ASCII_SYMBOLS, Mark, Plot
from tui.text import fit, safe

LABELLED = 100
"""Cells of curves that one of a label counts as much as."""


class Painter:
    """Draws one plot whose ranges are known."""

    def __init__(
        self, canvas: Canvas, plot: Plot, shapes: list[Shape], x: Range, y: Range | None, top: int, rows: int
    ) -> None:
        self.plot, self.shapes = plot, shapes
        self.area = Area(canvas, plot, x, y, top, rows)
        self.inner = self.area.inner

    def paint(self) -> None:
        area, inner, plot = self.area, self.inner, self.plot
        if area.known and inner.width and inner.height:
            self._curves()
        self.covered = (inner.glyph != SPACE).astype(np.int64)
        self.faint = np.isin(inner.ink, [plot.curve_ink(index, "dim") for index in range(len(plot.curves))])
        self._bad_values()
        self._baselines()
        self._marks()
        if plot.label_ends:
            self._names()
        if plot.cursor is not None:
            column = area.column(area.scaled_x(plot.cursor))
            inner.column(column, 0, inner.height, area.pick("│", "|"), plot.ink("text"), over=self.faint)
        if not area.known:
            draw_centred(inner, "no finite values", plot.ink("warning"))
        area.canvas.paste(inner, area.left, area.top)
        draw_y_axis(area)
        draw_x_axis(area)
        draw_tracks(area)

    # what is drawn

    def _curves(self) -> None:
        for index, shape in enumerate(self.shapes):
            if shape.band is not None:
                self._band(shape.band, self.plot.curve_ink(index, "dim"))
        self.inner.flatten()
        for index, shape in enumerate(self.shapes):
            if shape.raw is not None:
                self._curve(shape.raw, self.plot.curve_ink(index, "dim"), ".")
        self.inner.flatten()
        for index, shape in enumerate(self.shapes):
            self._curve(shape.main, self.plot.curve_ink(index), ASCII_SYMBOLS[index % len(ASCII_SYMBOLS)])
        self.inner.flatten()

    def _curve(self, line: Trace, ink: int, symbol: str) -> None:
        middle = self.area.dots_y(line.line)
        low = middle if line.high is line.line else self.area.dots_y(line.high)
        high = middle if line.low is line.line else self.area.dots_y(line.low)
        self.inner.curve(self.area.dots_x(line.x), low, high, middle, ink, symbol)

    def _band(self, band: Trace, ink: int) -> None:
        low, high = self.area.dots_y(band.high), self.area.dots_y(band.low)
        self.inner.band(self.area.dots_x(band.x), low, high, ink)

    def _bad_values(self) -> None:
        """NaN and infinities, in the row they went off at."""
        ink = self.plot.ink("bad", "bold")
        for shape in self.shapes:
            at = np.flatnonzero(shape.points.bad)
            if not len(at):
                continue
            flags = shape.points.bad[at]
            columns = np.rint(self.area.dots_x(scaled(shape.points.x[at], self.plot.log_x))) // self.inner.across
            for flag, symbol, row in (
                (1, "×x", self.area.rows - 1),
                (4, "▼v", self.area.rows - 1),
                (2, "▲^", 0),
            ):
                for column in np.unique(columns[(flags & flag) > 0]).tolist():
                    if 0 <= column < self.inner.width:
                        self.inner.text(int(column), row, self.area.pick(symbol[0], symbol[1]), ink)

    def _baselines(self) -> None:
        for baseline in self.plot.baselines:
            value = linear(baseline.value, self.plot.log_y)
            row = self.area.row(value) if math.isfinite(value) else -1
            if row < 0:
                continue
            self.inner.rule(row, 0, self.inner.width, self.area.pick("┄", "- "), self.plot.ink(baseline.color, "dim"))
            label = fit(safe(baseline.label), max(0, self.inner.width - 2))
            if label:
                right = self.inner.width - cell_len(label) - 1
                places = [(r, x) for r in (row, row - 1, row + 1) for x in (right, 1)]
                self._label(places, label, self.plot.ink(baseline.color))

    def _label(self, places: Iterable[tuple[int, int]], label: str, ink: int) -> None:
        """Put a label at that one of `places` (row, column) where it hides least, and rather curves than labels."""
        cells = cell_len(label)
        inside = [(row, max(0, min(x, self.inner.width - cells))) for row, x in places if 0 <= row < self.area.rows]
        if not inside:
            return
        row, x = min(inside, key=lambda at: int(self.covered[at[0], max(0, at[1] - 1) : at[1] + cells + 1].sum()))
        self.inner.text(x, row, label, ink)
        self.covered[row, x : x + cells] = LABELLED

    def _marks(self) -> None:
        for mark in self.plot.marks:
            if not 0 <= mark.curve < len(self.plot.curves):
                continue
            xmap = self.plot.curves[mark.curve].xmap(self.plot.x_axis)
            x = self.area.scaled_x(xmap.position(mark.step, mark.time))
            column = self.area.column(x)
            if column < 0:
                continue
            if mark.value is None:
                self._rule(mark, column)
            else:
                self._star(mark, column, linear(mark.value, self.plot.log_y))

    def _rule(self, mark: Mark, column: int) -> None:
        self.inner.column(column, 0, self.inner.height, self.area.pick("┊", ":"), self.plot.ink(mark.color, "dim"))
        label = safe(mark.label, max(0, self.inner.width - column - 1))
        if label:
            self._label([(0, column + 1), (self.area.rows - 1, column + 1)], label, self.plot.ink(mark.color))

    def _star(self, mark: Mark, column: int, value: float) -> None:
        row = self.area.row(value) if math.isfinite(value) else -1
        if row < 0:
            return
        ink = self.plot.ink(mark.color, "bold")
        label = safe(mark.label)
        if label:
            cells = cell_len(label)
            x = column + 2 if column + 2 + cells <= self.inner.width else column - 1 - cells
            self._label([(row, x), (row + 1, x), (row - 1, x)], label, self.plot.ink(mark.color))
        self.inner.text(column, row, safe(mark.symbol) if not self.plot.ascii_only else "*", ink)

    def _names(self) -> None:
        """The curves' labels where they end: without colours the legend alone tells nothing."""
        for index, (curve, shape) in enumerate(zip(self.plot.curves, self.shapes, strict=True)):
            at = np.flatnonzero(np.isfinite(shape.main.line))
            if not len(at):
                continue
            x, y = float(shape.main.x[at[-1]]), float(shape.main.line[at[-1]])
            column, row = self.area.column(x), self.area.row(y)
            if column < 0 or row < 0:
                continue
            label = safe(curve.label, self.inner.width)
            fits = column + 2 + cell_len(label) <= self.inner.width
            x0 = column + 2 if fits else column - cell_len(label)
            self._label([(row + down, x0) for down in (0, -1, 1, -2, 2)], label, self.plot.curve_ink(index))
