"""What keys and the mouse do to the curves of a run: their view, the part of them in sight, the crosshair."""

from __future__ import annotations

import threading
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType

from tui.curve_view import CurveView, ViewFile, smoothing_words
from tui.curve_window import ALL, Window, moved, panned, zoomed
from tui.plots.chart import Chart
from tui.plots.ranges import Range
from tui.run_panels import Panel
from tui.run_store import RunSnapshot
from tui.widgets.curve_bindings import CURVE_KEYS
from tui.widgets.curve_choices import CurveChoices
from tui.widgets.filter_bar import FilterBar
from tui.xaxis import XAxis

_AXES = (XAxis.STEP, XAxis.EPOCH, XAxis.SAMPLES, XAxis.TIME, XAxis.WALL)
AXIS_WORDS = {XAxis.TIME: "time since the start", XAxis.WALL: "wall clock"}
WHEEL = 0.8
"""What a notch of the wheel makes of the width in sight."""


class CurveKeys(CurveChoices, can_focus=True):
    """Base of the tabs that draw curves."""

    BINDINGS: ClassVar[list[BindingType]] = [*CURVE_KEYS]

    view_file: ViewFile

    def __init__(self) -> None:
        super().__init__()
        self.view = CurveView()
        self.window: Window = ALL
        self.cursor: float | None = None
        self.filter = ""
        self.page = 0
        self.full: int | None = None
        self.marked: str | None = None
        """Title of the panel that keys act on."""
        self.members: tuple[str, ...] = ()
        """The runs whose mean is drawn."""
        self._panels: list[Panel] = []
        self._drawn: object = None
        self._writing = threading.Lock()

    @property
    def charts(self) -> list[Chart]:
        """The charts in sight."""
        return self.grid.in_sight

    @property
    def log_x(self) -> bool:
        """Whether x is logarithmic, as it is drawn."""
        return any(chart.plot.log_x for chart in self.charts)

    def names(self, snapshot: RunSnapshot) -> list[str]:
        """The series that can be drawn, what was measured of the machine last."""
        names = [name for name in snapshot.series if name not in ("epoch", "samples")]
        return sorted(names, key=lambda name: name.startswith(("time/", "system/")))

    def take_focus(self) -> None:
        """The keys are the tab's own."""
        self.focus(scroll_visible=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that would do nothing is left to the screen."""
        if action == "clear":
            return self.cursor is not None or bool(self.filter)
        return True

    def changed(self) -> None:
        """Draw as the view says now, and remember it for the experiment."""
        self.again()
        self.run_worker(self._remember, thread=True, exit_on_error=False, group="view")

    def _remember(self) -> None:
        with self._writing:  # the last one to write writes the newest view
            self.view_file.write(self.NAME, self.view)

    # how curves are drawn

    def action_smooth(self) -> None:
        """The next amount."""
        self.view.smooth = self.view.next_smoothing()
        self.changed()
        self.say(f"smoothing {self.view.smooth:g}" if 0 < self.view.smooth < 1 else smoothing_words(self.view.smooth))

    def action_window(self) -> None:
        """The other way to smooth."""
        self.view.window = not self.view.window
        self.view.smooth = 100.0 if self.view.window else 0.9
        self.changed()
        self.say(f"{smoothing_words(self.view.smooth)}; s changes how much")

    def action_axis(self) -> None:
        """The next axis that the run has."""
        missing = {XAxis.SAMPLES: "samples" not in self.snapshot.series, XAxis.WALL: bool(self.members)}
        axes = [axis for axis in _AXES if not missing.get(axis)]
        at = axes.index(self.view.axis) if self.view.axis in axes else -1
        self.set_axis(axes[(at + 1) % len(axes)])

    def set_axis(self, axis: XAxis, metric: str = "") -> None:
        """Take another axis; what was in sight of the old one is forgotten."""
        self.view.axis, self.view.metric, self.view.x = axis, metric, (None, None)
        self.window, self.cursor = ALL, None
        self.changed()
        axis = self.axis if axis is XAxis.WALL else axis
        self.say(f"x axis: {metric or AXIS_WORDS.get(axis, axis.value)}")

    def action_log(self) -> None:
        """Neither, y, x, both."""
        view = self.view
        view.log_y, view.log_x = not view.log_y, view.log_x ^ view.log_y
        self.changed()
        axes = [name for name, on in (("y", view.log_y), ("x", view.log_x)) if on]
        self.say(f"logarithmic: {' and '.join(axes)}" if axes else "linear axes")

    def action_robust(self) -> None:
        """With outliers, or without."""
        self.view.clip = not self.view.clip
        self.changed()
        self.say("outliers are left out of the y-axis" if self.view.clip else "the y-axis holds every value")

    # which panels

    def action_full(self) -> None:
        """The marked panel alone, or all again."""
        if self._panels:
            self.full = self._marked_index() if self.full is None else None
            self.again()

    def action_mark(self, by: int) -> None:
        """Mark the next panel, on whichever page it is; alone, see the next one alone."""
        count = len(self._panels)
        if not count:
            return
        at = self._marked_index() if self.full is None else self.full
        start = by if self.marked is not None or self.full is not None else 0
        at = (at + start) % count
        self.marked = self._panels[at].title
        if self.full is not None:
            self.full = at
        else:
            self.page = self.grid.page_of(at)
        self.again()

    def _marked_index(self) -> int:
        """The marked panel's number; the first one's in sight when none is."""
        titles = [panel.title for panel in self._panels]
        return titles.index(self.marked) if self.marked in titles else min(self.grid.first, len(titles) - 1)

    def action_page(self, by: int) -> None:
        """Turn the page."""
        if self.full is not None:
            self.action_mark(by)
            return
        self.page = max(0, min(self.page + by, len(self.grid.pages) - 1))
        self.again()

    def action_filter(self) -> None:
        """Let the person type which series to see."""
        self.filter_bar.open()

    @on(FilterBar.Changed)
    def _filtered(self, message: FilterBar.Changed) -> None:
        message.stop()
        self.filter, self.page, self.full = message.text, 0, None
        self.again()

    @on(FilterBar.Closed)
    def _filter_closed(self, message: FilterBar.Closed) -> None:
        message.stop()
        self.take_focus()
        self.again()

    # what is in sight

    def _set_window(self, window: Window) -> None:
        self.window = window
        if self.view.x != (None, None):
            self.view.x = (None, None)
            self.changed()
        for chart in self.charts:
            chart.change(zoom=window.x)
        self.tell()

    def action_zoom(self, factor: float) -> None:
        """Zoom around the crosshair, without it at the newest end."""
        self.zoom_at(factor, self.cursor)

    def zoom_at(self, factor: float, place: float | None, shown: Range | None = None) -> None:
        """Zoom around a place.

        Args:
            shown: what is in sight now, where that is more than the data.
        """
        full = self.full_range()
        if full is not None:
            start = self.window if self.window.x is not None or shown is None else Window(shown)
            self._set_window(zoomed(start, full, factor, place, log=self.log_x))

    def action_pan(self, share: float) -> None:
        """Move what is in sight."""
        full = self.full_range()
        if full is not None and self.window.x is not None:
            self._set_window(panned(self.window, full, share, log=self.log_x))
        elif full is not None:
            self.say("everything is in sight: z zooms in")

    def action_zoom_y(self, factor: float) -> None:
        """Zoom y of the marked panel around its middle."""
        self._move_y(factor, 0.0)

    def action_pan_y(self, share: float) -> None:
        """Move y of the marked panel."""
        self._move_y(1.0, share)

    def _move_y(self, factor: float, share: float) -> None:
        if not self._panels:
            return
        at = self._marked_index() if self.full is None else self.full
        self.marked = self._panels[at].title
        if not 0 <= at - self.grid.first < len(self.charts):
            self.page = self.grid.page_of(at)
            self.again()
        self.move_y(self.charts[at - self.grid.first], factor, share)

    def move_y(self, chart: Chart, factor: float, share: float) -> None:
        """Zoom and move y of one chart."""
        title = self.grid.title_of(chart)
        if chart.plot.view.shown is None or title is None:
            return
        low, high = moved(chart.plot.view.shown[1], factor, share)
        if chart.plot.log_y:
            low, high = 10.0 ** max(-300.0, low), 10.0 ** min(300.0, high)
        if low < high:
            self.view.y = {**self.view.y, title: (low, high)}
            self.changed()

    def action_reset(self) -> None:
        """Everything in sight again."""
        self.view.x, self.view.y = (None, None), {}
        self.window, self.cursor = ALL, None
        self.changed()

    # the crosshair

    def action_cursor(self, by: int) -> None:
        """Move the crosshair by columns."""
        chart = next(iter(self.charts), None)
        if chart is None or chart.plot.view.shown is None:
            return
        place = self.cursor
        column = chart.column_of(place) if place is not None else None
        if column is None:
            full = self.full_range()
            column = chart.column_of(full[1]) if full is not None and chart.column_of(full[1]) is not None else None
        last = chart.size.width - 1
        self.point(chart.position_at(max(chart.plot.view.gutter, min(last, (last if column is None else column) + by))))

    def point(self, place: float | None) -> None:
        """Put the crosshair of all panels somewhere, or take it away."""
        if place != self.cursor:
            self.cursor = place
            for chart in self.charts:
                chart.change(cursor=place)
            self.tell()

    def action_clear(self) -> None:
        """Take away the crosshair; without one the filter."""
        if self.cursor is not None:
            self.point(None)
        elif self.filter:
            self.filter_bar.clear()
            self.filter = ""
            self.again()

    # the mouse

    def on_click(self, event: events.Click) -> None:
        """Read the values where the pointer is, and mark the panel; a second click there ends it."""
        chart = self._chart_under(event)
        if chart is not None:
            self.point(None if event.chain > 1 else self._place_under(event))
            self.marked = self.grid.title_of(chart)
            self.grid.entitle(self.marked)
            self.focus()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The crosshair goes with the pointer while a button is down."""
        if event.button and (place := self._place_under(event)) is not None:
            self.point(place)

    def _chart_under(self, event: events.MouseEvent) -> Chart | None:
        """By its place on screen: a wheel or a move does not say which widget it is over."""
        at = event.screen_offset
        return next((chart for chart in self.charts if chart.content_region.contains_point(at)), None)

    def _place_under(self, event: events.MouseEvent) -> float | None:
        chart = self._chart_under(event)
        return None if chart is None else chart.position_at(int(event.screen_x) - chart.content_region.x)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Nearer."""
        self._wheel(event, WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Further away."""
        self._wheel(event, 1 / WHEEL)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        """Zoom around the pointer; with shift move, with ctrl zoom y."""
        event.stop()
        chart = self._chart_under(event)
        if event.shift:
            self.action_pan(-0.1 if factor < 1 else 0.1)
        elif chart is not None and event.ctrl:
            self.move_y(chart, factor, 0.0)
        elif chart is not None:
            shown = chart.plot.view.shown
            ends = None if shown is None or chart.plot.log_x else shown[0]
            self.zoom_at(factor, self._place_under(event), ends)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """To the left."""
        event.stop()
        self.action_pan(-0.1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """To the right."""
        event.stop()
        self.action_pan(0.1)
