"""What a plot shows: curves, marks, baselines, axes; nothing here draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tui.plots.ranges import Range, View
from tui.xaxis import STEPS, XAxis, XMap

if TYPE_CHECKING:
    from tui.points import Floats, Points
    from tui.series import SeriesCache

ASCII_SYMBOLS = "*+ox#@%&"


class Source(Protocol):
    """Where the points of a curve come from: a series' file (`SeriesCache`), arrays, the mean of other curves."""

    @property
    def first_time(self) -> float | None: ...
    @property
    def last(self) -> tuple[int, float, float] | None: ...
    @property
    def count(self) -> int: ...
    @property
    def version(self) -> int: ...
    def points(
        self, columns: int | None = None, x0: float | None = None, x1: float | None = None, xmap: XMap = STEPS
    ) -> Points: ...
    def smoothed(self, amount: float, xmap: XMap = STEPS, *, coarse: bool = False) -> tuple[Floats, Floats]: ...
    def value_at(self, x: float, xmap: XMap = STEPS) -> float | None: ...


@dataclass(frozen=True)
class Curve:
    """One series of one run."""

    label: str
    source: Source
    """`SeriesCache` of a file, `FixedSeries` of arrays, `MeanSeries` of other curves."""
    color: str = ""
    """A theme's variable ("primary", "success"), "accent", "muted", "good", "bad", any colour; "": by position."""
    smooth: float | None = None
    """How much it is smoothed (`engine.smoothing`); as the plot says when None."""
    raw: bool = True
    """Whether the raw values are drawn, dim, below the smoothed ones."""
    start: float | None = None
    """Unix time of the run's start; that of the first point when None."""
    epochs: SeriesCache | None = None
    """The run's `epoch` series, for the axis of epochs."""
    steps_per_epoch: float | None = None
    pauses: tuple[tuple[float, float], ...] = ()
    """Unix times between which the run stood still, for the axis of time."""
    by: SeriesCache | None = None
    """The run's series of samples, or the metric along x, for those axes."""
    series: str = ""
    """The name of the series, for who writes what is drawn."""
    band: bool = False
    """Whether the extent of its points is shaded: the deviation around a mean."""

    def xmap(self, axis: XAxis) -> XMap:
        """How this run's steps and times stand on `axis`."""
        start = self.start if self.start is not None else self.source.first_time or 0.0
        return XMap(axis, start, self.epochs, self.steps_per_epoch, self.pauses, self.by)


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
class Track:
    """What happened of one kind along the run of the first curve, as symbols on the x-axis."""

    kind: str
    symbol: str
    plain: str
    """The symbol in ASCII."""
    color: str
    steps: tuple[int, ...]
    times: tuple[float, ...]
    """Unix times; NaN where not known."""
    labels: tuple[str, ...] = ()
    """What each was, for who reads there; the kind where there is none."""

    @cached_property
    def arrays(self) -> tuple[NDArray[np.int64], Floats]:
        """Steps and times; made once for all charts that show the track."""
        return np.array(self.steps, np.int64), np.array(self.times, np.float64)


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
    tracks: Sequence[Track] = ()
    """The later ones are drawn over the earlier ones."""
    baselines: Sequence[Baseline] = ()
    x_axis: XAxis = XAxis.STEP
    x_name: str = ""
    """What is written at the axis; what it counts when empty."""
    log_x: bool = False
    log_y: bool = False
    smooth: float = 0.0
    """0 none; below 1 the weight of an exponential moving average; from 2 on the mean of so many points."""
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
