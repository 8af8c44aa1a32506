"""One run, live: its head, its tabs, its newest finding; what can be asked of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import Screen
from textual.worker import WorkerState

from engine.errors import EngineError
from tui.run_store import RunSnapshot, RunStore, Wants
from tui.widgets.footer import Footer
from tui.widgets.run_header import FindingLine, RunHead, TabLine

if TYPE_CHECKING:
    from textual.worker import Worker

    from engine.checkpoints import CheckpointInfo
    from tui.app import DltuiApp
    from tui.widgets.run_tab import RunTab

TITLES = ("Curves", "Data", "Evaluation", "Checkpoints", "Model", "Log", "Settings", "Notes")


class RunRead(Message):
    """There is a new snapshot of the run."""

    def __init__(self, snapshot: RunSnapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, RunRead)


def make_tab(title: str) -> RunTab:
    """The tab of a title; its module is imported only now."""
    if title == "Curves":
        from tui.widgets.run_curves import CurvesTab

        return CurvesTab()
    if title == "Data":
        from tui.widgets.run_data import DataTab

        return DataTab()
    if title == "Evaluation":
        from tui.widgets.run_evaluation import EvaluationTab

        return EvaluationTab()
    if title == "Checkpoints":
        from tui.widgets.run_checkpoints import CheckpointsTab

        return CheckpointsTab()
    if title == "Model":
        from tui.widgets.run_model import ModelTab

        return ModelTab()
    if title == "Log":
        from tui.widgets.run_log_tab import LogTab

        return LogTab()
    if title == "Settings":
        from tui.widgets.run_settings import SettingsTab

        return SettingsTab()
    from tui.widgets.run_notes import NotesTab

    return NotesTab()


class RunScreen(Screen[None]):
    """The screen of one run."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-tall"), (26, "-roomy")]  # noqa: RUF012
    WIDGET_KEYS_FIRST = True
    """The footer shows the keys of the tab before those of the run."""
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "checkpoint", "checkpoint now", id="run.checkpoint", tooltip="Ask the worker to save one now"),
        Binding("S", "stop", "stop", id="run.stop",
                tooltip="Stop the run after a checkpoint; while it is stopping, stop it at once"),
        Binding("r", "resume", "resume", id="run.resume", tooltip="Go on from its last checkpoint, or for longer"),
        Binding("exclamation_mark", "findings", "findings", id="run.findings", tooltip="All findings and warnings"),
        Binding("right,l,tab", "turn(1)", "next tab", show=False, id="run.next", tooltip="The next tab"),
        Binding("left,h,shift+tab", "turn(-1)", "previous tab", show=False, id="run.previous", tooltip="The last tab"),
        *(
            Binding(str(at + 1), f"tab({at})", title, show=False, id=f"run.tab-{at + 1}", tooltip=f"Show {title}")
            for at, title in enumerate(TITLES)
        ),
        Binding("escape,backspace", "leave", "back", show=False, id="run.back", tooltip="Go back to the list"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    RunScreen #tabs { height: 1fr; background: $background; }
    RunScreen.-roomy RunTab { padding: 1 0 0 0; }
    RunScreen.-roomy CurvesTab { padding: 0; }
    """

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id
        self.store: RunStore
        """What reads the run."""
        self.snapshot: RunSnapshot
        """The newest moment."""
        self._tabs: dict[str, RunTab] = {}
        self._active = 0
        self._wants = Wants()
        self._leaving = threading.Event()
        self._wake = threading.Event()
        self._asleep = False
        self._asked_stop = False
        self._keys: object = None

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    # what it is made of

    def compose(self) -> ComposeResult:
        """Head, tabs, the newest finding, keys."""
        self.store = RunStore(self.dltui.store.runs.paths(self.run_id))
        self.snapshot = self.store.first_look()
        self.head, self.tab_line, self.finding = RunHead(), TabLine(TITLES), FindingLine()
        yield self.head
        yield self.tab_line
        yield Container(id="tabs")
        yield self.finding
        yield Footer()

    def on_mount(self) -> None:
        self.head.show(self.snapshot)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        await self.show_tab(0)
        self.watch_run()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()

    def on_screen_suspend(self) -> None:
        """Nobody looks: read no more."""
        self._asleep = True

    def on_screen_resume(self) -> None:
        """Go on reading."""
        self._asleep = False
        self.look_again()

    # the thread that reads

    @work(thread=True, exclusive=True, exit_on_error=False, group="run")
    def watch_run(self) -> None:
        """Look at the folder about three times a second, once a second when the run has ended."""
        while not self._leaving.is_set():
            if not self._asleep:
                snapshot = self.store.tick(self._wants)
                if snapshot is not None and not self._leaving.is_set():
                    self.post_message(RunRead(snapshot))
            self._wake.wait(self.store.interval)
            self._wake.clear()

    def look_again(self) -> None:
        """Look now rather than at the next tick."""
        self._wake.set()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a thread died of is said, and reading goes on."""
        if event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        text = f"{type(error).__name__}: {error}"
        self.app.notify(text, title=f"{self.run_id} could not be read", severity="error", timeout=10)
        if event.worker.group == "run" and not self._leaving.is_set():
            self.set_timer(2.0, self.watch_run)

    @on(RunRead)
    def _take(self, message: RunRead) -> None:
        message.stop()
        self.snapshot = message.snapshot
        self.head.show(self.snapshot)
        self.finding.show(self.snapshot)
        if self.snapshot.ended:
            self._asked_stop = False
        tab = self.tab
        if tab is not None and tab.is_mounted:
            tab.show(self.snapshot)
            self.want(tab.wants())
        keys = (self.snapshot.alive, self.snapshot.ended, bool(self.snapshot.findings))
        if keys != self._keys:
            self._keys = keys
            self.refresh_bindings()

    # tabs

    @property
    def tab(self) -> RunTab | None:
        """The tab in sight."""
        return self._tabs.get(TITLES[self._active])

    def want(self, wants: Wants) -> None:
        """Have something else read, at once."""
        if wants != self._wants:
            self._wants = wants
            self.look_again()

    async def show_tab(self, index: int) -> None:
        """Show a tab; it is made when first shown."""
        before = self.tab
        self._active = index
        title = TITLES[index]
        self.tab_line.show(index)
        tab = self._tabs.get(title)
        if before is not None and before is not tab:
            before.display = False
        if tab is None:
            tab = self._tabs[title] = make_tab(title)
            await self.query_one("#tabs", Container).mount(tab)
        tab.display = True
        self.want(tab.wants())
        tab.show(self.snapshot)
        tab.take_focus()
        self.refresh_bindings()

    async def action_tab(self, index: int) -> None:
        """Show the tab of this number."""
        if index != self._active:
            await self.show_tab(index)

    async def action_turn(self, by: int) -> None:
        """Show the next tab, or the one before."""
        await self.show_tab((self._active + by) % len(TITLES))

    @on(TabLine.Picked)
    async def _picked(self, message: TabLine.Picked) -> None:
        message.stop()
        await self.action_tab(message.index)

    def action_leave(self) -> None:
        """Go back."""
        self.call_later(self.dltui.action_back)

    # what can be asked of the run

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
        self.app.push_screen(PromptScreen(title, f"{value:g}"), lambda text: self._resume_up_to(key, value, text))

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

    # checkpoints

    def launch_from(self, reference: str) -> None:
        """Open the launch dialog for a new run that goes on from a checkpoint."""
        from tui.run_actions import open_launch

        open_launch(self.dltui, self.snapshot, reference)

    def evaluate_checkpoint(self, reference: str) -> None:
        """Score a checkpoint by a process of its own; the result stands below the table."""
        from tui.run_actions import Evaluation, evaluate
        from tui.widgets.run_checkpoints import CheckpointsTab

        tab = cast(CheckpointsTab, self._tabs["Checkpoints"])
        if self._refused():
            return
        if self.snapshot.alive:
            self.app.notify(f"{self.run_id} is training: evaluate it when it has ended", severity="warning")
            return
        tab.outcome.say(f"evaluating {reference} on the test split…")

        def after(result: Evaluation) -> None:
            tab.outcome.say(result.words, bad=result.failed)

        root = self.dltui.store.runs.root
        self._act(lambda: evaluate(root, reference, self._leaving), after=after)

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
