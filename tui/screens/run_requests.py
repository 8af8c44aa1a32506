"""What can be asked of a run from its screen: stop, resume, a checkpoint; of a checkpoint: start, score, delete."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType

from engine.errors import EngineError
from engine.rows import Row
from tui.marking import Done
from tui.run_store import RunSnapshot, RunStore
from tui.screens.acting_again import AgainScreen, acting_keys

if TYPE_CHECKING:
    from engine.checkpoints import CheckpointInfo


class RequestsScreen(AgainScreen):
    """Base of the screen of a run: it asks once, refuses with the reason, and says what went wrong."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("S", "stop", "stop", id="run.stop",
                tooltip="Stop the run after a checkpoint; while it is stopping, stop it at once"),
        Binding("c", "checkpoint", "checkpoint now", id="run.checkpoint", tooltip="Ask the worker to save one now"),
        Binding("r", "resume", "resume", id="run.resume",
                tooltip="Go on from its last checkpoint, or for longer; or start anew from the best or another"),
        Binding("B", "report", "page", show=False, id="run.report", tooltip="Write a journal page of this run"),
        Binding("exclamation_mark", "findings", "findings", id="run.findings", tooltip="All findings and warnings"),
        *acting_keys("run", trash="delete", tag="T", note="W", shown=False),
    ]  # fmt: skip
    ask_before_trash = True

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.store: RunStore
        """What reads the run."""
        self.snapshot: RunSnapshot
        """The newest moment."""
        self._asked_stop = False
        self._leaving = threading.Event()

    def targets(self) -> list[Row]:
        """The run, as lists show it."""
        from engine.rows import make_row

        return [make_row(self.snapshot.run)]

    def acted(self, outcome: Done) -> None:
        """Look again at the run, and at all runs."""
        self.store.forget_checkpoints()
        self.look_again()
        super().acted(outcome)

    def trashed(self, outcome: Done) -> None:
        """There is nothing left to look at."""
        self.call_later(self.dltui.action_back)

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
        if action in ("prune", "trash"):
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

    def refused(self) -> bool:
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

        if not self.refused():
            run = self.snapshot.run
            self._act(lambda: request_checkpoint(run), "Asked for a checkpoint; it is written after the step at hand")

    def action_stop(self) -> None:
        """Stop, once confirmed; while it is stopping, offer to stop at once."""
        from tui.screens.confirm import ConfirmScreen

        if self.refused():
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

    def action_findings(self) -> None:
        """List all findings and warnings."""
        from tui.screens.run_findings import FindingsScreen

        self.app.push_screen(FindingsScreen(self.snapshot))

    # checkpoints

    def launch_from(self, reference: str) -> None:
        """Open the launch dialog for a new run that goes on from a checkpoint."""
        from tui.run_actions import open_launch

        open_launch(self.dltui, self.snapshot, reference)

    def evaluate_checkpoint(self, reference: str) -> None:
        """Score a checkpoint by a process of its own; the result stands below the table."""
        from tui.run_actions import Evaluation, evaluate, split_to_score
        from tui.widgets.run_checkpoints import CheckpointsTab

        if self.refused():
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

        if self.refused():
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
