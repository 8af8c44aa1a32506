"""The curves of a run: loss and the score of its task, all splits in one panel; the learning rate; what is added."""

from __future__ import annotations

from textual.app import ComposeResult

from tui.curve_parts import (
    Sources,
    along,
    baselines_of,
    curves_of,
    happened_at,
    marks_of,
    place_words,
    tracks_in,
    tracks_of,
)
from tui.curve_view import ViewFile
from tui.curve_window import ALL, followed, typed
from tui.plots.chart import Chart
from tui.plots.ranges import Range
from tui.run_panels import Panel, grouped, is_share, matching, panels_of
from tui.run_store import RunSnapshot, Wants
from tui.text import number, safe
from tui.widgets.chart_grid import ChartGrid
from tui.widgets.curve_keys import CurveKeys
from tui.widgets.curve_line import CurveLine
from tui.widgets.filter_bar import FilterBar
from tui.widgets.run_waiting import Waiting, waiting_words
from tui.xaxis import XAxis

MANY_UNSEEN = 8
"""So many series that stand in no panel are told of."""


def monitor_of(snapshot: RunSnapshot) -> str:
    """The metric that decides which checkpoint is the best."""
    checkpoint = snapshot.info.settings.get("checkpoint")
    stated = checkpoint.get("monitor") if isinstance(checkpoint, dict) else None
    return snapshot.best[0] if snapshot.best else str(stated or "")


