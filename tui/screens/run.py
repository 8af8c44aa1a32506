"""One run, live: its head, its tabs, its newest finding."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.worker import WorkerState

from tui.run_store import RunSnapshot, RunStore, Wants
from tui.screens.run_requests import RequestsScreen
from tui.widgets.footer import Footer
from tui.widgets.run_header import FindingLine, RunHead, TabLine
from tui.widgets.run_tab import TITLES

if TYPE_CHECKING:
    from textual.worker import Worker

    from tui.run_parts import EvaluationKey
    from tui.widgets.run_tab import RunTab


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
    if title == "System":
        from tui.widgets.run_system import SystemTab

        return SystemTab()
    from tui.widgets.run_notes import NotesTab

    return NotesTab()


class RunScreen(RequestsScreen):
    """The screen of one run."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (12, "-tall"), (26, "-roomy")]  # noqa: RUF012
    WIDGET_KEYS_FIRST = True
    """The footer shows the keys of the tab before those of the run."""
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,tab", "turn(1)", "next tab", show=False, id="run.next", tooltip="The next tab"),
        Binding("left,h,shift+tab", "turn(-1)", "tab before", show=False, id="run.previous", tooltip="The tab before"),
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
        super().__init__(run_id)
        self._tabs: dict[str, RunTab] = {}
        self._active = 0
        self._wants = Wants()
        self._wake = threading.Event()
        self._asleep = False
        self._keys: object = None

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

    @property
    def chosen_evaluation(self) -> EvaluationKey | None:
        """The evaluation that the Evaluation tab was stepped to; None follows the newest."""
        return getattr(self._tabs.get("Evaluation"), "chosen", None)

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
