"""Draws a plot whose ranges are known: curves, what was not finite, baselines, marks, axes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from rich.cells import cell_len

from tui.plots import ticks
from tui.plots.canvas import SPACE, Canvas, Floats
from tui.plots.legend import draw_centred, draw_titles
from tui.plots.ranges import Range, tick_count
from tui.plots.shapes import Shape, Trace, linear, scaled
from tui.plots.spec import ASCII_SYMBOLS, Mark, Plot
from tui.series import XAxis
from tui.text import fit, safe


class Painter:
    """Draws one plot whose ranges are known."""

    def __init__(
        self, canvas: Canvas, plot: Plot, shapes: list[Shape], x: Range, y: Range | None, top: int, rows: int
    ) -> None:
        self.canvas, self.plot, self.shapes = canvas, plot, shapes
        self.x, self.y = x, y or (0.0, 1.0)
        self.known = y is not None
        self.top, self.rows = top, rows
        self.axis_row = top + rows if canvas.height - top - rows == 2 else None
        self.label_row = canvas.height - 1 if canvas.height > top + rows else None
        self.y_ticks, self.y_labels = self._y_ticks()
        self.left = self._gutter()
        self.inner = Canvas(canvas.width - self.left, rows, ascii_only=plot.ascii_only)

    def paint(self) -> None:
        inner, plot = self.inner, self.plot
        if self.known and inner.width and inner.height:
            self._curves()
        self.covered = inner.glyph != SPACE
        self._bad_values()
        self._baselines()
        self._marks()
        if plot.label_ends:
            self._names()
        if plot.cursor is not None:
            column = self._column(self._scaled_x(plot.cursor))
            inner.column(column, 0, inner.height, self._pick("│", "|"), plot.ink("text"))
        if not self.known:
            draw_centred(inner, "no finite values", plot.ink("warning"))
        self.canvas.paste(inner, self.left, self.top)
        self._y_axis()
        self._x_axis()
        draw_titles(self.canvas, plot, self.top)

    def _pick(self, symbol: str, plain: str) -> str:
        return plain if self.plot.ascii_only else symbol

    # positions

    def _scaled_x(self, value: float) -> float:
        return (math.log10(value) if value > 0 else math.nan) if self.plot.log_x else value

    def _dots_x(self, x: Floats) -> Floats:
        return (x - self.x[0]) * ((self.inner.dots_wide - 1) / (self.x[1] - self.x[0]))

    def _dots_y(self, y: Floats) -> Floats:
        # Halved first: the range may be wider than a float.
        span = self.y[1] / 2 - self.y[0] / 2
        return (self.y[1] / 2 - y / 2) / span * (self.inner.dots_high - 1)

    def _column(self, x: float) -> int:
        """Cell column of a position (on the linear scale); -1 outside."""
        dot = float(self._dots_x(np.array([x]))[0])
        return round(dot) // self.inner.across if -0.5 <= dot < self.inner.dots_wide else -1

    def _row(self, y: float) -> int:
        dot = float(self._dots_y(np.array([y]))[0])
        return round(dot) // self.inner.down if -0.5 <= dot < self.inner.dots_high - 0.49 else -1

    # what is drawn

    def _curves(self) -> None:
        for index, shape in enumerate(self.shapes):
            if shape.raw is not None:
                self._curve(shape.raw, self.plot.curve_ink(index, "dim"), ".")
        self.inner.flatten()
        for index, shape in enumerate(self.shapes):
            self._curve(shape.main, self.plot.curve_ink(index), ASCII_SYMBOLS[index % len(ASCII_SYMBOLS)])
        self.inner.flatten()

    def _curve(self, line: Trace, ink: int, symbol: str) -> None:
        low, high = self._dots_y(line.high), self._dots_y(line.low)
        middle = low if line.line is line.high else self._dots_y(line.line)
        self.inner.curve(self._dots_x(line.x), low, high, middle, ink, symbol)

    def _bad_values(self) -> None:
        """NaN and infinities, in the row they went off at."""
        ink = self.plot.ink("bad", "bold")
        for shape in self.shapes:
            at = np.flatnonzero(shape.points.bad)
            if not len(at):
                continue
            flags = shape.points.bad[at]
            columns = np.rint(self._dots_x(scaled(shape.points.x[at], self.plot.log_x))) // self.inner.across
            for flag, symbol, row in (
                (1, "×x", self.rows - 1),
                (4, "▼v", self.rows - 1),
                (2, "▲^", 0),
            ):
                for column in np.unique(columns[(flags & flag) > 0]).tolist():
                    if 0 <= column < self.inner.width:
                        self.inner.text(int(column), row, self._pick(symbol[0], symbol[1]), ink)

    def _baselines(self) -> None:
        for baseline in self.plot.baselines:
            value = linear(baseline.value, self.plot.log_y)
            row = self._row(value) if math.isfinite(value) else -1
            if row < 0:
                continue
            self.inner.rule(row, 0, self.inner.width, self._pick("┄", "- "), self.plot.ink(baseline.color, "dim"))
            label = fit(safe(baseline.label), max(0, self.inner.width - 2))
            if label:
                right = self.inner.width - cell_len(label) - 1
                places = [(r, x) for r in (row, row - 1, row + 1) for x in (right, 1)]
                self._label(places, label, self.plot.ink(baseline.color))

    def _label(self, places: Iterable[tuple[int, int]], label: str, ink: int) -> None:
        """Put a label at that one of `places` (row, column) where it hides least of the curves."""
        cells = cell_len(label)
        inside = [(row, max(0, min(x, self.inner.width - cells))) for row, x in places if 0 <= row < self.rows]
        if not inside:
            return
        row, x = min(inside, key=lambda at: int(self.covered[at[0], max(0, at[1] - 1) : at[1] + cells + 1].sum()))
        self.inner.text(x, row, label, ink)
        self.covered[row, x : x + cells] = True

    def _marks(self) -> None:
        for mark in self.plot.marks:
            if not 0 <= mark.curve < len(self.plot.curves):
                continue
            xmap = self.plot.curves[mark.curve].xmap(self.plot.x_axis)
            x = self._scaled_x(xmap.position(mark.step, mark.time))
            column = self._column(x) if math.isfinite(x) else -1
            if column < 0:
                continue
            if mark.value is None:
                self._rule(mark, column)
            else:
                self._star(mark, column, linear(mark.value, self.plot.log_y))

    def _rule(self, mark: Mark, column: int) -> None:
        self.inner.column(column, 0, self.inner.height, self._pick("┊", ":"), self.plot.ink(mark.color, "dim"))
        label = safe(mark.label, max(0, self.inner.width - column - 1))
        if label:
            self._label([(0, column + 1), (self.rows - 1, column + 1)], label, self.plot.ink(mark.color))

    def _star(self, mark: Mark, column: int, value: float) -> None:
        row = self._row(value) if math.isfinite(value) else -1
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
            column, row = self._column(x), self._row(y)
            if column < 0 or row < 0:
                continue
            label = safe(curve.label, self.inner.width)
            fits = column + 2 + cell_len(label) <= self.inner.width
            x0 = column + 2 if fits else column - cell_len(label)
            self._label([(row + down, x0) for down in (0, -1, 1, -2, 2)], label, self.plot.curve_ink(index))

    # axes

    def _y_ticks(self) -> tuple[list[float], list[str]]:
        if not self.known or self.canvas.width < 12:
            return [], []
        low, high = self.y
        count = tick_count(self.rows)
        if self.plot.log_y:
            if not (low > -300 and high < 300):
                return [], []
            values = ticks.log_ticks(10.0**low, 10.0**high, count)
            return [math.log10(v) for v in values], ticks.log_labels(values)
        values = ticks.ticks(low, high, count)
        if len(values) < 2:
            values = ticks.ticks(low, high, count + 2)
        return values, ticks.labels(values)

    def _gutter(self) -> int:
        width = max((len(label) for label in self.y_labels), default=0)
        if not width or width + 2 > self.canvas.width // 2:
            return 0
        # Kept a little too wide rather than moving everything by a cell.
        kept = self.plot.view.gutter
        gutter = kept if width + 2 <= kept <= width + 4 else max(6, width + 2)
        self.plot.view.gutter = gutter
        return gutter

    def _y_axis(self) -> None:
        if not self.left:
            return
        ink, line = self.plot.ink("muted"), self.plot.ink("line")
        x = self.left - 1
        self.canvas.column(x, self.top, self.top + self.rows, self._pick("│", "|"), line)
        taken = -1
        for value, label in sorted(zip(self.y_ticks, self.y_labels, strict=True), reverse=True):
            row = self._row(value)
            if row < 0 or row == taken:
                continue
            taken = row
            self.canvas.text(x, self.top + row, self._pick("┤", "+"), line)
            self.canvas.text(x - len(label), self.top + row, label, ink)

    def _x_ticks(self) -> tuple[list[float], list[str]]:
        low, high = self.x
        count = max(1, self.inner.width // 9)
        if self.plot.log_x:
            if not (low > -300 and high < 300):
                return [], []
            values = ticks.log_ticks(10.0**low, 10.0**high, count)
            return [math.log10(v) for v in values], ticks.log_labels(values)
        if self.plot.x_axis is XAxis.WALL:
            values, step = ticks.wall_ticks(low, high, count)
            return values, ticks.wall_labels(values, step)
        if self.plot.x_axis is XAxis.TIME:
            step = ticks.clock_step(high - low, count)
            values = ticks.multiples(low, high, step)
            return values, ticks.duration_labels(values, step)
        step = ticks.nice_step(high - low, count)
        if self.plot.x_axis is XAxis.STEP:
            step = max(1.0, step)
        values = ticks.multiples(low, high, step)
        return values, ticks.labels(values, step)

    def _x_axis(self) -> None:
        if self.label_row is None:
            return
        ink, line, canvas = self.plot.ink("muted"), self.plot.ink("line"), self.canvas
        if self.axis_row is not None:
            canvas.rule(self.axis_row, self.left, canvas.width, self._pick("─", "-"), line)
            if self.left:
                canvas.text(self.left - 1, self.axis_row, self._pick("╰", "+"), line)
        name = self.plot.x_axis.value
        room = canvas.width - len(name) - 1
        free = self.left - 3 if self.left else 0
        for value, label in zip(*self._x_ticks(), strict=True):
            column = self._column(value)
            if column < 0:
                continue
            x = max(0, min(self.left + column - (len(label) - 1) // 2, canvas.width - len(label)))
            if x < free or x + len(label) >= room:
                continue
            if self.axis_row is not None:
                canvas.text(self.left + column, self.axis_row, self._pick("┬", "+"), line)
            canvas.text(x, self.label_row, label, ink)
            free = x + len(label) + 2
        canvas.text(max(0, canvas.width - len(name)), self.label_row, fit(name, canvas.width), ink)
