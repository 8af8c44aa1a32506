"""Runs: every run ever, newest first; filter, sort, mark, open."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from engine.rows import Row
from engine.runs import RunsFolder
from tui import marking
from tui.marking import Done
from tui.screens.runs_viewed import ViewedRuns
from tui.widgets.line_list import LineList


class RunsScreen(ViewedRuns):
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
        Binding("s", "sort", "sort", id="runs.sort", tooltip="Choose what to sort by, first, then second"),
        Binding("C", "columns", "columns", id="runs.columns", tooltip="Choose, order and resize the columns"),
        Binding(
            "b", "group", "group", id="runs.group", tooltip="Gather the runs by a setting, experiment, state or tag"
        ),
        Binding("v", "views", "views", id="runs.views", tooltip="Switch to a saved view, save this one, delete one"),
        Binding("m", "mark", "mark", id="runs.mark", tooltip="Star, tag, name or archive"),
        Binding("space", "select", "select", id="runs.select", tooltip="Select this run too, for the next action"),
        Binding("c", "compare", "compare", id="runs.compare", tooltip="Lay the selected runs beside each other"),
        Binding("d,delete", "trash", "trash", id="runs.trash", tooltip="Move to the trash; starred and live runs stay"),
        Binding("u", "undo", "undo", id="runs.undo", tooltip="Bring back what was last moved to the trash"),
        Binding("S", "stop", "stop", id="runs.stop", tooltip="Have the run save a checkpoint and stop"),
        Binding(
            "asterisk", "star", "Star", show=False, id="runs.star", tooltip="Star, which also protects from the trash"
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

    def __init__(self) -> None:
        super().__init__()
        self._trashed: list[tuple[str, ...]] = []

    def _targets(self) -> list[Row]:
        """The selected runs, else the one under the cursor, or those of the group whose heading it is on."""
        chosen = [row for row in self._outcome.rows if row.run in self.listing.selected]
        return chosen or self.listing.under_cursor()

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
        rows = self._targets()
        if len(rows) < 2:
            self.notify("Select two runs or more with space, then compare them")
            return
        from tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen([row.run for row in rows]))

    def action_star(self) -> None:
        """Star the runs, or take the star when all have one."""
        rows = self._targets()
        star = not all(row.star for row in rows)
        self._act(
            "starred" if star else "not starred any more", rows, lambda ids: marking.set_star(self._runs, ids, star)
        )

    def action_mark(self) -> None:
        """Choose how to mark the runs."""
        from tui.screens.confirm import Choice, ChoiceScreen

        rows = self._targets()
        if not rows:
            return
        what = rows[0].run if len(rows) == 1 else f"{len(rows)} runs"
        choices = [
            Choice("star", "star", "*", "protects from the trash"),
            Choice("tag", "tag", "t", "-tag takes one away"),
            Choice("name", "name", "n"),
            Choice("archive", "archive", "a", "out of the list; A shows archived ones"),
        ]
        self.app.push_screen(ChoiceScreen(f"Mark {what}", choices), lambda value: self._mark(value, rows))

    def _mark(self, value: str | None, rows: list[Row]) -> None:
        from tui.screens.confirm import PromptScreen

        if value == "star":
            self.action_star()
        elif value == "archive":
            archived = not all(row.archived for row in rows)
            done = "archived" if archived else "back in the list"
            self._act(done, rows, lambda ids: marking.set_archived(self._runs, ids, archived))
        elif value == "tag":
            known = ", ".join(rows[0].tags)
            prompt = PromptScreen("Tags", placeholder=f"has {known}" if known else "paper baseline")
            self._ask(
                prompt, lambda text: self._act("tagged", rows, lambda ids: marking.change_tags(self._runs, ids, text))
            )
        elif value == "name":
            prompt = PromptScreen("Name", rows[0].name)
            self._ask(
                prompt,
                lambda text: self._act("named", rows, lambda ids: marking.set_name(self._runs, ids, text)),
                empty=True,
            )

    def _ask(self, prompt: object, then: Callable[[str], None], *, empty: bool = False) -> None:
        from tui.screens.confirm import PromptScreen

        assert isinstance(prompt, PromptScreen)

        def answered(text: str | None) -> None:
            if text is not None and (text or empty):
                then(text)

        self.app.push_screen(prompt, answered)

    def action_trash(self) -> None:
        """Move the runs to the trash; several only after asking."""
        rows = self._targets()
        if len(rows) == 1:
            self._trash(rows)
        elif rows:
            from tui.screens.confirm import ConfirmScreen

            starred = sum(row.star for row in rows)
            stay = f"\n{starred} of them are starred and stay." if starred else ""
            question = ConfirmScreen(
                f"Move {len(rows)} runs to the trash?",
                f"u brings them back, and so does `engine restore`.{stay}",
                yes="to the trash",
            )
            self.app.push_screen(question, lambda yes: self._trash(rows) if yes else None)

    def _trash(self, rows: list[Row]) -> None:
        self._act("in the trash; u brings it back", rows, lambda ids: marking.trash(self._runs, ids), trashed=True)

    def action_undo(self) -> None:
        """Bring back what was last moved to the trash."""
        if not self._trashed:
            self.notify("Nothing was moved to the trash here")
            return
        ids = self._trashed.pop()
        self._do("back from the trash", ids, lambda ids: marking.restore(self._runs, ids), False)

    def action_stop(self) -> None:
        """Ask, then have the live runs among the targets save a checkpoint and stop."""
        rows = [row for row in self._targets() if row.live or row.state == "queued"]
        if not rows:
            self.notify("It does not run")
            return
        from tui.screens.confirm import ConfirmScreen

        what = rows[0].run if len(rows) == 1 else f"{len(rows)} runs"
        question = ConfirmScreen(
            f"Stop {what}?", "It saves a checkpoint first, and can be resumed from there.", yes="stop"
        )

        def answered(yes: bool | None) -> None:
            if yes:
                self._act("asked to stop", rows, lambda ids: marking.stop(self._runs, ids))

        self.app.push_screen(question, answered)

    @property
    def _runs(self) -> RunsFolder:
        return self.dltui.store.runs

    def _act(
        self, done: str, rows: list[Row], action: Callable[[tuple[str, ...]], Done], *, trashed: bool = False
    ) -> None:
        if rows:
            self._do(done, tuple(row.run for row in rows), action, trashed)

    @work(thread=True, exit_on_error=False, group="act")
    def _do(self, done: str, ids: tuple[str, ...], action: Callable[[tuple[str, ...]], Done], trashed: bool) -> None:
        outcome = action(ids)
        self.app.call_from_thread(self._did, done, outcome, trashed)

    def _did(self, done: str, outcome: Done, trashed: bool) -> None:
        if outcome.ids:
            self.notify(f"{outcome.what} {done}")
            if trashed:
                self._trashed.append(outcome.ids)
        for error in outcome.errors[:3]:
            self.dltui.complain(error)
        if len(outcome.errors) > 3:
            self.notify(f"and {len(outcome.errors) - 3} more could not be changed", severity="error")
        self._select(set())
        self.dltui.look_again()
