"""The area of a plot whose ranges are known: where positions fall in its cells, and the ticks along its sides."""

from __future__ import annotations

import math

import numpy as np

from tui.plots import ticks
from tui.plots.canvas import Canvas, Floats
from tui.plots.ranges import Range, tick_count
from tui.plots.spec import Plot
from tui.xaxis import XAxis


class Area:
    """A plot's canvas, divided into what is drawn and its axes."""

    def __init__(self, canvas: Canvas, plot: Plot, x: Range, y: Range | None, top: int, rows: int) -> None:
        self.canvas, self.plot = canvas, plot
        self.x, self.y = x, y or (0.0, 1.0)
        self.known = y is not None
        """Whether any value is finite."""
        self.top, self.rows = top, rows
        self.axis_row = top + rows if canvas.height - top - rows == 2 else None
        """Where the line of the x-axis is, if it has one."""
        self.label_row = canvas.height - 1 if canvas.height > top + rows else None
        self.y_ticks, self.y_labels = self._y_ticks()
        self.left = self._gutter()
        """Cells left of what is drawn."""
        self.inner = Canvas(canvas.width - self.left, rows, ascii_only=plot.ascii_only)
        plot.view.shown = (self.x, self.y)

    def pick(self, symbol: str, plain: str) -> str:
        """A symbol, or what stands for it in ASCII."""
        return plain if self.plot.ascii_only else symbol

    # positions

    def scaled_x(self, value: float) -> float:
        """A position as it is counted here: its logarithm on a logarithmic axis."""
        return (math.log10(value) if value > 0 else math.nan) if self.plot.log_x else value

    def dots_x(self, x: Floats) -> Floats:
        """Columns of dots."""
        return (x - self.x[0]) * ((self.inner.dots_wide - 1) / (self.x[1] - self.x[0]))

    def dots_y(self, y: Floats) -> Floats:
        """Rows of dots."""
        # Halved first: the range may be wider than a float.
        span = self.y[1] / 2 - self.y[0] / 2
        return (self.y[1] / 2 - y / 2) / span * (self.inner.dots_high - 1)

    def column(self, x: float) -> int:
        """Cell column of a position (scaled); -1 outside."""
        if not math.isfinite(x):
            return -1
        dot = float(self.dots_x(np.array([x]))[0])
        return round(dot) // self.inner.across if -0.5 <= dot < self.inner.dots_wide else -1

    def row(self, y: float) -> int:
        """Cell row of a value (scaled); -1 outside."""
        dot = float(self.dots_y(np.array([y]))[0])
        return round(dot) // self.inner.down if -0.5 <= dot < self.inner.dots_high - 0.49 else -1

    # ticks

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

    def x_ticks(self, finer: int = 1) -> tuple[list[float], list[str]]:
        """Where the ticks of the x-axis stand (scaled), and their labels; about `finer` times as many as usual."""
        low, high = self.x
        count = max(1, self.inner.width // 9) * finer
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
        if self.plot.x_axis in (XAxis.STEP, XAxis.SAMPLES):
            step = max(1.0, step)
        values = ticks.multiples(low, high, step)
        return values, ticks.labels(values, step)
