"""The curves of a run: loss and the score of its task, all splits in one panel; the learning rate; what is added."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.strip import Strip
from textual.widget import Widget

from tui.plots.chart import Baseline, Chart, Curve, Mark
from tui.run_panels import Panel, Place, addable, arrange_panels, is_share, panels_of
from tui.run_store import RunSnapshot, Wants
from tui.scores import is_validation, parted
from tui.series import XAxis
from tui.text import fit, number, safe
from tui.theme import inks, symbol
from tui.widgets.run_tab import RunTab, notice
from tui.widgets.table import to_strip

SMOOTHING = (0.0, 0.6, 0.9, 0.99)
_COLORS = {"train": "curve-0", "val": "curve-1", "test": "curve-2", "train_split": "curve-5"}
_NAMES = {"train": "train", "val": "validation", "test": "test", "train_split": "train split"}
_MORE_COLORS = ("curve-1", "curve-3", "curve-4", "curve-6", "curve-7")
"""Of several validation sets."""
_AXES = (XAxis.STEP, XAxis.EPOCH, XAxis.TIME)


class Waiting(Widget):
    """What stands here before the first point: what the worker is doing."""

    DEFAULT_CSS = "Waiting { height: 1fr; display: none; background: $background; } Waiting.-shown { display: block; }"

    def __init__(self) -> None:
        super().__init__()
        self._words: tuple[str, tuple[str, ...]] = ("", ())

    def say(self, words: str, log: tuple[str, ...]) -> None:
        """Say something else; repainted only then."""
        if (words, log) != self._words:
            self._words = (words, log)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line."""
        width, ink = self.size.width, inks(self.app)
        words, log = self._words
        lines = notice(words, width, ink)
        if log:
            lines += [
                [],
                *(
                    [(fit(f"   {safe(text)}", width), ink.faint if i < len(log) - 1 else ink.muted)]
                    for i, text in enumerate(log)
                ),
            ]
        return to_strip(lines[y] if y < len(lines) else [], width, self.rich_style)


def _monitor(snapshot: RunSnapshot) -> str:
    """The metric that decides which checkpoint is the best."""
    checkpoint = snapshot.info.settings.get("checkpoint")
    stated = checkpoint.get("monitor") if isinstance(checkpoint, dict) else None
    return snapshot.best[0] if snapshot.best else str(stated or "")


def _label(name: str, panel: Panel) -> str:
    """What a series is called in the legend: its split; where it is of none, what tells it from its neighbours."""
    split = parted(name)[0]
    if split:
        return _NAMES.get(split, split)
    rest = name.partition("/")[2]
    return rest.partition("/")[2] or rest or panel.title


def _color(name: str, panel: Panel) -> str:
    """A split's colour is the same in every panel."""
    split = parted(name)[0]
    if split in _COLORS or not is_validation(split):
        return _COLORS.get(split, f"curve-{panel.series.index(name)}")
    several = [s for s in (parted(other)[0] for other in panel.series) if is_validation(s) and s not in _COLORS]
    taken = int("val" in (parted(other)[0] for other in panel.series))
    return _MORE_COLORS[(several.index(split) + taken) % len(_MORE_COLORS)]


