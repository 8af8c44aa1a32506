"""A plot of curves with axes, legend and marks, as cells: `draw` makes a `Frame` and knows nothing of Textual."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.cells import cell_len

from tui.plots import ticks
from tui.plots.canvas import SPACE, Canvas, Floats, Frame
from tui.plots.ranges import Range, View, tick_count, x_range, y_range
from tui.series import Points, SeriesCache, XAxis, XMap
from tui.text import fit, safe

ASCII_SYMBOLS = "*+ox#@%&"


@dataclass(frozen=True)
class Curve:
    """One series of one run."""

    label: str
    source: SeriesCache
    """`SeriesCache` of a file, or `FixedSeries` of arrays."""
    color: str = ""
    """A theme's variable ("primary", "success"), "accent", "muted", "good", "bad", any colour; "": by position."""
    smooth: float | None = None
    """Weight of the moving average, 0 to 1; the plot's when None."""
    raw: bool = True
    """Whether the raw values are drawn, dim, below the smoothed ones."""
    start: float | None = None
    """Unix time of the run's start; that of the first point when None."""
    epochs: SeriesCache | None = None
    """The run's `epoch` series, for the axis of epochs."""
    steps_per_epoch: float | None = None
    pauses: tuple[tuple[float, float], ...] = ()
    """Unix times between which the run stood still, for the axis of time."""

    def xmap(self, axis: XAxis) -> XMap:
        """How this run's steps and times stand on `axis`."""
        start = self.start if self.start is not None else self.source.first_time or 0.0
        return XMap(axis, start, self.epochs, self.steps_per_epoch, self.pauses)


@dataclass(frozen=True)
class Mark:
    """Something that happened at a step of a curve's run."""

    step: float
    value: float | None = None
    """Where on the y-axis; None: a vertical rule."""
    label: str = ""
    symbol: str = "★"
    color: str = "star"
    time: float = math.nan
    """Unix time, for the axes of time."""
    curve: int = 0
    """Number of the curve whose run it is of."""


@dataclass(frozen=True)
class Baseline:
    """A horizontal dashed line, such as what always answering the majority class scores."""

    value: float
    label: str = ""
    color: str = "muted"


@dataclass
class Plot:
    """What to draw and how."""

    title: str = ""
    curves: Sequence[Curve] = ()
    marks: Sequence[Mark] = ()
    baselines: Sequence[Baseline] = ()
    x_axis: XAxis = XAxis.STEP
    log_x: bool = False
    log_y: bool = False
    smooth: float = 0.0
    zoom: Range | None = None
    """Range of x to show, in units of the axis."""
    fixed_y: Range | None = None
    robust: bool = False
    """Leave the most extreme hundredth of the raw values out of the range of y."""
    cursor: float | None = None
    """Position on the x-axis whose values the legend shows."""
    live: bool = False
    legend: bool = True
    values: bool = True
    """Whether the legend shows the values at the cursor, else the last ones."""
    label_ends: bool = False
    """Write each curve's label where it ends."""
    ascii_only: bool = False
    empty: str = "no points yet"
    inks: dict[tuple[str, str], int] = field(default_factory=lambda: {("", ""): 0})
    """(colour, tone) to its number in frames; tone is "", "dim", "faint" or "bold". It only grows."""
    view: View = field(default_factory=View)

    def ink(self, color: str, tone: str = "") -> int:
        """The number of an ink."""
        return self.inks.setdefault((color, tone), len(self.inks))

    def curve_ink(self, index: int, tone: str = "") -> int:
        """The ink of a curve."""
        return self.ink(self.curves[index].color or f"curve-{index}", tone)


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve's arrays as they are drawn: x and y already on linear scales."""

    x: Floats
    low: Floats
    high: Floats
    line: Floats


@dataclass(frozen=True, slots=True)
class _Shape:
    """A curve prepared: what is drawn of it, and the points behind."""

    points: Points
    raw: _Line | None
    main: _Line


def draw(plot: Plot, width: int, height: int) -> Frame:
    """The plot in `width` × `height` cells; any size from 0 × 0 on."""
    canvas = Canvas(width, height, ascii_only=plot.ascii_only)
    if not (canvas.width and canvas.height):
        return canvas.frame()
    top = 1 if (plot.title or plot.legend) and height >= 4 else 0
    bottom = 0 if height < 4 or width < 12 else 2 if height >= 10 else 1
    with np.errstate(all="ignore"):
        extent = _x_extent(plot)
        if extent is None:
            _titles(canvas, plot, top)
            _centred(canvas, plot.empty, plot.ink("muted"))
            return canvas.frame()
        shapes = [_shape(plot, curve, extent) for curve in plot.curves]
        rows = height - top - bottom
        y = _y_extent(plot, shapes, rows)
        _Painter(canvas, plot, shapes, extent, y, top, rows).paint()
    return canvas.frame()


