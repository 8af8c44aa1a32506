"""Runs: every run ever, newest first; filter, sort, mark, open."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType

from engine.rows import Row
from tui.marking import Done
from tui.screens.acting_again import AgainScreen, acting_keys
from tui.screens.runs_counted import CountedRuns
from tui.widgets.line_list import LineList

ACTS = acting_keys("runs", trash="d,delete", tag="t,T", note="w,W", shown=True)


class RunsScreen(AgainScreen, CountedRuns):
    """The second screen: its keys, and acting on the runs it shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="runs.open", tooltip="Open the run under the cursor"),
        Binding(
            "slash",
            "filter",
            "filter",
            id="runs.filter",
            tooltip="Filter by words or by a query such as val/accuracy > 0.9",
        ),
        *ACTS[:1],
        Binding(
            "space",
            "select",
            "select, down",
            id="runs.select",
            tooltip="Select this run too, for the next action, and go to the next row",
        ),
        Binding("c", "compare", "compare", id="runs.compare", tooltip="Lay the selected runs beside each other"),
        Binding(
            "B", "report", "page", show=False, id="runs.report", tooltip="Write the journal page of the selected runs"
        ),
        Binding("s", "sort", "sort", id="runs.sort", tooltip="Choose what to sort by, first, then second"),
        *ACTS[1:],
        Binding("C", "columns", "columns", id="runs.columns", tooltip="Choose, order and resize the columns"),
        Binding(
            "b", "group", "group", id="runs.group", tooltip="Gather the runs by a setting, experiment, state or tag"
        ),
        Binding("v", "views", "views", id="runs.views", tooltip="Switch to a saved view, save this one, delete one"),
        Binding("m", "mark", "mark", id="runs.mark", tooltip="Star, tag, name, note or archive"),
        Binding("S", "stop", "stop", id="runs.stop", tooltip="Have the runs save a checkpoint and stop"),
        Binding(
            "r", "resume", "resume", show=False, id="runs.resume", tooltip="Go on from a checkpoint: last, best, any"
        ),
        Binding("z", "fold", "Fold", show=False, id="runs.fold", tooltip="Hide or show the runs of the group"),
        Binding(
            "Z", "fold_all", "Fold all", show=False, id="runs.fold-all", tooltip="Hide or show those of all groups"
        ),
        Binding(
            "less_than_sign", "pan(-1)", "Columns left", show=False, id="runs.pan-left", tooltip="Go back to the left"
        ),
        Binding(
            "greater_than_sign",
            "pan(1)",
            "Columns right",
            show=False,
            id="runs.pan-right",
            tooltip="Bring columns in sight that there is no room for",
        ),
        Binding("o", "turn", "Turn round", show=False, id="runs.turn", tooltip="Turn the order round"),
        Binding(
            "a", "select_all", "Select all", show=False, id="runs.select-all", tooltip="Select all runs shown, or none"
        ),
        Binding("A", "archived", "Archived", show=False, id="runs.archived", tooltip="Show or hide archived runs"),
        Binding("right,l", "open", "Open", show=False, id="runs.right", tooltip="Open the run under the cursor"),
        Binding(
            "escape,left,h",
            "back",
            "Back",
            show=False,
            id="runs.back",
            tooltip="Drop the selection, then the filter, then go to the experiments",
        ),
    ]

    def targets(self) -> list[Row]:
        """The selected runs, else the one under the cursor, or those of the group whose heading it is on."""
        chosen = [row for row in self._outcome.rows if row.run in self.listing.selected]
        return chosen or self.listing.under_cursor()

    def acted(self, outcome: Done) -> None:
        """Look at what was changed; nothing is selected any more."""
        self._select(set())
        super().acted(outcome)

    def pruned(self) -> None:
        """There is less on the disk now."""
        self.count_again()

    @on(LineList.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor; on a group's heading, show or hide its runs."""
        if self.listing.heading is not None:
            self.action_fold()
        elif self.listing.current is not None:
            self.dltui.open_run(self.listing.current.run)

    def action_select(self) -> None:
        """Select the run under the cursor, or its group, or not any more, and go on to the next."""
        ids = {row.run for row in self.listing.under_cursor()}
        if ids:
            selected = self.listing.selected
            self._select(selected - ids if ids <= selected else selected | ids)
            self.listing.action_move(1)

    def action_select_all(self) -> None:
        """Select all runs shown; none when all are."""
        every = {row.run for row in self._outcome.rows}
        self._select(set() if self.listing.selected >= every else every)

    def action_compare(self) -> None:
        """Lay the selected runs beside each other, in the order of the list."""
        rows = self.targets()
        if len(rows) < 2:
            self.notify("Select two runs or more with space, then compare them")
            return
        from tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen([row.run for row in rows]))
        self._select(set())  # what is done next is meant for the run under the cursor

    def action_report(self) -> None:
        """Write their journal page; nothing is selected any more."""
        super().action_report()
        self._select(set())