class CurvesTab(RunTab, can_focus=True):
    """The charts."""

    NAME = "curves"
    TITLE = "Curves"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "smooth", "smooth", id="run.curves.smooth", tooltip="Smooth: not, a little, much, very much"),
        Binding("x", "axis", "axis", id="run.curves.axis", tooltip="Steps, epochs or time along x"),
        Binding("L", "log", "log", id="run.curves.log", tooltip="Logarithmic y-axis, but for shares"),
        Binding("plus", "add", "metric", key_display="+", id="run.curves.add", tooltip="Add a panel, or take it away"),
        Binding("f", "full", "full", id="run.curves.full", tooltip="One panel alone, the next, all again"),
        Binding("z", "zoom(0.5)", "zoom", show=False, id="run.curves.zoom", tooltip="Zoom in on the newer half"),
        Binding("Z", "zoom(2)", "zoom out", show=False, id="run.curves.unzoom", tooltip="Zoom out"),
        Binding("comma", "cursor(-1)", "cursor left", show=False, id="run.curves.back",
                tooltip="Read the values further to the left; the legend shows them"),
        Binding("full_stop", "cursor(1)", "cursor right", show=False, id="run.curves.forth",
                tooltip="Read the values further to the right"),
        Binding("o", "robust", "outliers", show=False, id="run.curves.robust", tooltip="Leave outliers out, or not"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    CurvesTab #charts { layout: grid; height: 1fr; grid-gutter: 0 1; background: $background; }
    CurvesTab Chart { height: 1fr; background: $background; padding: 0 1; }
    CurvesTab.-framed Chart { border: round $border-blurred; border-title-color: $dl-muted; }
    CurvesTab.-waiting #charts { display: none; }
    """

    nothing = "This run has no curves: no step was logged."
    """What is said of a run that has ended without any."""

    def __init__(self) -> None:
        super().__init__()
        self.smoothing = 0.6
        self.axis = XAxis.EPOCH
        self.log_y = False
        self.full: int | None = None
        self.added: tuple[str, ...] = ()
        self.zoom: float = 1.0
        self.cursor: float | None = None
        self.robust = True
        self.charts: list[Chart] = []
        self._panels: list[Panel] = []
        self._drawn: object = None
        self._placed: object = None

    def compose(self) -> ComposeResult:
        """A grid of charts, and what is said while there is none."""
        self.waiting = Waiting()
        self.grid = Container(id="charts")
        yield self.waiting
        yield self.grid

    def take_focus(self) -> None:
        """The keys are the tab's own."""
        self.focus(scroll_visible=False)

    # what is read and shown

    def wants(self) -> Wants:
        """The series of the panels, and the epochs, for the axis."""
        panels = self.panels_now(self.snapshot)
        shown = [name for panel in panels for name in panel.series]
        return Wants(self.NAME, (*dict.fromkeys([*shown, "epoch"]),), log_lines=8)

    def panels_now(self, snapshot: RunSnapshot) -> list[Panel]:
        """What there is to draw."""
        return panels_of(snapshot.series, _monitor(snapshot), self.added)

    def show(self, snapshot: RunSnapshot) -> None:
        """Draw what was appended."""
        if not self.is_mounted:
            return
        panels = self.panels_now(snapshot)
        read = all(name in self.store.caches for panel in panels for name in panel.series)
        # the frames come first: they are laid out by the time their points have been read
        self._say_waiting(snapshot, bool(panels) and not (read and snapshot.points == 0))
        if panels != self._panels:
            self._panels = panels
            self._make_charts()
            self._place()
        key = (snapshot.best, snapshot.resumes, snapshot.alive, snapshot.data, tuple(sorted(self.store.caches)))
        if read and key != self._drawn:
            self._drawn = key
            self._dress(snapshot)
        for chart in self.charts:
            if chart.display:
                chart.update_data()
        self._follow_zoom()

    def _say_waiting(self, snapshot: RunSnapshot, points: bool) -> None:
        self.set_class(not points, "-waiting")
        self.waiting.set_class(not points, "-shown")
        if points:
            return
        if not snapshot.looked:
            self.waiting.say("", ())
        elif snapshot.points and not self.panels_now(snapshot):
            self.waiting.say(self.nothing, ())
        elif snapshot.status == "queued":
            self.waiting.say("queued: waiting for a free device", snapshot.log_end)
        elif snapshot.alive:
            doing = {"starting": "starting: ", "stopping": "stopping: "}.get(snapshot.status, "")
            self.waiting.say(f"{doing}waiting for the first step…", snapshot.log_end)
        else:
            self.waiting.say(self.nothing, snapshot.log_end)

    def _make_charts(self) -> None:
        """One chart a panel; those there are stay."""
        while len(self.charts) < len(self._panels):
            chart = Chart()
            chart.plot.empty = ""
            self.charts.append(chart)
            self.grid.mount(chart)
        for chart in self.charts[len(self._panels) :]:
            chart.display = False
        self._drawn = self._placed = None

    def _dress(self, snapshot: RunSnapshot) -> None:
        """Give the charts their curves, marks and baselines."""
        counted = "epoch" in self.store.caches or snapshot.state.epoch
        axis = XAxis.STEP if self.axis is XAxis.EPOCH and not counted else self.axis
        for chart, panel in zip(self.charts, self._panels, strict=False):
            chart.change(
                empty="no points yet",
                curves=tuple(self._curve(name, panel, snapshot) for name in panel.series),
                marks=self._marks(panel, snapshot),
                baselines=self._baselines(panel, snapshot),
                live=snapshot.alive,
                x_axis=axis,
                smooth=self.smoothing,
                robust=self.robust,
                log_y=self.log_y and not is_share(panel),
                cursor=self.cursor,
            )

    def _curve(self, name: str, panel: Panel, snapshot: RunSnapshot) -> Curve:
        """A series as it is drawn: what is measured at every step smoothed, evaluations as they are."""
        caches, state = self.store.caches, snapshot.state
        split, slash = parted(name)[0], "/" in name
        smoothed = split == "train" or (not split and slash)
        return Curve(
            safe(_label(name, panel)),
            caches[name],
            _color(name, panel),
            smooth=None if smoothed else 0.0,
            start=min((first for cache in caches.values() if (first := cache.first_time)), default=None),
            epochs=caches.get("epoch"),
            steps_per_epoch=state.step / state.epoch if state.epoch else None,
            pauses=snapshot.pauses,
        )

    def _marks(self, panel: Panel, snapshot: RunSnapshot) -> tuple[Mark, ...]:
        """Where the run was resumed, and the best value, where its metric is drawn."""
        marks = [Mark(step, label="resumed", color="muted", time=at) for step, at in snapshot.resumes[-20:]]
        if snapshot.joint is not None:
            marks.append(Mark(snapshot.joint[0], label="continued", color="muted", time=snapshot.joint[1]))
        best = snapshot.best
        if best is not None and best[0] in panel.series and best[3]:
            name, value, _, step = best
            marks.append(Mark(step, value, number(value), symbol("star"), curve=panel.series.index(name)))
        return tuple(marks)

    @staticmethod
    def _baselines(panel: Panel, snapshot: RunSnapshot) -> tuple[Baseline, ...]:
        if panel.title != "accuracy":
            return ()
        split = next((s for s in (parted(name)[0] for name in panel.series) if is_validation(s)), "train")
        share = snapshot.baseline(split)
        return () if share is None else (Baseline(share, f"majority {number(share, 3)}"),)

    # where the panels stand

    def on_resize(self) -> None:
        self._place()
        if self._drawn is not None:
            self._dress(self.snapshot)

    def _place(self) -> None:
        width, height = self.size.width, self.size.height
        if not self.charts or not width:
            return
        count = len(self._panels)
        key = (count, width, height, self.full)
        if key == self._placed:
            return
        self._placed = key
        place = arrange_panels(count, width, height) if self.full is None else Place(1, ("1fr",), 1, height >= 12)
        shown = list(range(place.shown)) if self.full is None else [self.full]
        was_framed = self.has_class("-framed")
        self.set_class(place.framed, "-framed")
        self.grid.styles.grid_size_columns = place.columns
        self.grid.styles.grid_size_rows = len(place.rows)
        self.grid.styles.grid_rows = " ".join(place.rows)
        for index, chart in enumerate(self.charts):
            chart.display = index in shown
            alone = index == shown[-1] and len(shown) % place.columns == 1 and place.columns > 1
            chart.styles.column_span = 2 if alone else 1
        for chart, panel in zip(self.charts, self._panels, strict=False):
            chart.border_title = safe(panel.title) if place.framed else None
            chart.change(title="" if place.framed else safe(panel.title))
        if was_framed != place.framed:
            self._drawn = None

    # keys

    def _again(self) -> None:
        self._drawn = None
        self.show(self.snapshot)

    def action_smooth(self) -> None:
        """The next weight."""
        self.smoothing = SMOOTHING[(SMOOTHING.index(self.smoothing) + 1) % len(SMOOTHING)]
        self._again()
        self._say(f"smoothing {self.smoothing:g}" if self.smoothing else "no smoothing")

    def action_axis(self) -> None:
        """The next axis."""
        self.axis = _AXES[(_AXES.index(self.axis) + 1) % len(_AXES)]
        self.zoom, self.cursor = 1.0, None
        for chart in self.charts:
            chart.change(zoom=None)
        self._again()
        self._say(f"x axis: {self.axis.value}")

    def action_log(self) -> None:
        """Logarithmic, or not."""
        self.log_y = not self.log_y
        self._again()

    def action_robust(self) -> None:
        """With outliers, or without."""
        self.robust = not self.robust
        self._again()
        self._say("outliers are left out of the y-axis" if self.robust else "the y-axis holds every value")

    def action_full(self) -> None:
        """The next panel alone; after the last one, all."""
        count = len(self._panels)
        self.full = (0 if self.full is None else self.full + 1) if count else None
        if self.full is not None and self.full >= count:
            self.full = None
        self._placed = None
        self._place()
        self._again()

    def action_add(self) -> None:
        """Choose a metric to see, or to see no more."""
        from tui.screens.confirm import Choice, ChoiceScreen

        bases = addable(self.snapshot.series, _monitor(self.snapshot))
        if not bases:
            self._say("there are no other metrics")
            return
        choices = [Choice(base, safe(base), hint="shown" if base in self.added else "") for base in bases]
        self.app.push_screen(ChoiceScreen("Add a metric, or take it away", choices), self._added)

    def _added(self, base: str | None) -> None:
        if base is None:
            return
        self.added = tuple(b for b in self.added if b != base) if base in self.added else (*self.added, base)
        self.run_screen.want(self.wants())
        self.show(self.snapshot)

    def action_zoom(self, factor: float) -> None:
        """See the newer half of what is in sight, or twice as much."""
        self.zoom = min(1.0, max(1 / 4096, self.zoom * factor))
        self._follow_zoom()

    def _follow_zoom(self) -> None:
        """Keep the newest part in sight while zoomed in."""
        for chart in self.charts:
            if self.zoom >= 1.0:
                chart.change(zoom=None)
                continue
            end = self._end(chart)
            if end is not None:
                chart.change(zoom=(end[1] - (end[1] - end[0]) * self.zoom, end[1]))

    @staticmethod
    def _end(chart: Chart) -> tuple[float, float] | None:
        spans = []
        for curve in chart.plot.curves:
            points = curve.source.points(xmap=curve.xmap(chart.plot.x_axis))
            if len(points):
                spans.append((float(points.x[0]), float(points.x[-1])))
        return (min(a for a, _ in spans), max(b for _, b in spans)) if spans else None

    def action_cursor(self, by: int) -> None:
        """Move the place whose values the legends show."""
        shown = next((chart for chart in self.charts if chart.display), None)
        span = None if shown is None else (shown.plot.zoom or self._end(shown))
        if span is None:
            return
        step = (span[1] - span[0]) / 60
        place = (span[1] if self.cursor is None else self.cursor) + by * step
        self._point(None if place > span[1] else max(span[0], place))

    def _point(self, place: float | None) -> None:
        self.cursor = place
        for chart in self.charts:
            chart.change(cursor=place)

    def on_click(self, event: events.Click) -> None:
        """Read the values where the pointer is; a second click there ends it."""
        chart = event.widget
        if isinstance(chart, Chart):
            offset = event.get_content_offset(chart)
            place = None if offset is None or event.chain > 1 else chart.position_at(offset.x)
            self._point(place)
            self.focus()

    def _say(self, words: str) -> None:
        self.app.notify(words, timeout=2)
