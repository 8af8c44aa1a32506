"""What gets text out of the app: marking it with the mouse, and the clipboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.app import App
from textual.widget import Widget

from engine.text import printable
from tui.text import safe

if TYPE_CHECKING:
    from tui.selection import TextSelection

_KEPT = re.compile("([\n\t])")
"""What of the control characters may be copied."""


class CopyingApp(App[None]):
    """An app whose text can be marked and copied, whatever draws it."""

    ALLOW_SELECT = False
    """Textual's own selection knows only widgets that render a text; `tui.selection` takes its place."""
    _selection: TextSelection | None = None

    async def on_event(self, event: events.Event) -> None:
        """As in every app; then let text be marked."""
        follow = isinstance(event, events.MouseEvent) and not event.is_forwarded
        if isinstance(event, events.Key) and self._selection is not None and event.key != "ctrl+c":
            self._selection.clear()
        await super().on_event(event)
        if follow:
            self._follow_mouse(cast(events.MouseEvent, event))

    def _follow_mouse(self, event: events.MouseEvent) -> None:
        if self._selection is None:
            if not isinstance(event, events.MouseDown):
                return
            from tui.selection import TextSelection

            self._selection = TextSelection(self)
        self._selection.take(event)

    def copy_shown(self, text: str) -> None:
        """Put text into the clipboard, and say so."""
        self.copy_to_clipboard(text)
        lines = text.count("\n") + 1
        self.notify(f"Copied: {safe(text, 40)}" if lines == 1 else f"Copied {lines} lines", timeout=3)

    def copy_to_clipboard(self, text: str) -> None:
        """Copy for the person's own terminal; what is pasted, into a shell perhaps, can do as little there as here."""
        from tui.clipboard import send

        self._clipboard = "".join(map(_inert, _KEPT.split(text)))
        send(self, self._clipboard)

    async def action_copy_or_quit(self) -> None:
        """Copy what is marked with the mouse, or in a line of text; where nothing is, end."""
        marked = self._selection.text if self._selection is not None else ""
        marked = marked or str(getattr(self.focused, "selected_text", ""))
        if marked:
            self.copy_shown(marked)
        else:
            await self.action_quit()


def _inert(piece: str) -> str:
    return piece if piece in ("\n", "\t") else printable(piece)


def copy(widget: Widget, text: str) -> None:
    """Put text into the clipboard, and say so; for widgets."""
    app: Any = widget.app
    cast(CopyingApp, app).copy_shown(text)
