"""A log on screen: follows its end, and scrolls through files of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.copying import copy
from tui.run_log import LogWindow
from tui.text import safe
from tui.theme import Inks, inks
from tui.widgets.table import Line, to_strip

_BAD = re.compile(r"^(?:Traceback \(most recent|\S*(?:Error|Exception)\b)|\b(?:ERROR|CRITICAL|FATAL)\b|^error\b")
_WARNING = re.compile(r"\bwarning\b", re.IGNORECASE)


def wrap_cells(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width` cells, nothing left out."""
    if len(text) <= width and (text.isascii() or cell_len(text) <= width):
        return [text]
    if text.isascii():
        return [text[at : at + width] for at in range(0, len(text), width)]
    pieces = []
    while text:
        head = text
        if cell_len(text) > width:
            head = set_cell_size(text[:width], width).rstrip() or text[:1]
            if not text.startswith(head):  # half of a wide character became a space
                head = text[: max(1, len(head) - 1)]
        pieces.append(head)
        text = text[len(head) :]
    return pieces


class LogView(ScrollView, can_focus=True):
    """Draws the lines of a `LogWindow`, broken at the widget's width; at its end it follows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll(-1)", "Up", show=False, id="log.up", tooltip="Scroll up"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="log.down", tooltip="Scroll down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="log.page-up", tooltip="Scroll up by a page"),
        Binding("pagedown,ctrl+f,space", "page(1)", "Page down", show=False, id="log.page-down",
                tooltip="Scroll down by a page"),
        Binding("home,g", "first", "Start", show=False, id="log.start", tooltip="Go to the start of the log"),
        Binding("Y", "copy_lines", "Copy", show=False, id="log.copy", tooltip="Copy the lines in sight"),
        Binding("G,end", "last", "follow", id="log.follow", tooltip="Go to the end of the log and follow it"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    LogView { height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden;
        scrollbar-gutter: stable; }
    """

    @dataclass
    class Moved(Message):
        """Another part of the log is in sight."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.window = LogWindow(path)
        self.following = True
        """Whether the end stays in sight as the log grows."""
        self.highlight: re.Pattern[str] | None = None
        self.found: int | None = None
        """Offset of the match that was found last."""
        self._rows: list[tuple[int, str]] = []
        self._width = 0
        self._moving = False

    # content

    def look(self) -> None:
        """Take what was appended."""
        if self.window.update() and self._width:
            if self.window.appended < 0:
                self._rebuild()
            else:
                self._append(self.window.appended)
            if self.following:
                self._to_end()

    def _break(self, first: int) -> None:
        width = max(8, self._width - 1)
        for index in range(first, len(self.window.lines)):
            self._rows += [(index, row) for row in wrap_cells(safe(self.window.lines[index].text), width)]

    def _append(self, count: int) -> None:
        first = len(self.window.lines) - count
        kept = len(self._rows)
        while self._rows and self._rows[-1][0] >= first:
            self._rows.pop()
        same = len(self._rows)
        self._break(first)
        self.virtual_size = Size(self._width, len(self._rows))
        top = round(self.scroll_y)
        if same < top + self.size.height and (kept != len(self._rows) or same < kept):
            self.refresh()
        self.post_message(self.Moved())

    def _rebuild(self) -> None:
        self._rows = []
        self._break(0)
        self.virtual_size = Size(self._width, len(self._rows))
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width:
            anchor = self.top_offset
            self._width = self.scrollable_content_region.width
            self._rebuild()
            if not self.following:
                self._show_line(anchor)
        if self.following:
            self._to_end()

    def action_copy_lines(self) -> None:
        """Copy the lines in sight, each whole."""
        top = round(self.scroll_y)
        numbers = dict.fromkeys(number for number, _ in self._rows[top : top + self.size.height])
        if numbers:
            copy(self, "\n".join(safe(self.window.lines[number].text) for number in numbers))

    # where it stands

    @property
    def top_offset(self) -> int:
        """Offset in the file of the first line in sight."""
        row = min(max(0, round(self.scroll_y)), len(self._rows) - 1)
        return self.window.lines[self._rows[row][0]].offset if self._rows else 0

    def _to_end(self) -> None:
        self._jump(len(self._rows) - self.size.height)

    def _jump(self, row: float) -> None:
        self._moving = True
        self.scroll_to(y=max(0, row), animate=False, force=True)
        self._moving = False

    def _show_line(self, offset: int, above: int = 0) -> None:
        index = self.window.index_at(offset)
        row = next((i for i, (line, _) in enumerate(self._rows) if line == index), 0)
        self._jump(row - above)

    def go_to(self, offset: int) -> None:
        """Bring the line at `offset` of the file in sight."""
        self.following = False
        self.found = offset
        if not self.window.start <= offset < self.window.end:
            self.window.show(offset)
            self._rebuild()
        index = self.window.index_at(offset)
        row = next((i for i, (line, _) in enumerate(self._rows) if line == index), 0)
        if not round(self.scroll_y) <= row < round(self.scroll_y) + self.size.height:
            self._jump(row - self.size.height // 3)
        self.refresh()
        self.post_message(self.Moved())

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self._scroll(by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self._scroll(by * max(1, self.size.height - 1))

    def _scroll(self, by: int) -> None:
        self.scroll_to(y=round(self.scroll_y) + by, animate=False, force=True)

    def action_first(self) -> None:
        """Go to the start of the file."""
        self.following = False
        if self.window.start:
            self.window.show_start()
            self._rebuild()
        self._jump(0)
        self.post_message(self.Moved())

    def action_last(self) -> None:
        """Go to the end, and follow."""
        self.following = True
        if not self.window.follows:
            self.window.show_end()
            self._rebuild()
        self._to_end()
        self.post_message(self.Moved())

    def watch_scroll_y(self, old: float, new: float) -> None:
        """At the edge of the window, move it; at the end of the file, follow."""
        super().watch_scroll_y(old, new)
        if self._moving or not self._rows:
            return
        bottom = round(new) + self.size.height >= len(self._rows)
        if (new < old and round(new) <= 0 and self.window.start > 0) or (
            new > old and bottom and not self.window.follows
        ):
            self._move_window()
        self.following = self.window.follows and round(self.scroll_y) + self.size.height >= len(self._rows)
        self.post_message(self.Moved())

    def _move_window(self) -> None:
        """Hold other lines, the first one in sight staying where it is."""
        offset = self.top_offset
        self.window.show(offset)
        self._rebuild()
        self._show_line(offset)

    # drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row."""
        index, width, ink = round(self.scroll_y) + y, self.scrollable_content_region.width, inks(self.app)
        if index >= len(self._rows):
            words = " nothing was printed yet" if not self._rows and not y else ""
            return to_strip([(words, ink.muted)], width, self.rich_style)
        number, text = self._rows[index]
        line = self.window.lines[number]
        style = ink.bad if _BAD.search(line.text) else ink.warning if _WARNING.search(line.text) else ink.text
        return to_strip([(" ", style), *self._marked(text, style, ink)], width, self.rich_style)

    def _marked(self, text: str, style: Style, ink: Inks) -> Line:
        """`text` with what is searched for shown inverted."""
        if self.highlight is None:
            return [(text, style)]
        cells: Line = []
        at = 0
        for match in self.highlight.finditer(text):
            cells += [(text[at : match.start()], style), (match[0], ink.accent + Style(reverse=True))]
            at = match.end()
        return [*cells, (text[at:], style)]
