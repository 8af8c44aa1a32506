"""Compare: the curves of several runs over one another, beside what differs between them and what they scored."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.worker import Worker, WorkerState

from engine.runs import Run
from tui.comparison import Comparison, ComparisonStore
from tui.comparison_lines import as_table, comparison_lines
from tui.plots.chart import Chart, Curve, Mark
from tui.scores import parted, smaller_is_better
from tui.screens.compare_views import OVERVIEW, ViewsScreen
from tui.text import number, safe
from tui.theme import inks, symbol
from tui.widgets.compared_runs import RunsLine, runs_line
from tui.widgets.footer import Footer
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import entitle
from tui.xaxis import XAxis

SMOOTHING = (0.0, 0.6, 0.9, 0.99)
_USUAL, _NOISY = 0.9, 400
"""How much a series of more points than that is smoothed until the key is pressed: noise hides the curves below it."""
_ALONE = ("", "-only-tables", "-only-curves")
"""Classes of the screen: curves and tables, the tables alone, the curves alone."""
_AXES = (XAxis.EPOCH, XAxis.STEP, XAxis.TIME)


class ComparisonRead(Message):
    """There is a new comparison."""

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, ComparisonRead)


def _best_run(runs: Sequence[Run], name: str) -> str:
    """The run whose best value of a series that it watches is the best of all; empty where none watches it."""
    values = {
        run.id: float(best["value"])
        for run in runs
        if (best := run.state.best or {}).get("monitor") == name and isinstance(best.get("value"), (int, float))
    }
    if not values:
        return ""
    return (min if smaller_is_better(name) else max)(values, key=values.__getitem__)


class CompareScreen(ViewsScreen):
    """The screen of several runs."""

    AUTO_FOCUS = "LinesPane"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "choose(-1)", "run before", show=False, id="compare.before", tooltip="The run before"),
        Binding("right,l", "choose(1)", "next run", id="compare.next", tooltip="The next run"),
        Binding("space", "hide", "hide", id="compare.hide", tooltip="Hide the curve of the marked run, or show it"),
        Binding("b", "baseline", "baseline", id="compare.baseline", tooltip="Measure the others against this run"),
        Binding("f", "alone", "full", id="compare.alone", tooltip="The tables alone, the curves alone, or both"),
        Binding("a", "values", "values", show=False, id="compare.values",
                tooltip="Scores themselves, or their differences to the baseline's, where there is no room for both"),
        Binding("m", "metric", "metric", id="compare.metric", tooltip="Choose the series that are drawn"),
        Binding("x", "axis", "axis", id="compare.axis", tooltip="Epochs, steps or time along x"),
        Binding("s", "smooth", "smooth", id="compare.smooth", tooltip="Smooth: not, a little, much, very much"),
        Binding("L", "log", "log", show=False, id="compare.log", tooltip="Logarithmic y-axis"),
        Binding("u", "bands", "mean", show=False, id="compare.bands",
                tooltip="Runs that differ only in their seed as their mean with its deviation, or each by itself"),
        Binding("R,B", "report", "report", id="compare.report", tooltip="Write a journal page of these runs"),
        Binding(
            "y", "copy", "copy", id="compare.copy", tooltip="Copy the tables, or what the view shows, to the clipboard"
        ),
        Binding("enter", "open", "open", show=False, id="compare.open", tooltip="Open the marked run"),
        Binding("escape,backspace", "leave", "back", show=False, id="compare.back", tooltip="Go back to the list"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    CompareScreen #compared { layout: vertical; height: 1fr; }
    CompareScreen.-wide #compared { layout: horizontal; }
    CompareScreen #charts { height: 1fr; width: 1fr; background: $background; }
    CompareScreen.-wide #charts { width: 11fr; }
    CompareScreen Chart { height: 1fr; background: $background; padding: 0 1; }
    CompareScreen.-wide Chart { border: round $border-blurred; border-title-color: $dl-muted; }
    CompareScreen.-only-tables #charts, CompareScreen.-only-curves #tables { display: none; }
    CompareScreen #second { display: none; }
    CompareScreen.-wide #second.-used { display: block; }
    CompareScreen LinesPane { height: 1fr; width: 1fr; padding: 0; }
    CompareScreen.-wide #tables { width: 9fr; }
    CompareScreen.-wide LinesPane { border: round $border-blurred; }
    CompareScreen.-wide LinesPane:focus { border: round $border; }
    """

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self._ids = tuple(ids)
        self.hidden: set[str] = set()
        self.names: tuple[str, ...] = ()
        """The series that are drawn, where they were chosen."""
        self.axis, self.log_y = XAxis.EPOCH, False
        self.smoothing: float | None = None
        """The weight of the moving average; None where it was not chosen: what is logged at each step is smoothed."""
        self.bands = self.values = False
        """Whether repetitions are drawn as their mean; whether scores are shown rather than differences."""
        self._alone = 0
        """Which of `_ALONE` is in sight."""
        self._leaving, self._wake = threading.Event(), threading.Event()

    def compose(self) -> ComposeResult:
        """The runs, their curves, the tables."""
        self.store = ComparisonStore(self.dltui.store.runs, self._ids)
        self.runs_line, self.pane = RunsLine(), LinesPane(id="tables")
        self.charts = (Chart(id="first"), Chart(id="second"))
        views, view_pane = self.compose_views()
        yield self.runs_line
        yield views
        with Container(id="compared"):
            with Container(id="charts"):
                yield from self.charts
            yield self.pane
        yield view_pane
        yield Footer()

    def on_mount(self) -> None:
        self.watch_runs()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()

    # the thread that reads

    @work(thread=True, exclusive=True, exit_on_error=False, group="compare")
    def watch_runs(self) -> None:
        """Look at the runs once a second while one of them is alive, else every few seconds."""
        while not self._leaving.is_set():
            found = self.store.tick(self.names)
            if found is not None and not self._leaving.is_set():
                self.post_message(ComparisonRead(found))
            self._wake.wait(self.store.interval)
            self._wake.clear()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What the thread died of is said, and reading goes on."""
        if event.state is not WorkerState.ERROR or not event.worker.group.startswith("compare"):
            return
        error = event.worker.error
        self.dltui.notify(f"{type(error).__name__}: {error}", title="A run could not be read", severity="error")
        if event.worker.group == "compare" and not self._leaving.is_set():
            self.set_timer(2.0, self.watch_runs)

    @on(ComparisonRead)
    def _take(self, message: ComparisonRead) -> None:
        message.stop()
        self.comparison = message.comparison
        self._show()

    # what is shown

    def _show(self) -> None:
        found = self.comparison
        if found is None or not self.is_mounted:
            return
        self._mark_first(found)
        width = self.size.width or self.app.size.width
        self.runs_line.show(runs_line(found, self.cursor, self.colours(found), self.hidden, width, inks(self.app)))
        for chart, name in zip(self.charts, (*self._drawn(found), "", "")[:2], strict=True):
            self._dress(chart, name, found)
        self.pane.show(
            lambda width, ink: comparison_lines(
                found, self.cursor, self.colours(found), width, ink, values=self.values
            ),
            top=False,
        )
        watched = "; ".join(found.missing)
        entitle(self.pane, "differences and scores", f"no longer there: {watched}" if watched else "")
        self.show_view()

    def _mark_first(self, found: Comparison) -> None:
        """Keep the mark on a run that is there; at first it is on one that can be measured against the baseline."""
        if self.cursor < 0:
            self.cursor = next((at for at, run in enumerate(found.runs) if run.id != found.baseline), 0)
        self.cursor = min(self.cursor, max(0, len(found.runs) - 1))

    def _drawn(self, found: Comparison) -> tuple[str, ...]:
        return self.names or found.drawn_first()

    def _dress(self, chart: Chart, name: str, found: Comparison) -> None:
        curves, marks = [], []
        amount = self._amount(name)
        best_run = _best_run([run for run in found.runs if run.id not in self.hidden], name)
        for place, run in enumerate(found.runs):
            source = self.store.caches.get((run.id, name))
            if source is None or run.id in self.hidden or not name:
                continue
            state = run.state
            curves.append(
                Curve(
                    run.id,
                    source,
                    f"curve-{place}",
                    smooth=amount,
                    raw=not amount or len(found.runs) - len(self.hidden) == 1,
                    epochs=self.store.caches.get((run.id, "epoch")),
                    steps_per_epoch=state.step / state.epoch if state.epoch else None,
                )
            )
            if run.id == best_run:
                best = state.best or {}
                step, value = float(best.get("step") or 0), float(best["value"])
                marks.append(Mark(step, value, number(value), symbol("star"), curve=len(curves) - 1))
        if self.bands:
            curves, marks = list(self._means(curves, found)), []
        wide = self.has_class("-wide")
        chart.set_class(bool(name), "-used")
        title = safe(name) + (f"  smoothed {amount:g}" if amount else "")
        chart.border_title = title if wide and name else None
        chart.change(
            title="" if wide else title, curves=tuple(curves), marks=tuple(marks), x_axis=self.axis,
            smooth=amount, log_y=self.log_y, live=found.live, legend=len(curves) <= 8, robust=True,
            empty="all curves are hidden" if self.hidden and not curves else "no points",
        )  # fmt: skip

    def _amount(self, name: str) -> float:
        """How much a series is smoothed: as was chosen, else by how many points it has."""
        if self.smoothing is not None:
            return self.smoothing
        noisy = any(cache.count > _NOISY for (_, series), cache in self.store.caches.items() if series == name)
        return _USUAL if noisy and parted(name)[0] else 0.0

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # keys

    def action_choose(self, by: int) -> None:
        """Mark the next run, or the one before."""
        if self.comparison is not None and self.comparison.runs:
            self.cursor = (self.cursor + by) % len(self.comparison.runs)
            self._show()

    def action_hide(self) -> None:
        """Hide the marked run's curve, or show it, and go on to the next."""
        run = self.marked()
        if run is not None:
            self.hidden ^= {run}
            self.action_choose(1)

    def action_baseline(self) -> None:
        """Measure the others against the marked run."""
        run = self.marked()
        if run is not None:
            self.store.baseline = run
            self._wake.set()

    def action_axis(self) -> None:
        """The next axis."""
        self.axis = _AXES[(_AXES.index(self.axis) + 1) % len(_AXES)]
        self._show()
        self.dltui.notify(f"x axis: {self.axis.value}", timeout=2)

    def action_smooth(self) -> None:
        """The next weight."""
        present = max(map(self._amount, self._drawn(self.comparison)), default=0.0) if self.comparison else 0.0
        self.smoothing = SMOOTHING[(SMOOTHING.index(present) + 1) % len(SMOOTHING)]
        self._show()
        self.dltui.notify(f"smoothing {self.smoothing:g}" if self.smoothing else "no smoothing", timeout=2)

    def _means(self, curves: list[Curve], found: Comparison) -> tuple[Curve, ...]:
        from engine.spread import repetitions
        from tui.plots.spread import bands

        together = repetitions((run.id, run.info.group, run.info.settings) for run in found.runs)
        return bands(curves, together)

    def action_bands(self) -> None:
        """Repetitions as their mean, or each by itself."""
        self.bands = not self.bands
        self._show()
        self.dltui.notify("mean and deviation over the seeds" if self.bands else "each run by itself", timeout=2)

    def action_alone(self) -> None:
        """Curves and tables, or one of them with all the room."""
        self._alone = (self._alone + 1) % len(_ALONE)
        for name in filter(None, _ALONE):
            self.set_class(name == _ALONE[self._alone], name)
        self.call_after_refresh(self._show)

    def action_values(self) -> None:
        """Scores or differences."""
        self.values = not self.values
        self._show()
        words = "the scores themselves" if self.values else "differences to the baseline"
        self.dltui.notify(words, timeout=2)

    def action_log(self) -> None:
        """Logarithmic, or not."""
        self.log_y = not self.log_y
        self._show()

    def action_metric(self) -> None:
        """Choose what is drawn first; what stood there goes below it."""
        found = self.comparison
        if found is None or not found.choices():
            self.dltui.notify("these runs have no series", timeout=2)
            return
        from tui.screens.confirm import Choice, ChoiceScreen

        drawn = self._drawn(found)
        choices = [Choice(name, safe(name), hint="drawn" if name in drawn else "") for name in found.choices()]

        def chosen(name: str | None) -> None:
            if name is not None:
                self.names = tuple(dict.fromkeys([name, *drawn]))[:2]
                self._show()
                self._wake.set()

        self.app.push_screen(ChoiceScreen("Draw", choices, drawn[0] if drawn else ""), chosen)

    def action_open(self) -> None:
        """Open the marked run."""
        run = self.marked()
        if run is not None:
            self.dltui.open_run(run)

    def action_copy(self) -> None:
        """Copy the tables, or the view in sight, through the terminal (OSC 52)."""
        if self.view != OVERVIEW:
            self.app.copy_to_clipboard(self.view_pane.plain)
            self.dltui.notify("the view is copied, as text", timeout=3)
        elif self.comparison is not None:
            self.app.copy_to_clipboard(as_table(self.comparison))
            self.dltui.notify("the tables are copied, as Markdown", timeout=3)

    def action_leave(self) -> None:
        """Go back."""
        self.call_later(self.dltui.action_back)

    def action_report(self) -> None:
        """Write a journal page of these runs, the baseline first."""
        from tui.journal import write_page

        found = self.comparison
        if found is not None:
            ids = [run.id for run in found.runs]
            write_page(self.dltui, sorted(ids, key=lambda run: run != found.baseline))
