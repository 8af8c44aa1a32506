"""Acting on one run or many, from whatever screen shows them: marks, notes, the trash and back, stopping."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual import work
from textual.screen import Screen

from tui import marking
from tui.marking import Done
from tui.undo import DONE, MANY, Step, finished, tell_errors, undo_last

if TYPE_CHECKING:
    from engine.rows import Row
    from engine.runs import RunsFolder
    from tui.app import DltuiApp

Action = Callable[[tuple[str, ...]], Done]
PART = 100
"""Runs that are changed before it is said again how far it is."""


def named(rows: list[Row]) -> str:
    """The runs in a title."""
    return rows[0].run if len(rows) == 1 else f"{len(rows):,} runs"


class ActingScreen(Screen[None]):
    """Base of the screens that show runs: its actions are for `targets()`."""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    @property
    def runs(self) -> RunsFolder:
        """The folder the runs are in."""
        return self.dltui.store.runs

    def targets(self) -> list[Row]:
        """The runs that an action is for now."""
        raise NotImplementedError

    def refused(self) -> bool:
        """Whether the runs can only be looked at; then it was said why."""
        return False

    def acted(self, outcome: Done) -> None:
        """What is to be done when runs were changed."""
        self.dltui.look_again()

    def trashed(self, outcome: Done) -> None:
        """What is to be done when runs were moved to the trash."""

    # changing runs, in a thread

    def change(
        self, done: str, rows: list[Row], action: Action, *, undo: Callable[[Done], Step | None] | None = None
    ) -> None:
        """Do something to runs; what was done is said, and what could not be done."""
        if rows and not self.refused():
            self.dltui.undo_stack.under_way += 1
            self._change(done, tuple(row.run for row in rows), action, undo)

    @work(thread=True, exit_on_error=False, group="change")
    def _change(
        self, done: str, ids: tuple[str, ...], action: Action, undo: Callable[[Done], Step | None] | None
    ) -> None:
        try:
            outcome = self._in_parts(done, ids, action)
            step = undo(outcome) if undo is not None and outcome.ids else None
        except BaseException:
            self.app.call_from_thread(finished, self.dltui)
            raise
        self.app.call_from_thread(self._changed, done, outcome, step)

    def _in_parts(self, done: str, ids: tuple[str, ...], action: Action) -> Done:
        """Do it to many runs a part at a time, and say how far it is."""
        if len(ids) < MANY:
            return action(ids)
        outcome, told = Done(()), 0.0
        for at in range(0, len(ids), PART):
            if time.monotonic() - told > 1:
                told = time.monotonic()
                then = "; then it is taken back" if self.dltui.undo_stack.waiting else ""
                words = f"{at:,} of {len(ids):,} runs {done} …{then}"
                self.app.call_from_thread(self.dltui.notify, words, topic=DONE, timeout=60)
            outcome += action(ids[at : at + PART])
        return outcome

    def _changed(self, done: str, outcome: Done, step: Step | None) -> None:
        if outcome.ids:
            self.dltui.notify(f"{outcome.what} {done}", topic=DONE)
        if step is not None:
            self.dltui.undo_stack.push(step)
        tell_errors(self.dltui, outcome)
        self.acted(outcome)
        finished(self.dltui)

    # marks

    def _mark_all(self, done: str, undone: str, rows: list[Row], action: Action) -> None:
        runs = self.runs

        def undo(outcome: Done) -> Step:
            return Step(undone, partial(marking.undo_marks, runs, outcome.changes), len(outcome.ids))

        self.change(done, rows, action, undo=undo)

    def action_star(self) -> None:
        """Star the runs, or take the star when all have one."""
        rows = self.targets()
        star = not all(row.star for row in rows)
        done, undone = _turned(star, "starred", "not starred any more")
        self._mark_all(done, undone, rows, lambda ids: marking.set_star(self.runs, ids, star))

    def action_archive(self) -> None:
        """Archive the runs; bring them back into the list when all are."""
        rows = self.targets()
        archived = not all(row.archived for row in rows)
        done, undone = _turned(archived, "archived", "back in the list")
        self._mark_all(done, undone, rows, lambda ids: marking.set_archived(self.runs, ids, archived))

    def action_tag(self) -> None:
        """Ask for tags to add, or to take away."""
        rows = self.targets()
        if rows:
            known = ", ".join(rows[0].tags)
            self._ask(
                f"Tags of {named(rows)}",
                partial(self._tag, rows),
                placeholder=f"has {known}; -{rows[0].tags[0]} takes one away" if known else "paper baseline",
            )

    def _tag(self, rows: list[Row], text: str) -> None:
        done, undone = "tagged", "with the tags of before"
        self._mark_all(done, undone, rows, lambda ids: marking.change_tags(self.runs, ids, text))

    def action_rename(self) -> None:
        """Ask for a name; an empty one takes it away."""
        rows = self.targets()
        if rows:
            self._ask(
                f"Name of {named(rows)}",
                partial(self._rename, rows),
                value=rows[0].name,
                empty=True,
            )

    def _rename(self, rows: list[Row], text: str) -> None:
        done, undone = "named" if text else "without a name", "with the name of before"
        self._mark_all(done, undone, rows, lambda ids: marking.set_name(self.runs, ids, text))

    def action_note(self) -> None:
        """Ask for a line, and append it to the notes of the runs."""
        rows = self.targets()
        if rows:
            self._ask(
                f"Add to the notes of {named(rows)}",
                partial(self._note, rows),
                placeholder="a line for notes.md",
            )

    def _note(self, rows: list[Row], text: str) -> None:
        runs = self.runs

        def undo(outcome: Done) -> Step:
            return Step("without the note", partial(marking.undo_notes, runs, outcome.notes), len(outcome.ids))

        self.change("noted", rows, lambda ids: marking.add_note(runs, ids, text), undo=undo)

    def _ask(
        self,
        title: str,
        then: Callable[[str], Any],
        *,
        value: str = "",
        placeholder: str = "",
        empty: bool = False,
        problem: Callable[[str], str] | None = None,
    ) -> None:
        from tui.screens.confirm import PromptScreen

        def answered(text: str | None) -> None:
            if text is not None and (text or empty):
                then(text)

        if not self.refused():
            self.app.push_screen(PromptScreen(title, value, placeholder=placeholder, problem=problem), answered)

    def action_mark(self) -> None:
        """Choose how to mark the runs."""
        from tui.screens.confirm import Choice, ChoiceScreen

        rows = self.targets()
        if not rows:
            return
        acts: dict[str, tuple[Choice, Callable[[], Any]]] = {
            "star": (Choice("star", "star", "*", "protects from the trash and from pruning"), self.action_star),
            "tag": (Choice("tag", "tag", "t", "-tag takes one away"), self.action_tag),
            "name": (Choice("name", "name", "n"), self.action_rename),
            "note": (Choice("note", "note", "w", "a line more in notes.md"), self.action_note),
            "archive": (Choice("archive", "archive", "a", "out of the list, and back"), self.action_archive),
        }
        choices = [choice for choice, _ in acts.values()]
        self.app.push_screen(
            ChoiceScreen(f"Mark {named(rows)}", choices), lambda value: acts[value][1]() if value else None
        )

    # trash and back

    def action_trash(self) -> None:
        """Move the runs to the trash; several only after asking."""
        rows = self.targets()
        if len(rows) == 1 and not self.ask_before_trash:
            self._trash(rows)
        elif rows and not self.refused():
            from tui.screens.confirm import ConfirmScreen

            starred, live = sum(row.star for row in rows), sum(row.live or row.state == "queued" for row in rows)
            stay = [f"{starred} starred"] * bool(starred) + [f"{live} not ended"] * bool(live)
            words = f"{self.dltui.key('runs.undo', 'u')} brings {_them(rows)} back, and so does `engine restore`."
            if len(rows) > 1 and stay:
                words += f"\nOf these, {' and '.join(stay)} will stay."
            question = ConfirmScreen(f"Move {named(rows)} to the trash?", words, yes="to the trash")
            self.app.push_screen(question, lambda yes: self._trash(rows) if yes else None)

    ask_before_trash = False
    """Whether a single run is moved only after asking, too."""

    def _trash(self, rows: list[Row]) -> None:
        runs, key = self.runs, self.dltui.key("runs.undo", "u")

        def action(ids: tuple[str, ...]) -> Done:
            outcome = marking.trash(runs, ids)
            if outcome.ids:
                self.app.call_from_thread(self.trashed, outcome)
            return outcome

        def undo(outcome: Done) -> Step:
            return Step("back from the trash", partial(marking.restore, runs, outcome.ids), len(outcome.ids))

        self.change(f"in the trash; {key} brings {_them(rows)} back", rows, action, undo=undo)

    def action_undo(self) -> None:
        """Take the last change to runs back; with none left, offer what is in the trash."""
        undo_last(self.dltui)

    # stopping

    def action_stop(self) -> None:
        """Ask, then have the live runs among the targets save a checkpoint and stop."""
        rows = [row for row in self.targets() if row.live or row.state == "queued"]
        if not rows:
            self.notify("There is nothing to stop: it does not run", severity="warning")
            return
        from tui.screens.confirm import ConfirmScreen

        each = "It saves" if len(rows) == 1 else "Each saves"
        words = f"{each} a checkpoint first, and can be resumed from there."
        question = ConfirmScreen(f"Stop {named(rows)}?", words, yes="stop")

        def answered(yes: bool | None) -> None:
            if yes:
                self.change("asked to stop", rows, lambda ids: marking.stop(self.runs, ids))

        self.app.push_screen(question, answered)


def _them(rows: list[Row]) -> str:
    return "it" if len(rows) == 1 else "them"


def _turned(on: bool, words: str, opposite: str) -> tuple[str, str]:
    """What is done, and what taking it back comes to."""
    return (words, opposite) if on else (opposite, words)
