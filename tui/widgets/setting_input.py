"""The line in which a changed setting is typed."""

from __future__ import annotations

from typing import Protocol

from textual import events

from tui.widgets.line_input import LineInput


class Completing(Protocol):
    """Who knows what may be typed."""

    def complete(self) -> bool:
        """Take the picked completion into the line; whether there was one."""

    def pick(self, by: int) -> None:
        """Go to another completion."""

    def take_back(self) -> None:
        """Take the setting that was entered last back into the line."""


class SettingInput(LineInput):
    """Tab completes, up and down pick, backspace on an empty line takes the last setting back."""

    def __init__(self, helper: Completing) -> None:
        super().__init__(placeholder="optimizer.lr=0.01", id="setting")
        self._helper = helper

    async def _on_key(self, event: events.Key) -> None:
        handled = False
        if event.key == "tab" and self.value:
            handled = self._helper.complete()
        elif event.key in ("up", "down"):
            self._helper.pick(-1 if event.key == "up" else 1)
            handled = True
        elif event.key == "backspace" and not self.value:
            self._helper.take_back()
            handled = True
        if handled:
            event.stop()
            event.prevent_default()
            return
        await super()._on_key(event)
