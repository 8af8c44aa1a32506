"""A list of any length that draws only the lines in sight: the cursor moves over 10,000 rows as over ten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tui.copying import copy
from tui.theme import Inks, inks, no_color, symbol
from tui.widgets.content_view import ContentView
from tui.widgets.table import Line, to_strip

T = TypeVar("T")
_KEPT = 600
"""Strips kept drawn: several screens full."""


class LineList(ContentView, Generic[T], can_focus=True, inherit_bindings=False):
    """Base of all lists: a title line, rows below it, a cursor. Subclasses draw one row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="list.up", tooltip="Move the cursor up"),
        Binding("down,j", "move(1)", "Down", show=False, id="list.down", tooltip="Move the cursor down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="list.page-up", tooltip="Move up by a page"),
        Binding(
            "pagedown,ctrl+f", "page(1)", "Page down", show=False, id="list.page-down", tooltip="Move down by a page"
        ),
        Binding("home,g", "jump(0)", "First", show=False, id="list.first", tooltip="Go to the first line"),
        Binding("end,G", "jump(-1)", "Last", show=False, id="list.last", tooltip="Go to the last line"),
        Binding("Y", "copy_line", "Copy line", show=False, id="list.copy", tooltip="Copy the line under the cursor"),
    ]
    DEFAULT_CSS = """
    LineList { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """

    @dataclass(eq=False, repr=False)
    class Highlighted(Message):
        """The cursor stands on another row."""

        list: LineList[Any]
        index: int

        @property
        def control(self) -> LineList[Any]:
            return self.list

    @dataclass(eq=False, repr=False)
    class Chosen(Message):
        """A row was chosen with enter or a double click."""

        list: LineList[Any]
        index: int

        @property
        def control(self) -> LineList[Any]:
            return self.list

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.items: Sequence[T] = []
        self.cursor = 0
        self.titled = True
        """Whether the first line holds the columns' titles."""
        self.empty: list[Line] = []
        """What is shown when there are no items."""
        self._strips: dict[tuple[int, int], tuple[T, int, Strip]] = {}

    # what subclasses give

    def draw_item(self, item: T, width: int, ink: Inks) -> Line:
        """The cells of one row, without the cursor mark."""
        raise NotImplementedError

    def draw_title(self, width: int, ink: Inks) -> Line:
        """The cells of the title line, without the space of the cursor mark."""
        return []

    def version(self, item: T) -> int:
        """Changes when `item`, though the same object, is to be drawn anew."""
        return 0

    def choosable(self, item: T) -> bool:
        """Whether the row can be chosen."""
        return True

    # items and cursor

    @property
    def current(self) -> T | None:
        """The item under the cursor."""
        return self.items[self.cursor] if 0 <= self.cursor < len(self.items) else None

    def set_items(self, items: Sequence[T], cursor: int | None = None, *, follow: bool = True) -> None:
        """Show `items`; the cursor goes to `cursor`, or stays at its index as far as there are so many.

        Args:
            follow: scroll so that the cursor is in sight.
        """
        old, self.items = self.items, items
        was, wanted = self.cursor, self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, len(items) - 1))
        if len(old) != len(items):
            self.virtual_size = Size(self.size.width, len(items) + self.titled)
        if (follow and self._follow()) or len(old) != len(items) or not items:
            self.refresh()
            return
        # a live run changes one row a second: only the lines in sight that are others are drawn again
        top = max(0, round(self.scroll_y))
        for index in range(top, min(len(items), top + self.size.height)):
            same = old[index] is items[index] or old[index] == items[index]
            if not same or (was != self.cursor and index in (was, self.cursor)):
                self.refresh_line(index + self.titled)

    def replace_items(self, items: Sequence[T], cursor: int | None, moved: int) -> None:
        """Show other `items` and scroll by as many lines as what is looked at has moved.

        Args:
            cursor: where the cursor's item stands now; None, where it is gone, leaves the cursor at its index.
            moved: lines that the first item in sight, or that under the cursor, stands further down than before.
        """
        top = round(self.scroll_y)
        height = max(1, self.size.height - self.titled)
        in_sight = top <= self.cursor < top + height
        self.set_items(items, cursor, follow=False)
        wanted = max(0, min(top + moved, len(items) - height))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
            self.refresh()
        if in_sight and self._follow():
            self.refresh()

    def forget(self) -> None:
        """Draw everything anew: theme, columns or a minute changed."""
        self._strips.clear()
        self.refresh()

    def move_to(self, index: int) -> None:
        """Put the cursor on a row, in sight, and say so."""
        index = max(0, min(index, len(self.items) - 1))
        if index == self.cursor or not self.items:
            return
        old, self.cursor = self.cursor, index
        if not self._follow():
            self.refresh_line(old + self.titled)
            self.refresh_line(index + self.titled)
        self.post_message(self.Highlighted(self, index))

    def _follow(self) -> bool:
        """Scroll as little as brings the cursor in sight; whether it scrolled."""
        height = max(1, self.size.height - self.titled)
        top = round(self.scroll_y)
        wanted = min(max(top, self.cursor - height + 1), self.cursor)
        wanted = max(0, min(wanted, len(self.items) - height))
        if wanted == top:
            return False
        self.scroll_to(y=wanted, animate=False, force=True)
        return True

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.move_to(self.cursor + by * max(1, self.size.height - 1 - self.titled))

    def action_jump(self, index: int) -> None:
        """Move the cursor to the first or, by -1, the last row."""
        self.move_to(index if index >= 0 else len(self.items) + index)

    def text_of(self, item: T) -> str:
        """A row as text, its columns apart by tabs."""
        line = "".join(text for text, _ in self.draw_item(item, self.room - 1, inks(self.app)))
        return re.sub(" {2,}", "\t", line.strip())

    def action_copy_line(self) -> None:
        """Copy the row under the cursor."""
        if self.current is not None:
            copy(self, self.text_of(self.current))

    def choose(self) -> None:
        """Choose the row under the cursor."""
        if self.items:
            self.post_message(self.Chosen(self, self.cursor))

    # mouse and events

    def row_at(self, y: int) -> int | None:
        """The index of the row drawn at line `y` of the widget; None for the title and below the last."""
        index = y - self.titled + round(self.scroll_y)
        return index if y >= self.titled and index < len(self.items) else None

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        index = None if offset is None else self.row_at(offset.y)
        if index is None:
            return
        event.stop()
        self.move_to(index)
        if event.chain == 2:
            self.choose()

    def on_focus(self) -> None:
        self._draw_cursor()

    def on_blur(self) -> None:
        self._draw_cursor()

    def _draw_cursor(self) -> None:
        self.refresh_line(self.cursor + self.titled)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.items) + self.titled)
        self._strips.clear()
        self._follow()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # drawing

    @property
    def room(self) -> int:
        """The cells of a line, without those of a scrollbar."""
        return self.scrollable_content_region.width

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the title, a row, what is said of an empty list, or nothing."""
        width, base, ink = self.room, self.rich_style, inks(self.app)
        if not self.items:
            line = self.empty[y] if y < len(self.empty) else []
            return to_strip(line, width, base)
        if self.titled and y == 0:
            return to_strip([(" ", base), *self.draw_title(width - 1, ink)], width, base)
        index = y - self.titled + round(self.scroll_y)
        if not 0 <= index < len(self.items):
            return Strip.blank(width, base)
        return self._row(index, width, base, ink)

    def _row(self, index: int, width: int, base: Style, ink: Inks) -> Strip:
        item = self.items[index]
        look = (2 if self.has_focus else 1) if index == self.cursor else 0
        key, version = (id(item), look), self.version(item)
        kept = self._strips.get(key)
        if kept is not None and kept[0] is item and kept[1] == version and kept[2].cell_length == width:
            return kept[2]
        line = self.draw_item(item, width - 1, ink)
        strip = to_strip(self._with_cursor(line, look, ink), width, self._paper(base, look, ink))
        if len(self._strips) >= _KEPT:
            self._strips.clear()
        self._strips[key] = (item, version, strip)
        return strip

    @staticmethod
    def _with_cursor(line: Line, look: int, ink: Inks) -> Line:
        if not look:
            return [(" ", ink.text), *line]
        if no_color():
            line = [(text, ink.text) for text, _ in line]
        return [(symbol("cursor"), ink.accent if look == 2 else ink.muted), *line]

    @staticmethod
    def _paper(base: Style, look: int, ink: Inks) -> Style:
        if not look:
            return base
        return base + (ink.cursor if look == 2 else ink.cursor_blurred)
