"""The first line: the program, its screens, and at the right the GPUs and what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tui.theme import Inks, ascii_mode, inks, spark, symbol
from tui.widgets.table import Line, to_strip

if TYPE_CHECKING:
    from tui.app import DltuiApp
    from tui.store import Snapshot

TABS = (("1", "Experiments", "experiments"), ("2", "Runs", "runs"), ("3", "Devices", "devices"))


class Header(Widget):
    """One line at the top of a main screen; a click on a name goes there."""

    DEFAULT_CSS = "Header { dock: top; height: 1; }"

    def __init__(self, active: str) -> None:
        super().__init__()
        self.active = active
        """The mode whose name is lit."""
        self._zones: list[tuple[int, int, str]] = []
        self._status: tuple[object, ...] = ()

    def update(self, snapshot: Snapshot) -> None:
        """Repaint if what the right side says changed."""
        status = (snapshot.running, snapshot.queued, snapshot.gpus)
        if status != self._status:
            self._status = status
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line: tabs to the left, the state of things to the right, as far as there is room."""
        width, ink = self.size.width, inks(self.app)
        if y:
            return Strip.blank(width, self.rich_style)
        line: Line = [(" dltui ", ink.strong)] if width >= 60 else []
        at = sum(cell_len(text) for text, _ in line)
        self._zones = []
        short = width < 48
        for key, title, mode in TABS:
            text = f"  {key} {title[:4] if short else title} "
            lit = mode == self.active
            line += [
                (text[:2], ink.text),
                (key, ink.key if lit else ink.faint),
                (text[3:], ink.accent if lit else ink.muted),
            ]
            self._zones.append((at, at + len(text), mode))
            at += len(text)
        right = self._right(width - at - 1, ink)
        used = sum(cell_len(text) for text, _ in right)
        line.append((" " * max(0, width - at - used - 1), ink.text))
        return to_strip([*line, *right], width, self.rich_style)

    def _right(self, room: int, ink: Inks) -> Line:
        snapshot = cast("DltuiApp", self.app).store.snapshot
        parts: list[Line] = []
        if snapshot.running:
            parts.append([(f"{symbol('running')} {snapshot.running} running", ink.accent)])
        if snapshot.queued:
            parts.append([(f"{symbol('queued')} {snapshot.queued} queued", ink.warning)])
        gpus = [gpu_cells(name, history, free, ink) for name, history, free in snapshot.gpus]
        while gpus and _width([*gpus, *parts]) > room:
            gpus.pop()
        shown = [*gpus, *parts]
        while shown and _width(shown) > room:
            shown.pop()
        line: Line = []
        for part in shown:
            if line:
                line.append(("   ", ink.text))
            line += part
        return line

    async def on_click(self, event: events.Click) -> None:
        """Go to the screen whose name was clicked."""
        for begin, end, mode in self._zones:
            if begin <= event.x < end:
                event.stop()
                await self.app.run_action(f"go('{mode}')")


def _width(parts: list[Line]) -> int:
    return sum(cell_len(text) for part in parts for text, _ in part) + 3 * max(0, len(parts) - 1)


def gpu_cells(name: str, history: tuple[float, ...], free: bool, ink: Inks) -> Line:
    """A GPU in a few cells: its name, its load over the last moments, and the load now, or that it is free."""
    title = name.replace("cuda:", "gpu")
    if free:
        return [(f"{title} ", ink.muted), ("free", ink.good)]
    now = history[-1] if history else 0.0
    columns = "" if ascii_mode() else spark(list(history[-4:])) + " "
    return [(f"{title} ", ink.muted), (f"{columns}{100 * now:.0f} %", ink.accent)]
