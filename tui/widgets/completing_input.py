"""A line that is completed as one types."""

from __future__ import annotations

from typing import Protocol

from textual import events

from tui.widgets.line_input import LineInput


class Completing(Protocol):
    """Who knows what may be typed."""

    def complete(self) -> bool:
        """Take the picked completion into the line; whether there was one."""

    def pick(self, by: int) -> bool:
        """Go to another completion; whether there are any."""

    def take_back(self) -> None:
        """Take what was entered last back into the line."""


class CompletingInput(LineInput):
    """Tab completes, up and down pick, backspace on an empty line takes back what was entered last."""

    def __init__(self, helper: Completing, *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self._helper = helper

    async def _on_key(self, event: events.Key) -> None:
        handled = False
        if event.key == "tab" and self.value:
            handled = self._helper.complete()
        elif event.key in ("up", "down"):
            handled = self._helper.pick(-1 if event.key == "up" else 1)
        elif event.key == "backspace" and not self.value:
            self._helper.take_back()
            handled = True
        if handled:
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)
