"""notes.md of a run: why, what came out, what it means; read as Markdown, written in place."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult

from engine.words import template
from tui.run_store import RunSnapshot
from tui.theme import Inks
from tui.widgets.run_tab import RunTab, notice
from tui.widgets.table import Line
from tui.widgets.words_pane import WordsPane


class NotesTab(RunTab):
    """The journal entry of a run."""

    NAME = "notes"
    TITLE = "Notes"

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None

    def compose(self) -> ComposeResult:
        """The words."""
        self.words = WordsPane()
        self.words.refused = lambda: self.run_screen.read_only()
        yield self.words

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the text, unless it is the one on screen."""
        if not self.is_mounted or snapshot.notes is self._shown:
            return
        self._shown = document = snapshot.notes
        self.words.template = template(f"{snapshot.info.run or self.store.paths.id} · {snapshot.info.experiment}")
        text = str(document.content or "")

        def empty(width: int, ink: Inks) -> list[Line]:
            if document.problem:
                return notice(document.problem, width, ink, bad=True)
            return notice("There are no notes yet: e writes them here, E opens your editor.", width, ink)

        self.words.show(self.store.paths.notes, text, None if text.strip() else empty)

    @on(WordsPane.Stored)
    def _stored(self, message: WordsPane.Stored) -> None:
        message.stop()
        self.run_screen.look_again()