def _x_extent(plot: Plot) -> Range | None:
    """The range of x (log10 of it on a logarithmic axis); None when nothing has a point."""
    ends = []
    for curve in plot.curves:
        points = curve.source.points(xmap=curve.xmap(plot.x_axis))
        if plot.log_x:
            points = points[points.x > 0]
        if len(points):
            ends.append((float(points.x[0]), float(points.x[-1])))
    if not ends:
        plot.view.x = None
        return None
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if plot.zoom and plot.zoom[1] > plot.zoom[0] and (plot.zoom[0] > 0 or not plot.log_x):
        low, high = plot.zoom
        return (math.log10(low), math.log10(high)) if plot.log_x else (low, high)
    if plot.log_x:
        low, high = math.log10(low), math.log10(high)
    from_zero = plot.x_axis is not XAxis.WALL and not plot.log_x
    plot.view.x = x_range(low, high, plot.view.x, live=plot.live, from_zero=from_zero)
    return plot.view.x


def _shape(plot: Plot, curve: Curve, extent: Range) -> _Shape:
    xmap = curve.xmap(plot.x_axis)
    low, high = (10.0 ** extent[0], 10.0 ** extent[1]) if plot.log_x else extent
    points = curve.source.points(None, low, high, xmap)
    weight = plot.smooth if curve.smooth is None else curve.smooth
    middle = np.where(np.isfinite(points.last), points.last, points.mean)
    low_y, high_y, line_y = (_scale(v, plot.log_y) for v in (points.low, points.high, middle))
    exact = _Line(_scale(points.x, plot.log_x), low_y, high_y, line_y)
    if weight <= 0 or curve.source.count < 3:
        return _Shape(points, None, exact)
    x, average = curve.source.smoothed(weight, xmap)
    begin, end = np.searchsorted(x, (low, high))
    window = slice(max(0, int(begin) - 1), int(end) + 1)
    line = _scale(average[window], plot.log_y)
    return _Shape(points, exact if curve.raw else None, _Line(_scale(x[window], plot.log_x), line, line, line))


def _scale(values: Floats, log: bool) -> Floats:
    return np.log10(np.where(values > 0, values, np.nan)) if log else values


def _y_extent(plot: Plot, shapes: list[_Shape], rows: int) -> Range | None:
    """The range of y (log10 of it on a logarithmic axis); None when no value is finite."""
    if plot.fixed_y is not None and (plot.fixed_y[0] > 0 or not plot.log_y):
        low, high = plot.fixed_y
        return (math.log10(low), math.log10(high)) if plot.log_y else (low, high)
    ends = [end for shape in shapes for end in _ends(plot, shape)]
    values = [b.value for b in plot.baselines] + [m.value for m in plot.marks if m.value is not None]
    if not ends:
        return None
    if values and not plot.zoom:
        scaled = _scale(np.array(values, np.float64), plot.log_y)
        ends += scaled[np.isfinite(scaled)].tolist()
    plot.view.y = y_range(min(ends), max(ends), rows, plot.view.y)
    return plot.view.y


def _ends(plot: Plot, shape: _Shape) -> list[float]:
    found = []
    for line in (shape.raw, shape.main):
        if line is None:
            continue
        low, high = line.low[np.isfinite(line.low)], line.high[np.isfinite(line.high)]
        if not len(low):
            continue
        if plot.robust and (line is shape.raw or len(low) > 200):
            found += [float(np.quantile(low, 0.01)), float(np.quantile(high, 0.99))]
        else:
            found += [float(low.min()), float(high.max())]
    return found


class _Painter:
    """Draws one plot whose ranges are known."""

    def __init__(
        self, canvas: Canvas, plot: Plot, shapes: list[_Shape], x: Range, y: Range | None, top: int, rows: int
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
            _centred(inner, "no finite values", plot.ink("warning"))
        self.canvas.paste(inner, self.left, self.top)
        self._y_axis()
        self._x_axis()
        _titles(self.canvas, plot, self.top, self.shapes)

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

    def _curve(self, line: _Line, ink: int, symbol: str) -> None:
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
            columns = np.rint(self._dots_x(_scale(shape.points.x[at], self.plot.log_x))) // self.inner.across
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
            value = _linear(baseline.value, self.plot.log_y)
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
                self._star(mark, column, _linear(mark.value, self.plot.log_y))

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
        count = max(1, self.inner.width // 12)
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


def _linear(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log10(value) if value > 0 else math.nan


def _centred(canvas: Canvas, text: str, ink: int) -> None:
    text = safe(text, canvas.width)
    canvas.text((canvas.width - cell_len(text)) // 2, canvas.height // 2, text, ink)


def _titles(canvas: Canvas, plot: Plot, top: int, shapes: Sequence[_Shape] = ()) -> None:
    """The first row: the title on the left, what the curves are on the right."""
    if not top:
        return
    title = safe(plot.title, canvas.width)
    canvas.text(0, 0, title, plot.ink("text", "bold"))
    if not plot.legend:
        return
    room = canvas.width - (cell_len(title) + 3 if title else 0)
    entries = _entries(plot, room, with_values=plot.values) or _entries(plot, room, with_values=False)
    x = canvas.width - sum(cell_len(text) for text, _ in entries)
    for text, ink in entries:
        canvas.text(x, 0, text, ink)
        x += cell_len(text)


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
