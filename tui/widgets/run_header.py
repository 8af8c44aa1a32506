"""The head of a run's screen, its tabs, and the newest finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.run_store import RunSnapshot
from tui.text import fit
from tui.theme import inks, symbol
from tui.widgets.run_words import finding_text, head_lines, line_width, spread
from tui.widgets.table import Line, to_strip

LOW = 12
"""With fewer rows than this the head is one line."""


class RunHead(Widget):
    """The lines above the tabs; as high as they need."""

    DEFAULT_CSS = "RunHead { height: 2; background: $background; }"

    def __init__(self) -> None:
        super().__init__()
        self._snapshot: RunSnapshot | None = None
        self._lines: list[Line] = []
        self._width = -1

    def show(self, snapshot: RunSnapshot) -> None:
        """Show another moment; lines that stay the same are not repainted."""
        self._snapshot = snapshot
        self._build()

    @property
    def plain(self) -> str:
        """The lines as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)

    def _build(self) -> None:
        width = self.size.width or self.app.size.width
        if self._snapshot is None or not width:
            return
        low = self.app.size.height < LOW
        lines = head_lines(self._snapshot, width, inks(self.app), low=low)
        lines = lines[: max(1, self.app.size.height // 2)]
        old, resized = self._lines, width != self._width
        self._lines, self._width = lines, width
        if len(old) != len(lines):
            self.styles.height = len(lines)
            self.refresh(layout=True)
        elif resized:
            self.refresh()
        else:
            for y, (before, after) in enumerate(zip(old, lines, strict=True)):
                if before != after:
                    self.refresh(self._changed_region(y, before, after, width))

    @staticmethod
    def _changed_region(y: int, before: Line, after: Line, width: int) -> Region:
        """The cells of line `y` that differ: most often a few digits at the end."""
        x = 0
        for (old, old_style), (new, new_style) in zip(before, after, strict=False):
            if old != new or old_style != new_style:
                break
            x += cell_len(new)
        return Region(x, y, max(1, width - x), 1)

    def on_resize(self) -> None:
        self._build()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self._width = -1
            self._build()

    def render_line(self, y: int) -> Strip:
        """One line of the head."""
        line = self._lines[y] if y < len(self._lines) else []
        return to_strip(line, self.size.width, self.rich_style)


class TabLine(Widget):
    """The names of the tabs; a click goes to one."""

    DEFAULT_CSS = "TabLine { height: 1; background: $background; }"

    @dataclass
    class Picked(Message):
        """A tab was clicked."""

        index: int

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self.titles = tuple(titles)
        self.active = 0
        self._zones: list[tuple[int, int]] = []

    def show(self, active: int) -> None:
        """Light another name."""
        self.active = active
        self.refresh()

    def _labels(self, width: int) -> tuple[list[str], int]:
        """Numbers and names where there is room, else names, else their beginnings; and the cells between them."""
        numbered = [f"{index} {title}" for index, title in enumerate(self.titles, 1)]
        for labels in (numbered, list(self.titles), [title[:5] for title in self.titles], [t[:3] for t in self.titles]):
            for gap in (3, 2):
                if sum(map(len, labels)) + gap * len(labels) < width:
                    return labels, gap
        return [title[:1] for title in self.titles], 1

    def render_line(self, y: int) -> Strip:
        """The names."""
        width, ink = self.size.width, inks(self.app)
        labels, gap = self._labels(width)
        lit = ink.accent + Style(bold=True, underline=True)
        line: Line = [(" ", ink.text)]
        self._zones, at = [], 1
        for index, label in enumerate(labels):
            line += [(label, lit if index == self.active else ink.muted), (" " * gap, ink.text)]
            self._zones.append((at, at + len(label) + gap))
            at += len(label) + gap
        return to_strip(line, width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        """Go to the tab whose name was clicked."""
        for index, (begin, end) in enumerate(self._zones):
            if begin <= event.x < end:
                event.stop()
                self.post_message(self.Picked(index))


class FindingLine(Widget):
    """The newest finding, and how many there are; hidden while there is none."""

    DEFAULT_CSS = (
        "FindingLine { height: 1; display: none; background: $background; } FindingLine.-shown { display: block; }"
    )

    def __init__(self) -> None:
        super().__init__()
        self._shown: object = None
        self._snapshot: RunSnapshot | None = None

    def show(self, snapshot: RunSnapshot) -> None:
        """Show the newest."""
        self._snapshot = snapshot
        key = (snapshot.finding_count, snapshot.findings[:1])
        if key != self._shown:
            self._shown = key
            self.set_class(bool(snapshot.findings), "-shown")
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The finding."""
        width, ink = self.size.width, inks(self.app)
        if self._snapshot is None or not self._snapshot.findings:
            return Strip.blank(width, self.rich_style)
        newest, count = self._snapshot.findings[0], self._snapshot.finding_count
        style = ink.bad if newest.level == "error" else ink.warning
        more: Line = [(f"1 of {count:,} ", ink.muted), ("!", ink.key), (" all", ink.muted)] if count > 1 else []
        room = width - 4 - (line_width(more) + 2 if more else 0)
        text = fit(finding_text(newest.message, newest.epoch, newest.step), max(4, room))
        line: Line = [(f" {symbol('warning')} ", style), (text, style)]
        return to_strip(spread(line, more, width, ink) if more else line, width, self.rich_style)

    def on_click(self) -> None:
        """Show them all."""
        self.call_later(self.screen.run_action, "findings")
