"""Acting on runs, continued: copying what they are, opening their folders and notes, pruning their checkpoints."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from textual import work

from engine.errors import EngineError
from tui import marking
from tui.screens.acting import ActingScreen, named
from tui.undo import DONE, tell_errors

if TYPE_CHECKING:
    from engine.rows import Row
    from engine.run import Run
    from tui.marking import Done


class ActingOnFiles(ActingScreen):
    """Base of the screens that show runs, with what concerns their files."""

    def _one(self, what: str) -> Run | None:
        """The run, where one alone is meant; else it was said."""
        rows = self.targets()
        if len(rows) > 1:
            self.notify(f"{what} one run at a time", severity="warning")
        if len(rows) != 1:
            return None
        try:
            return self.runs.find(rows[0].run)
        except EngineError as error:
            self.dltui.complain(error)
            return None

    # copying, opening

    def action_copy(self) -> None:
        """Choose what of the runs to put into the clipboard."""
        from tui.screens.confirm import Choice, ChoiceScreen

        rows = self.targets()
        if not rows:
            return
        choices = [
            Choice("id", "id", "i", " ".join(row.run for row in rows[:6])),
            Choice("command", "command", "c", "what launched it"),
            Choice("again", "command to run it again", "r", f"engine rerun {rows[0].run}"),
            Choice("folder", "folder", "f"),
        ]

        def chosen(what: str | None) -> None:
            if what is not None:
                self.dltui.copy(self._copied(what, rows), f"{what if what != 'again' else 'command'} of {named(rows)}")

        self.app.push_screen(ChoiceScreen(f"Copy of {named(rows)}", choices), chosen)

    def _copied(self, what: str, rows: list[Row]) -> str:
        if what == "id":
            return " ".join(row.run for row in rows)
        if what == "again":
            from engine.rerun import command_line

            return "\n".join(command_line(row.run) for row in rows)
        paths = [self.runs.paths(row.run) for row in rows]
        if what == "folder":
            return "\n".join(str(path.folder.absolute()) for path in paths)
        from engine.run import load_run

        return "\n".join(shlex.join(load_run(path).info.argv) for path in paths)

    def action_folder(self) -> None:
        """Open the run's folder in a shell, or as the settings say."""
        if (run := self._one("open the folder of")) is not None:
            from tui.editing import open_folder

            try:
                open_folder(self.dltui, run.paths.folder)
            except EngineError as error:
                self.dltui.complain(error)
            self.dltui.look_again()

    def action_edit_notes(self) -> None:
        """Give the terminal to the person's editor, with the run's notes."""
        if self.refused() or (run := self._one("edit the notes of")) is None:
            return
        from tui.editing import editor, run_editor

        try:
            run_editor(self.dltui, editor(), run.paths.notes)
        except EngineError as error:
            self.dltui.complain(error)
        self.dltui.look_again()

    # space

    def action_prune(self) -> None:
        """Look what pruning would free, then ask."""
        rows = self.targets()
        if rows and not self.refused():
            self._plan_pruning(rows)

    @work(thread=True, exclusive=True, exit_on_error=False, group="prune")
    def _plan_pruning(self, rows: list[Row]) -> None:
        from engine.pruning import check_prunable, plan

        errors: list[EngineError] = []
        some = best = count = 0
        for row in rows:
            try:
                run = self.runs.find(row.run)
                check_prunable(run)
            except EngineError as error:
                errors.append(error)
                continue
            few, all_but_best = plan(run), plan(run, only_best=True)
            some, best, count = some + few.bytes, best + all_but_best.bytes, count + len(all_but_best.deleted)
        self.app.call_from_thread(self._ask_pruning, rows, (some, best, count), errors)

    def _ask_pruning(self, rows: list[Row], freed: tuple[int, int, int], errors: list[EngineError]) -> None:
        from tui.screens.confirm import Choice, ChoiceScreen
        from tui.text import size

        some, best, count = freed
        if not count:
            tell_errors(self.dltui, marking.Done((), tuple(errors)))
            if not errors:
                self.notify(f"{named(rows)}: there is no checkpoint beside the best one")
            return
        choices = [Choice("some", "keep best and last", "l", f"frees {size(some)} for good")] if some else []
        choices.append(Choice("best", "keep the best alone", "b", f"frees {size(best)} for good"))
        stay = f", {len(errors)} protected" if errors else ""
        title = f"Prune checkpoints of {named(rows)}{stay}"

        def chosen(value: str | None) -> None:
            if value is not None:
                self._prune([row.run for row in rows], value == "best")

        self.app.push_screen(ChoiceScreen(title, choices), chosen)

    @work(thread=True, exit_on_error=False, group="prune")
    def _prune(self, ids: list[str], only_best: bool) -> None:
        outcome, freed = marking.prune(self.runs, ids, only_best=only_best)
        self.app.call_from_thread(self._pruned, outcome, freed)

    def _pruned(self, outcome: Done, freed: int) -> None:
        from tui.text import size

        if outcome.ids:
            self.dltui.notify(f"{outcome.what} pruned: {size(freed)} freed", topic=DONE)
        tell_errors(self.dltui, outcome)
        self.acted(outcome)
        self.pruned()

    def pruned(self) -> None:
        """What is to be done when checkpoints were deleted."""
