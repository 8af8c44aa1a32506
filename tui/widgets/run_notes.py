"""notes.md of a run, as it was written; the person's own editor changes it."""

from __future__ import annotations

from typing import ClassVar, cast

from textual.binding import Binding, BindingType

from engine.errors import EngineError
from tui.run_store import RunSnapshot
from tui.text import safe, wrap
from tui.theme import Inks
from tui.widgets.run_tab import LinesTab, notice
from tui.widgets.table import Line

COMFORTABLE = 100
"""Text is not set wider than this."""


class NotesTab(LinesTab):
    """The journal entry of a run: why, what came out, what it means."""

    NAME = "notes"
    TITLE = "Notes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", id="run.notes.edit", tooltip="Edit notes.md in your editor ($EDITOR)"),
    ]

    def content(self, snapshot: RunSnapshot) -> object:
        """The text as it was read."""
        return snapshot.notes

    def lines(self, snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
        """The text."""
        return notes_lines(snapshot, width, ink)

    def action_edit(self) -> None:
        """Give the terminal to the editor."""
        from tui.app import DltuiApp
        from tui.editing import editor, run_editor

        if reason := self.run_screen.read_only():
            self.app.notify(reason, severity="warning")
            return
        try:
            run_editor(cast(DltuiApp, self.app), editor(), self.store.paths.notes)
        except EngineError as error:
            self.run_screen.complain(error)
        self.run_screen.look_again()


def notes_lines(snapshot: RunSnapshot, width: int, ink: Inks) -> list[Line]:
    """The text line by line, headings strong; empty sections say so."""
    document = snapshot.notes
    if document.problem:
        return notice(document.problem, width, ink, bad=True)
    text = str(document.content or "")
    if not text.strip():
        return notice("There are no notes yet: e opens your editor.", width, ink)
    lines: list[Line] = []
    room = min(COMFORTABLE, width - 2)
    for raw in text.splitlines():
        heading = raw.startswith("#")
        indent = len(raw) - len(raw.lstrip(" "))
        for row in wrap(safe(raw), max(8, room - indent), 400) or [""]:
            lines.append([(" " * (1 + indent), ink.text), (row, ink.strong if heading else ink.text)])
    return lines
