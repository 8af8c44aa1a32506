"""Keys act in the order they were typed: one is done before the next is given out.

Textual gives every key to what has the focus when the key arrives, and bindings act a few messages later. A burst, from
a slow line or a fast hand, would then have `tab x` type the x into the field that is being left, and `enter` overtake
the letters before it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

PATIENCE = 1.0
"""Seconds that a key may take before the next one is given out all the same: what it does may itself wait for keys."""

Typed = events.Key | events.Paste


class KeyOrder:
    """Gives typed events out one after another.

    Args:
        app: whose keys they are.
        give: how the app itself treats an event.
    """

    def __init__(self, app: App[None], give: Callable[[Typed], Awaitable[None]]) -> None:
        self._app, self._give = app, give
        self._waiting: deque[Typed] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, event: Typed) -> None:
        """Give an event out when those before it are done."""
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._give_out(), name="keys")

    async def _give_out(self) -> None:
        while self._waiting and self._app.is_running:
            event = self._waiting.popleft()
            screen = self._app.screen
            target = self._app.focused or screen
            try:
                await self._give(event)
            except Exception as error:  # as if the app's own loop had met it
                self._app.call_later(_fail, error)
                return
            for pump in target.ancestors_with_self:
                await _settled(pump)
            if self._app.is_running and self._app.screen is not screen:
                await _settled(self._app.screen)  # it has its focus now


def _fail(error: Exception) -> None:
    raise error


async def _settled(pump: MessagePump) -> None:
    """Wait until what has been posted to `pump` so far is processed."""
    done = asyncio.Event()
    if pump.is_running and pump.call_later(done.set):
        try:
            await asyncio.wait_for(done.wait(), PATIENCE)
        except TimeoutError:
            return
