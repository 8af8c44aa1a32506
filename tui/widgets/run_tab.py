"""What all tabs of a run's screen have in common: what they want read, and how they take a new moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from tui.run_store import RunSnapshot, RunStore, Wants
from tui.text import safe, wrap
from tui.theme import Inks, symbol
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line

TITLES = ("Curves", "Data", "Evaluation", "Checkpoints", "Model", "Log", "Settings", "Notes", "System")
"""What the tabs are called, from left to right."""

if TYPE_CHECKING:
    from tui.screens.run import RunScreen


class RunTab(Container):
    """One tab: mounted when first shown, told of every new moment while it is in sight."""

    NAME: ClassVar[str] = ""
    """Its id, and what the store reads for it."""
    TITLE: ClassVar[str] = ""
    DEFAULT_CSS = "RunTab { height: 1fr; width: 1fr; background: $background; }"

    def __init__(self) -> None:
        super().__init__(id=f"tab-{self.NAME}")

    @property
    def run_screen(self) -> RunScreen:
        """The screen it is on, typed."""
        return cast("RunScreen", self.screen)

    @property
    def store(self) -> RunStore:
        """What reads the run."""
        return self.run_screen.store

    @property
    def snapshot(self) -> RunSnapshot:
        """The newest moment."""
        return self.run_screen.snapshot

    def wants(self) -> Wants:
        """What is to be read for it."""
        return Wants(self.NAME)

    def show(self, snapshot: RunSnapshot) -> None:
        """Show a new moment; only what changed is repainted."""
        raise NotImplementedError

    def take_focus(self) -> None:
        """Give the focus to what its keys belong to."""
        for widget in self.query("*"):
            if widget.focusable:
                widget.focus(scroll_visible=False)
                return


class LinesTab(RunTab):
    """A tab that is one pane of lines, drawn again when what they are made of has changed."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """One pane."""
        yield LinesPane()

    def show(self, snapshot: RunSnapshot) -> None:
        """Draw the lines, unless they are those on screen."""
        content = self.content(snapshot)
        if self.is_mounted and (self._shown is None or content != self._shown):
            self._shown = content
            self.query_one(LinesPane).show(lambda width, ink: self.lines(snapshot, width, ink), top=False)

    def content(self, snapshot: RunSnapshot) -> object:
        """What the lines are made of, to compare; never None."""
        raise NotImplementedError

    def lines(self, snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
        """What the pane shows."""
        raise NotImplementedError


def notice(text: str, width: int, ink: Inks, *, bad: bool = False, more: str = "") -> list[Line]:
    """What is said in place of content: why there is none."""
    mark = f" {symbol('warning')} " if bad else " "
    style = ink.bad if bad else ink.muted
    lines: list[Line] = [[]]
    for position, line in enumerate(wrap(safe(text), max(8, width - 4), 6)):
        lines.append([(mark if not position else " " * len(mark), style), (line, style)])
    lines += [[(" " * len(mark), ink.text), (line, ink.muted)] for line in wrap(safe(more), max(8, width - 4), 6)]
    return lines
