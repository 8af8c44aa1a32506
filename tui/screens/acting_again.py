"""Acting on runs, continued: running them again, going on with them, and all actions as keys and as a menu."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.binding import Binding

from engine.errors import EngineError
from tui import marking
from tui.screens.acting import named
from tui.screens.acting_files import ActingOnFiles

if TYPE_CHECKING:
    from engine.rows import Row
    from engine.run import Run
    from tui.launching import Order
    from tui.screens.confirm import Choice


def acting_keys(scope: str, *, trash: str, tag: str, note: str, shown: bool) -> list[Binding]:
    """The keys of all that can be done with runs, with ids such as `runs.rerun`; nearly the same on every screen.

    Args:
        scope: what the ids begin with.
        trash: the keys that move to the trash.
        tag: the key that asks for tags.
        note: the key that asks for a note.
        shown: whether trash and undo stand in the footer.
    """

    def key(keys: str, action: str, words: str, tooltip: str, *, show: bool = False) -> Binding:
        return Binding(keys, action, words, show=show, id=f"{scope}.{action}", tooltip=tooltip)

    return [
        key("colon", "actions", "actions", "All that can be done with these runs", show=True),
        key(trash, "trash", "trash", "Move to the trash; starred and live runs stay", show=shown),
        key("u", "undo", "undo",
            "Take the last change back: trash, star, tags, name, note; or bring back from the trash", show=shown),
        key("R", "rerun", "run again", "Run again exactly: same settings, seed and data; choose the device"),
        key("D", "duplicate", "duplicate", "Change its settings and launch, or write them as a new experiment"),
        key("asterisk", "star", "star", "Star, which also protects from the trash and from pruning"),
        key(tag, "tag", "tag", "Add tags; -tag takes one away"),
        key("N", "rename", "rename", "Give the run a name, or take it away"),
        key(note, "note", "note", "Add a line to notes.md"),
        key("y", "copy", "copy", "Copy id, command or folder to the clipboard"),
        key("F", "folder", "folder", "Open the run's folder in a shell, or as settings.json says"),
        key("P", "prune", "prune", "Delete checkpoints, all but the best; says first how much that frees"),
    ]  # fmt: skip


class AgainScreen(ActingOnFiles):
    """Base of the screens that show runs, with all their actions."""

    # everything, as a list

    def action_actions(self) -> None:
        """Choose from all that can be done with the runs."""
        from tui.screens.confirm import ChoiceScreen

        rows = self.targets()
        if rows:
            acts = self._all_actions(rows)
            self.app.push_screen(
                ChoiceScreen(named(rows), [choice for choice, _ in acts]),
                lambda value: next(act for choice, act in acts if choice.value == value)() if value else None,
            )

    def _all_actions(self, rows: list[Row]) -> list[tuple[Choice, Callable[[], Any]]]:
        from tui.screens.confirm import Choice

        ended, one = [row for row in rows if not row.live and row.state != "queued"], len(rows) == 1
        undo = self.dltui.key("runs.undo", "u")
        star = "take the star" if all(row.star for row in rows) else "star"
        archive = "back into the list" if all(row.archived for row in rows) else "archive"
        found: list[tuple[Choice, Callable[[], Any]]] = [
            (Choice("rerun", "run again", "R", "same settings, seed, data"), self.action_rerun),
        ]
        if one:
            duplicate = Choice("duplicate", "duplicate and edit", "D", "launch, or new experiment")
            found.append((duplicate, self.action_duplicate))
        if ended:
            found.append((Choice("resume", "resume", "r", "from a checkpoint"), self.action_resume))
        if len(ended) < len(rows):
            found.append((Choice("stop", "stop", "S", "after a checkpoint"), self.action_stop))
        found += [
            (Choice("star", star, "*", "protects"), self.action_star),
            (Choice("tag", "tag", "t"), self.action_tag),
            (Choice("rename", "rename", "N"), self.action_rename),
            (Choice("note", "add a note", "w", "to notes.md"), self.action_note),
        ]
        if one:
            found.append((Choice("edit", "edit notes.md", "e", "in $EDITOR"), self.action_edit_notes))
        found += [
            (Choice("archive", archive, "a", "out of the list"), self.action_archive),
            (Choice("report", "journal page", "B", "J shows it"), self.action_report),
            (Choice("copy", "copy", "y", "id, command, folder"), self.action_copy),
        ]
        if one:
            found.append((Choice("folder", "open folder", "F"), self.action_folder))
        if ended:
            found.append((Choice("prune", "prune checkpoints", "P", "says first what it frees"), self.action_prune))
            found.append((Choice("trash", "trash", "d", f"{undo} brings it back"), self.action_trash))
        return found

    def without_a_key(self) -> list[tuple[str, Callable[[], Any], str]]:
        """What the palette offers besides the keys: its name, what it does, a line of help."""
        return [
            ("Archive", self.action_archive, "Take the runs out of the list, or bring them back into it"),
            ("Edit notes.md", self.action_edit_notes, "Open the run's notes in $EDITOR"),
        ]

    def action_report(self) -> None:
        """Write the journal page of the runs, the oldest as the one that the others are measured against."""
        from tui.journal import write_page

        write_page(self.dltui, sorted((row.run for row in self.targets()), key=lambda run: int(run[1:])))

    # once more

    def action_rerun(self) -> None:
        """Open the launch dialog to run a run again; several runs ask for the device alone."""
        rows = self.targets()
        if len(rows) > 1:
            self._rerun_many(rows)
        elif (run := self._one("run again")) is not None:
            from tui.launching import rerun_order

            try:
                self._show_launch(rerun_order(run))
            except EngineError as error:
                self.dltui.complain(error)

    def _show_launch(self, order: Order) -> None:
        from tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(order.experiment, order=order))

    def _rerun_many(self, rows: list[Row]) -> None:
        from tui.screens.confirm import Choice, ChoiceScreen

        devices = [device for device in self.dltui.snapshot.devices if device.free]
        choices = [Choice("", "as they ran", "", "the kind of device each had")]
        choices += [Choice(device.name, device.name, hint=device.title) for device in devices]
        title = f"Run {len(rows)} runs again, one after another"

        def chosen(device: str | None) -> None:
            if device is not None:
                self._begin_many([row.run for row in rows], device)

        self.app.push_screen(ChoiceScreen(title, choices), chosen)

    @work(thread=True, exit_on_error=False, group="launch")
    def _begin_many(self, ids: list[str], device: str) -> None:
        from tui.launching import rerun_in_order

        try:
            words = rerun_in_order(self.dltui.store, ids, device)
        except EngineError as error:
            self.app.call_from_thread(self.dltui.complain, error)
        else:
            self.app.call_from_thread(self.notify, words)
        self.dltui.look_again()

    def action_duplicate(self) -> None:
        """Take a run's settings as changes into the launch dialog, or as a new experiment into the file."""
        from tui.screens.confirm import Choice, ChoiceScreen

        run = self._one("duplicate")
        if run is None:
            return
        choices = [
            Choice("launch", "change and launch", "l", "its settings stand as changes"),
            Choice("write", "write as an experiment", "e", "into experiments.toml, and edit"),
        ]

        def chosen(value: str | None) -> None:
            if value == "launch":
                self._launch_like(run)
            elif value == "write":
                self._name_experiment(run)

        self.app.push_screen(ChoiceScreen(f"Duplicate {run.id}", choices), chosen)

    @work(thread=True, exclusive=True, exit_on_error=False, group="duplicate")
    def _launch_like(self, run: Run) -> None:
        from tui.launching import order_like

        try:
            order = order_like(self.dltui.store, run)
        except EngineError as error:
            self.app.call_from_thread(self.dltui.complain, error)
        else:
            self.app.call_from_thread(self._show_launch, order)

    def _name_experiment(self, run: Run) -> None:
        from engine.duplicate import free_name, name_problem

        file = self.dltui.snapshot.file
        if file is None:
            self.notify("experiments.toml cannot be read; mend it first", severity="error")
            return
        name = free_name(file, run.info.experiment)
        title = f"Name of the new experiment like {run.id}"
        self._ask(title, partial(self._write_experiment, run), value=name, problem=partial(name_problem, file))

    @work(thread=True, exclusive=True, exit_on_error=False, group="duplicate")
    def _write_experiment(self, run: Run, name: str) -> None:
        from engine.duplicate import duplicate

        store, file = self.dltui.store, self.dltui.snapshot.file
        assert file is not None
        try:
            path = duplicate(file, run, name, store.cwd)
        except EngineError as error:
            self.app.call_from_thread(self.dltui.complain, error)
            return
        store.refresh_file(force=True)
        self.app.call_from_thread(self._edit_experiment, name, path)

    def _edit_experiment(self, name: str, path: Path) -> None:
        from tui.editing import edit_experiments

        self.notify(f"{name} stands at the end of {path.name}")
        try:
            edit_experiments(self.dltui, name)
        except EngineError as error:
            self.dltui.complain(error)
        self.dltui.look_again()

    # going on

    def action_resume(self) -> None:
        """Choose the checkpoint to go on from; several runs each go on from their last one."""
        rows = [row for row in self.targets() if not row.live and row.state != "queued"]
        if len(rows) > 1:
            self._resume_many(rows)
        elif (run := self._one("resume")) is not None and not self.refused():
            from tui.screens.resuming import ask_how

            ask_how(self, run)

    def _resume_many(self, rows: list[Row]) -> None:
        from tui.screens.confirm import ConfirmScreen

        words = "Each from its last checkpoint, with its own settings; where a device is busy, that is said."
        question = ConfirmScreen(f"Resume {len(rows)} runs?", words, yes="resume")

        def answered(yes: bool | None) -> None:
            if yes:
                self.change("going on", rows, lambda ids: marking.resume(self.runs, ids))

        self.app.push_screen(question, answered)
