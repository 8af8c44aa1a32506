"""What the curves of a run ask in dialogs: panels, grid, marks, limits, the x-axis; exports; the group's mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.worker import get_current_worker

from tui.curve_parts import SYMBOLS, TITLES, axis_of, group_members
from tui.curve_view import GRIDS, MARKS, OwnPanel
from tui.widgets.run_tab import RunTab
from tui.xaxis import XAxis

if TYPE_CHECKING:
    from tui.curve_export import Figure
    from tui.curve_view import CurveView
    from tui.curve_window import Window
    from tui.run_panels import Panel
    from tui.run_store import RunSnapshot
    from tui.screens.curve_limits import Limits
    from tui.widgets.chart_grid import ChartGrid
    from tui.widgets.curve_line import CurveLine
    from tui.widgets.filter_bar import FilterBar
    from tui.widgets.run_waiting import Waiting

_AXIS_TITLES = {
    XAxis.STEP: "steps",
    XAxis.EPOCH: "epochs",
    XAxis.SAMPLES: "samples",
    XAxis.TIME: "time since the start, pauses left out",
    XAxis.WALL: "wall clock",
}
_FORMATS = (("png", "p", "PNG, a picture"), ("svg", "s", "SVG, a drawing"), ("csv", "c", "CSV, the points"))


class CurveChoices(RunTab):
    """Base of `CurveKeys`: the keys that open a dialog."""

    view: CurveView
    window: Window
    grid: ChartGrid
    waiting: Waiting
    line: CurveLine
    filter_bar: FilterBar
    marked: str | None
    members: tuple[str, ...]
    _panels: list[Panel]
    _exporting = False

    # what the tab itself gives

    def changed(self) -> None:
        """Draw as the view says now, and remember it."""
        raise NotImplementedError

    def again(self) -> None:
        """Draw everything as the view says now."""
        raise NotImplementedError

    def set_axis(self, axis: XAxis, metric: str = "") -> None:
        """Take another axis."""
        raise NotImplementedError

    def names(self, snapshot: RunSnapshot) -> list[str]:
        """The series that can be drawn."""
        raise NotImplementedError

    def automatic_panels(self, snapshot: RunSnapshot) -> list[Panel]:
        """The panels that nobody had to put together."""
        raise NotImplementedError

    def full_range(self) -> tuple[float, float] | None:
        """From the first to the last place that any curve in sight has."""
        raise NotImplementedError

    def tell(self) -> None:
        """Say below the curves what is in sight."""
        raise NotImplementedError

    def say(self, words: str) -> None:
        """Say what a key did."""
        self.app.notify(words, timeout=2)

    @property
    def axis(self) -> XAxis:
        """The axis that is drawn."""
        return axis_of(self.view, self.snapshot, means=bool(self.members))

    # dialogs

    def action_panels(self) -> None:
        """Put panels together."""
        from tui.panel_edit import PanelEdit
        from tui.screens.curve_panels import PanelsScreen

        names = self.names(self.snapshot)
        if not names:
            self.say("there are no metrics yet")
            return
        edit = PanelEdit(self.automatic_panels(self.snapshot), names, self.view.panels, self.view.removed)

        def edited() -> None:
            self.view.panels = tuple(OwnPanel(panel.title, panel.series) for panel in edit.own)
            self.view.removed = tuple(edit.removed)
            self.changed()

        self.app.push_screen(PanelsScreen(edit, self.marked, edited))

    def action_along(self) -> None:
        """Choose the axis."""
        from tui.screens.confirm import Choice
        from tui.screens.filtered_choice import FilteredChoiceScreen

        choices = [Choice(f"axis:{axis.value}", title) for axis, title in _AXIS_TITLES.items()]
        choices += [Choice(f"series:{name}", name, hint="metric") for name in self.names(self.snapshot)]

        def chosen(value: str | None) -> None:
            kind, _, name = (value or "").partition(":")
            if kind == "axis":
                self.set_axis(XAxis(name))
            elif kind == "series":
                self.set_axis(XAxis.METRIC, name)

        self.app.push_screen(FilteredChoiceScreen("What runs along x", choices), chosen)

    def action_grid(self) -> None:
        """Choose how many panels stand side by side."""
        from tui.screens.confirm import Choice, ChoiceScreen

        choices = [Choice("auto", "automatic", "a", "by the size of the terminal")]
        keys = "123456789bcd"
        for key, (columns, rows) in zip(keys, GRIDS, strict=True):
            choices.append(Choice(f"{columns}x{rows}", f"{columns} × {rows}", key, _plural(columns, rows)))
        present = "auto" if self.view.grid is None else "{}x{}".format(*self.view.grid)

        def chosen(value: str | None) -> None:
            if value is not None:
                columns, _, rows = value.partition("x")
                self.view.grid = (int(columns), int(rows)) if rows else None
                self.changed()

        self.app.push_screen(ChoiceScreen("Panels side by side × below each other", choices, present), chosen)

    def action_marks(self) -> None:
        """Choose what is marked along the curves."""
        from tui.screens.checks import Check, ChecksScreen
        from tui.theme import ascii_mode

        counts = {kind: len(found) for kind, found in self.snapshot.happened.items()}
        counts["best"] = int(self.snapshot.best is not None)
        checks = [
            Check(kind, TITLES[kind], SYMBOLS[kind][ascii_mode()], f"{counts.get(kind, 0)} in this run")
            for kind in MARKS
        ]

        def toggled(shown: frozenset[str]) -> None:
            self.view.hidden_marks = tuple(kind for kind in MARKS if kind not in shown)
            self.changed()

        shown = frozenset(MARKS) - frozenset(self.view.hidden_marks)
        self.app.push_screen(ChecksScreen("Marks along the curves", checks, shown, toggled))

    def action_limits(self) -> None:
        """Type what is in sight: of x in all panels, of y in the marked one."""
        from tui.screens.curve_limits import Limits, LimitsScreen

        if not self.grid.shown:
            return
        titles = [panel.title for panel in self.grid.shown]
        title = self.marked if self.marked in titles else titles[0]
        x = self.window.x if self.window.x is not None else (None, None)
        now = Limits(*x, *self.view.y.get(title, (None, None)))
        axis = self.axis

        def typed(limits: Limits | None) -> None:
            if limits is not None:
                self._take_limits(title, limits)

        name = self.view.metric if axis is XAxis.METRIC else axis.value
        self.app.push_screen(LimitsScreen(name, title, now), typed)

    def _take_limits(self, title: str, limits: Limits) -> None:
        self.view.x = (limits.x_low, limits.x_high)
        others = {name: ends for name, ends in self.view.y.items() if name != title}
        chart = self.grid.in_sight[[panel.title for panel in self.grid.shown].index(title)]
        shown = chart.plot.view.shown
        low, high = limits.y_low, limits.y_high
        if shown is not None and (low is not None or high is not None):
            ends = tuple(10.0**end if chart.plot.log_y else end for end in shown[1])
            low, high = ends[0] if low is None else low, ends[1] if high is None else high
        if low is not None and high is not None and low < high:
            others[title] = (low, high)
        self.view.y = others
        self.changed()

    # the group's mean

    def action_band(self) -> None:
        """The mean of the group's runs in place of this run's curves, or these again."""
        if self.view.band and self.members:
            self.view.band, self.members = False, ()
            self.changed()
            return
        self.find_members()
        if not self.members:
            why = "is the only one of its settings" if self.snapshot.info.group else "belongs to no group"
            self.app.notify(
                f"{self.snapshot.id} {why}. Several seeds make a group: `seeds = 5` in experiments.toml, or "
                "`engine train NAME --seeds 5`.", title="No mean over seeds", severity="warning",
            )  # fmt: skip
            return
        self.view.band = True
        self.changed()

    def find_members(self) -> None:
        """Look which runs differ from this one only in their seed."""
        rows = self.run_screen.dltui.snapshot.rows
        self.members = group_members(rows, self.snapshot.id, self.snapshot.info.group)

    # exports

    def action_export(self) -> None:
        """Choose a format, and write what is in sight."""
        from tui.screens.confirm import Choice, ChoiceScreen

        if not self.grid.shown or self._exporting:
            self.say("there is nothing to export yet" if not self._exporting else "still writing…")
            return
        choices = [Choice(kind, words, key) for kind, key, words in _FORMATS]
        self.app.push_screen(ChoiceScreen("Export what is in sight", choices, "png"), self._export)

    def _export(self, kind: str | None) -> None:
        if kind is None:
            return
        from tui.curve_export import figure_of

        figure = figure_of(self.view, self.snapshot, self.grid, self.window, bool(self.members))
        self._exporting = True
        self.say("writing…")
        self.run_worker(lambda: self._write(figure, kind), thread=True, exit_on_error=False, group="export")

    def _write(self, figure: Figure, kind: str) -> None:
        from tui.curve_export import export

        store = self.run_screen.dltui.store
        words, good = export(figure, kind, store.root, self.store.paths, store.cwd)
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._exported, words, good)

    def _exported(self, words: str, good: bool) -> None:
        self._exporting = False
        title = "Exported" if good else "Nothing was exported"
        if good:  # its name on a line of its own, however deep the folder is
            folder, _, name = words.rpartition("/")
            words = f"{name}\nin {folder}"
        self.app.notify(words, title=title, severity="information" if good else "error", timeout=10)


def _plural(columns: int, rows: int) -> str:
    return "one panel" if columns * rows == 1 else f"{columns * rows} panels"
