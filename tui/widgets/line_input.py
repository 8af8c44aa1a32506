"""A one-line input: no blinking cursor, and nothing in it that could act on the terminal."""

from __future__ import annotations

from textual import events
from textual.widgets import Input

from tui.text import safe


class LineInput(Input):
    """An `Input` on one line without a frame."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value=safe(value), placeholder=placeholder, id=id, select_on_focus=False, compact=True)
        self.cursor_blink = False

    def insert_text_at_cursor(self, text: str) -> None:
        """Insert typed or pasted text, escaped where it needs to be."""
        super().insert_text_at_cursor(safe(text))

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        line = event.text.splitlines()[0] if event.text else ""
        selection = self.selection
        if selection.is_empty:
            self.insert_text_at_cursor(line)
        else:
            self.replace(safe(line), *selection)
