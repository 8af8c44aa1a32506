"""What can be asked of a run from its screen: stop, resume, a checkpoint; of a checkpoint: start, score, delete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import work
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.errors import EngineError
from tui.run_store import RunSnapshot, RunStore

if TYPE_CHECKING:
    from engine.checkpoints import CheckpointInfo
    from tui.app import DltuiApp


class RequestsScreen(Screen[None]):
    """Base of the screen of a run: it asks once, refuses with the reason, and says what went wrong."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "stop", "stop", id="run.stop",
                tooltip="Stop the run after a checkpoint; while it is stopping, stop it at once"),
        Binding("c", "checkpoint", "checkpoint now", id="run.checkpoint", tooltip="Ask the worker to save one now"),
        Binding("r", "resume", "resume", id="run.resume", tooltip="Go on from its last checkpoint, or for longer"),
        Binding("B", "report", "page", show=False, id="run.report", tooltip="Write a journal page of this run"),
        Binding("exclamation_mark", "findings", "findings", id="run.findings", tooltip="All findings and warnings"),
    ]  # fmt: skip

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.store: RunStore
        """What reads the run."""
        self.snapshot: RunSnapshot
        """The newest moment."""
        self._asked_stop = False
        self._leaving = threading.Event()

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def look_again(self) -> None:
        """Look at the run now rather than at the next tick."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What makes no sense in this state has no key."""
        snapshot = getattr(self, "snapshot", None)
        if snapshot is None:
            return True
        if action == "checkpoint":
            return bool(snapshot.alive)
        if action == "stop":
            return not snapshot.ended
        if action == "resume":
            return bool(snapshot.ended)
        if action == "findings":
            return bool(snapshot.findings)
        return True

    def read_only(self) -> str:
        """Why nothing can be asked of the run; empty when it can."""
        return self.snapshot.read_only

    def complain(self, error: Exception) -> None:
        """Show an error with what can be done about it."""
        self.dltui.complain(error)

    def _refused(self) -> bool:
        """Whether the run can only be looked at; then it was said why."""
        reason = self.read_only()
        if reason:
            self.app.notify(reason, title="Read-only", severity="warning")
        return bool(reason)

    @work(thread=True, exit_on_error=False, group="action")
    def _act(self, act: Callable[[], object], done: str = "", after: Callable[[Any], None] | None = None) -> None:
        """Do something that may wait for the disk or another process; errors are said."""
        try:
            result = act()
        except EngineError as error:
            self.app.call_from_thread(self.complain, error)
        except OSError as error:
            self.app.call_from_thread(self.complain, EngineError(f"{error.filename or self.run_id}: {error.strerror}"))
        else:
            if done:
                self.app.call_from_thread(self.app.notify, done)
            if after is not None:
                self.app.call_from_thread(after, result)
        self.store.forget_checkpoints()
        self.look_again()

    def action_checkpoint(self) -> None:
        """Ask for a checkpoint now."""
        from engine.control import request_checkpoint

        if not self._refused():
            run = self.snapshot.run
            self._act(lambda: request_checkpoint(run), "Asked for a checkpoint; it is written after the step at hand")

    def action_stop(self) -> None:
        """Stop, once confirmed; while it is stopping, offer to stop at once."""
        from tui.screens.confirm import ConfirmScreen

        if self._refused():
            return
        if self.snapshot.status == "stopping" or self._asked_stop:
            question = f"Stop {self.run_id} at once?"
            words = (
                "It is stopping: it saves a checkpoint first. At once means that everything since the last one is lost."
            )
            self.app.push_screen(ConfirmScreen(question, words, yes="at once"), lambda yes: self._stop(yes, now=True))
            return
        words = "It saves a checkpoint first; r resumes it from there, and nothing is lost."
        if self.snapshot.status == "queued":
            words = "It has not begun; it leaves the queue."
        self.app.push_screen(
            ConfirmScreen(f"Stop {self.run_id}?", words, yes="stop"), lambda yes: self._stop(yes, now=False)
        )

    def _stop(self, yes: bool | None, *, now: bool) -> None:
        from engine.control import stop

        if yes:
            run, self._asked_stop = self.snapshot.run, True
            self._act(lambda: stop(run, now=now))

    def action_resume(self) -> None:
        """Go on with the run, once confirmed; a limit it has reached may be raised."""
        from tui.run_actions import reached_limit
        from tui.screens.confirm import ConfirmScreen, PromptScreen

        if self._refused():
            return
        limit = reached_limit(self.snapshot)
        if limit is None:
            words = "From its last checkpoint, with its own settings; the curves go on where they were."
            screen = ConfirmScreen(f"Resume {self.run_id}?", words, yes="resume")
            self.app.push_screen(screen, lambda yes: self._resume(()) if yes else None)
            return
        key, value = limit
        title = f"{self.run_id} reached {key} = {value:g}: go on up to"
        self.app.push_screen(PromptScreen(title, f"{2 * value:g}"), lambda text: self._resume_up_to(key, value, text))

    def _resume_up_to(self, key: str, value: float, text: str | None) -> None:
        if text is None:
            return
        if text == f"{value:g}":
            self.app.notify(
                f"{self.run_id} has reached {key} = {text} already: give a larger number", severity="warning"
            )
            return
        self._resume((f"{key}={text}",))

    def _resume(self, grow: tuple[str, ...]) -> None:
        from engine.resume import resume

        runs, run_id = self.dltui.store.runs, self.run_id
        self._act(lambda: resume(runs, run_id, grow), f"{run_id} goes on", lambda _: self.dltui.look_again())

    def action_findings(self) -> None:
        """List all findings and warnings."""
        from tui.screens.run_findings import FindingsScreen

        self.app.push_screen(FindingsScreen(self.snapshot))

    def action_report(self) -> None:
        """Write a journal page of this run."""
        from tui.journal import write_page

        write_page(self.dltui, [self.run_id])

    # checkpoints

    def launch_from(self, reference: str) -> None:
        """Open the launch dialog for a new run that goes on from a checkpoint."""
        from tui.run_actions import open_launch

        open_launch(self.dltui, self.snapshot, reference)

    def evaluate_checkpoint(self, reference: str) -> None:
        """Score a checkpoint by a process of its own; the result stands below the table."""
        from tui.run_actions import Evaluation, evaluate, split_to_score
        from tui.widgets.run_checkpoints import CheckpointsTab

        if self._refused():
            return
        if self.snapshot.alive:
            self.app.notify(f"{self.run_id} is training: evaluate it when it has ended", severity="warning")
            return
        outcome = self.query_one(CheckpointsTab).outcome
        split = split_to_score(self.snapshot)
        outcome.say(f"evaluating {reference} on the {split} split…")

        def after(result: Evaluation) -> None:
            outcome.say(result.words, bad=result.failed)

        root = self.dltui.store.runs.root
        self._act(lambda: evaluate(root, reference, self._leaving, split), after=after)

    def delete_checkpoint(self, info: CheckpointInfo) -> None:
        """Delete a checkpoint, once confirmed; the best and the last one are refused."""
        from engine.checkpoints import delete_checkpoint
        from tui.screens.confirm import ConfirmScreen
        from tui.text import size

        if self._refused():
            return
        kept = [alias for alias in ("best", "last") if alias in info.aliases]
        if kept:
            self.app.notify(f"{info.folder.name} is the {' and '.join(kept)} checkpoint: it stays", severity="warning")
            return
        paths, name = self.store.paths, info.folder.name

        def answered(yes: bool | None) -> None:
            if yes:
                self._act(lambda: delete_checkpoint(paths, name), f"{name} is deleted")

        words = f"Step {info.step:,} of {self.run_id}, {size(info.bytes)}. It cannot be brought back."
        self.app.push_screen(ConfirmScreen(f"Delete {name}?", words, yes="delete"), answered)
