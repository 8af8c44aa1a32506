"""What a plot shows: curves, marks, baselines, axes; nothing here draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tui.plots.ranges import Range, View
from tui.series import SeriesCache, XAxis, XMap

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