class CurvesTab(CurveKeys):
    """The charts."""

    NAME = "curves"
    TITLE = "Curves"
    DEFAULT_CSS = """
    CurvesTab.-waiting #charts { display: none; }
    """

    nothing = "This run has no curves: no step was logged."
    """What is said of a run that has ended without any."""

    def compose(self) -> ComposeResult:
        """A grid of charts, what is said while there is none, a line below, a filter."""
        self.waiting, self.grid, self.line = Waiting(), ChartGrid(), CurveLine()
        self.filter_bar = FilterBar("words in the names of series")
        yield self.waiting
        yield self.grid
        yield self.line
        yield self.filter_bar

    def on_mount(self) -> None:
        """Take up the view that was left."""
        self.view_file = ViewFile(self.run_screen.dltui.store.runs.own, self.snapshot.info.experiment)
        self.view = self.view_file.read(self.NAME)
        if self.view.band:
            self.find_members()

    # what is read and shown

    def wants(self) -> Wants:
        """The series of the panels in sight, and those that axes count by."""
        shown = self.grid.shown or self.panels_now(self.snapshot)[:4] if self.is_mounted else []
        names = [name for panel in shown for name in panel.series]
        axes = [name for name in ("epoch", along(self.view)) if name]
        return Wants(self.NAME, (*dict.fromkeys([*names, *axes]),), group=self.members, log_lines=8)

    def panels_now(self, snapshot: RunSnapshot) -> list[Panel]:
        """What there is to draw."""
        if self.filter:
            return grouped(matching(self.names(snapshot), self.filter))
        return self.view.edited(self.automatic_panels(snapshot), snapshot.series)

    def automatic_panels(self, snapshot: RunSnapshot) -> list[Panel]:
        """The panels that nobody had to put together."""
        return panels_of(snapshot.series, monitor_of(snapshot), ())

    def show(self, snapshot: RunSnapshot) -> None:
        """Draw what was appended."""
        if not self.is_mounted:
            return
        self._panels = self.panels_now(snapshot)
        self._place()
        caches = self.store.caches
        read = all(name in caches for panel in self.grid.shown for name in panel.series)
        # the frames come first: they are laid out by the time their points have been read
        self._say_waiting(snapshot, bool(self._panels) and not (read and snapshot.points == 0))
        group = len(self.store.group.caches) if self.store.group is not None else 0
        key = (snapshot.best, snapshot.resumes, snapshot.happened, snapshot.alive, snapshot.data, len(caches), group)
        if read and key != self._drawn:
            self._drawn = key
            self._dress(snapshot)
        for chart in self.grid.in_sight:
            chart.update_data()
        self._follow()
        self.tell()

    def _say_waiting(self, snapshot: RunSnapshot, points: bool) -> None:
        waits = not points and not (self.filter and self._panels)
        self.set_class(waits, "-waiting")
        self.waiting.set_class(waits, "-shown")
        if waits and self.filter:
            self.waiting.say(f"No series has “{safe(self.filter, 40)}” in its name: esc shows all again.")
        elif waits:
            self.waiting.say(*waiting_words(snapshot, self.nothing, bool(self._panels)))

    def _dress(self, snapshot: RunSnapshot) -> None:
        """Give the charts their curves, marks and baselines."""
        view, sources = self.view, Sources.of(snapshot, self.store, self.members)
        axis, tracks = self.axis, tracks_of(view, sources)
        for chart, panel in zip(self.grid.charts, self.grid.shown, strict=False):
            marks = marks_of(panel, view, sources)
            chart.change(
                empty="no points yet" if axis is not XAxis.METRIC else "nothing to draw along this metric",
                curves=curves_of(panel, view, sources),
                marks=marks,
                tracks=tracks_in(tracks, marks),
                baselines=baselines_of(panel, snapshot),
                live=snapshot.alive,
                x_axis=axis,
                x_name=safe(view.metric) if axis is XAxis.METRIC else "",
                smooth=view.smooth,
                robust=view.clip,
                log_x=view.log_x and axis is not XAxis.WALL,
                log_y=view.log_y and not is_share(panel),
                fixed_y=view.y.get(panel.title),
                zoom=self.window.x,
                cursor=self.cursor,
            )
        self.grid.entitle(self.marked)

    # where the panels stand

    def on_resize(self) -> None:
        """Lay out anew."""
        self.call_after_refresh(self.again)

    def _place(self) -> None:
        if not self._panels:
            self.page, self.full = 0, None
        elif self.full is not None:
            self.full = min(self.full, len(self._panels) - 1)
        width, height = self.size.width, self.size.height - self.line.has_class("-shown") - self._filter_rows()
        if self.grid.place(self._panels, self.page, self.view.grid, self.full, (width, height)):
            self._drawn = None
        self.page = min(self.page, max(0, len(self.grid.pages) - 1))

    def _filter_rows(self) -> int:
        return int(self.filter_bar.has_class("-shown"))

    def again(self) -> None:
        """Draw everything as the view says now."""
        if self.is_mounted:
            self._drawn = None
            self.show(self.snapshot)
            self.run_screen.want(self.wants())

    # the part of x in sight

    def full_range(self) -> Range | None:
        """From the first to the last place that any curve in sight has; None where there is none."""
        spans = [span for chart in self.grid.in_sight if (span := _span(chart)) is not None]
        return (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None

    def _follow(self) -> None:
        """Keep the newest points in sight, where they were; typed limits stay as typed."""
        full = self.full_range()
        if full is None:
            return
        if self.view.x != (None, None):
            self.window = typed(*self.view.x, full)
        elif self.window.typed:
            self.window = ALL
        else:
            self.window = followed(self.window, full, live=self.snapshot.alive, log=self.log_x)
        for chart in self.grid.in_sight:
            chart.change(zoom=self.window.x)

    # what is said below

    def tell(self) -> None:
        """Say where the crosshair stands, and what is in sight."""
        shown = self.line.has_class("-shown")
        self.line.say(self._place_words(), self._sight_words())
        if shown != self.line.has_class("-shown"):
            self._place()
            if self._drawn is None:
                self.again()

    def _place_words(self) -> list[str]:
        chart = next(iter(self.grid.in_sight), None)
        if self.cursor is None or chart is None:
            return []
        words = [place_words(chart.plot.x_axis, self.view.metric, self.cursor)]
        return words + happened_at(chart.plot, self.cursor, chart.size.width)

    def _sight_words(self) -> list[str]:
        words = self.view.words() if self.cursor is None else []
        if self.members:
            words.append(f"mean and deviation of {len(self.members)} runs")
        if self.window.x is not None:
            axis = self.axis
            low, high = self.window.x
            first = place_words(axis, self.view.metric, low)
            words.append(f"{first} to {place_words(axis, self.view.metric, high, bare=True)}, 0 shows all")
        elif self.view.y:
            words.append(f"y limits in {safe(', '.join(sorted(self.view.y)), 40)}, 0 shows all")
        if self.filter:
            words.append(f"{number(float(len(self._panels)), 0)} panels match “{safe(self.filter, 20)}”")
        elif self._unseen() > MANY_UNSEEN:
            words.append(f"{self._unseen():,} more series: / or +")
        if len(self.grid.pages) > 1 and self.full is None:
            words.append(f"page {self.page + 1} of {len(self.grid.pages)}: pgup pgdn")
        elif self.full is not None and len(self._panels) > 1:
            words.append(f"panel {self.full + 1} of {len(self._panels)}: p P")
        return words

    def _unseen(self) -> int:
        """How many series of the training itself are in no panel."""
        seen = {name for panel in self._panels for name in panel.series}
        return sum(name not in seen and not name.startswith(("time/", "system/")) for name in self.names(self.snapshot))


def _span(chart: Chart) -> Range | None:
    """From the first to the last place that a chart's curves have."""
    ends = []
    for curve in chart.plot.curves:
        x = curve.source.points(xmap=curve.xmap(chart.plot.x_axis)).x
        if chart.plot.log_x:
            x = x[x > 0]
        if len(x):
            ends.append((float(x[0]), float(x[-1])))
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else None
