"""The log of a run, with a status line and a search through all of it."""

from __future__ import annotations

import re
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from tui.run_log import find
from tui.run_store import RunSnapshot
from tui.text import fit, safe, size
from tui.theme import inks, symbol
from tui.widgets.line_input import LineInput
from tui.widgets.run_log_view import LogView
from tui.widgets.run_tab import RunTab
from tui.widgets.table import to_strip


class LogStatus(Widget):
    """What part of the log is in sight."""

    DEFAULT_CSS = "LogStatus { height: 1; background: $background; }"

    def __init__(self, view: LogView) -> None:
        super().__init__()
        self._view = view
        self.words = ""
        """What a search has to say."""
        self._drawn = ""

    def look(self) -> None:
        """Repaint if it says something else now."""
        if self.text() != self._drawn:
            self.refresh()

    def text(self) -> str:
        """The line."""
        window, dot = self._view.window, symbol("dot")
        if not window.size:
            return ""
        where = "follows the end" if self._view.following else self._where()
        return f" log.txt {dot} {size(window.size)} {dot} {where}" + (f" {dot} {self.words}" if self.words else "")

    def _where(self) -> str:
        window = self._view.window
        share = self._view.top_offset / max(1, window.size)
        return f"at {100 * share:.0f} %, G follows"

    def render_line(self, y: int) -> Strip:
        """The line."""
        self._drawn = self.text()
        return to_strip([(fit(self._drawn, self.size.width), inks(self.app).muted)], self.size.width, self.rich_style)


class LogTab(RunTab):
    """log.txt: what the worker printed."""

    NAME = "log"
    TITLE = "Log"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "search",
            "search",
            id="run.log.search",
            tooltip="Search the whole log; small letters find capitals too",
        ),
        Binding("n", "again(True)", "next", id="run.log.next", tooltip="Go to the next match"),
        Binding("N", "again(False)", "previous", id="run.log.previous", tooltip="Go to the match before"),
        Binding("escape", "close_search", "Close search", show=False, id="run.log.close", tooltip="Close the search"),
    ]
    DEFAULT_CSS = """
    LogTab LineInput { display: none; }
    LogTab LineInput.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._term = ""

    def compose(self) -> ComposeResult:
        """The log, its status, and the line to search with."""
        self.view = LogView(self.store.paths.log)
        self.status = LogStatus(self.view)
        self.input = LineInput(placeholder="search the whole log: enter finds, escape closes")
        yield self.view
        yield self.input
        yield self.status

    def show(self, snapshot: RunSnapshot) -> None:
        """Take what was appended."""
        if self.is_mounted and self.view.is_mounted:
            self.view.look()
            self.status.look()

    def take_focus(self) -> None:
        """The log has the focus, not the search line."""
        self.view.focus(scroll_visible=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Next and previous need something to look for; escape leaves the screen unless a search is open."""
        if action == "again":
            return bool(self._term)
        if action == "close_search":
            return bool(self._term) or self.input.has_class("-shown")
        return True

    @on(LogView.Moved)
    def _moved(self) -> None:
        self.status.look()

    def action_search(self) -> None:
        """Open the line to search with; what was searched for last is marked, so that typing replaces it."""
        self.input.value = self._term
        self.input.select_all()
        self.input.add_class("-shown")
        self.input.focus()

    def action_close_search(self) -> None:
        """Search no more."""
        self.input.remove_class("-shown")
        self._term, self.status.words, self.view.highlight = "", "", None
        self.view.refresh()
        self.status.look()
        self.take_focus()
        self.refresh_bindings()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.input.remove_class("-shown")
        self.take_focus()
        self._term = event.value
        if not self._term:
            self.action_close_search()
            return
        flags = 0 if self._term != self._term.lower() else re.IGNORECASE
        self.view.highlight = re.compile(re.escape(self._term), flags)
        self.view.found = None
        self.refresh_bindings()
        self.action_again(True)

    def action_again(self, forward: bool) -> None:
        """Look for the next match, or the one before."""
        found = self.view.found
        start = self.view.top_offset if found is None else found + (1 if forward else 0)
        self.status.words = "searching"
        self.status.look()
        self._find(self._term, start, forward)

    @work(thread=True, exclusive=True, exit_on_error=False, group="search")
    def _find(self, term: str, start: int, forward: bool) -> None:
        from textual.worker import get_current_worker

        worker = get_current_worker()
        found = find(self.view.window.path, term, start, forward=forward, cancelled=lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._tell, term, start, forward, found)

    def _tell(self, term: str, start: int, forward: bool, found: int | None) -> None:
        if term != self._term or not self.is_attached:
            return
        shown = fit(safe(term), 24)
        if found is None:
            self.status.words = f"{shown}: not found"
        else:
            round_it_went = found < start if forward else found >= start
            self.status.words = f"{shown}: went round" if round_it_went else f"{shown}: n next, N previous"
            self.view.go_to(found)
        self.view.refresh()
        self.status.look()

    def on_key(self, event: events.Key) -> None:
        """Escape in the search line closes it."""
        if event.key == "escape" and self.input.has_focus:
            event.stop()
            self.action_close_search()
