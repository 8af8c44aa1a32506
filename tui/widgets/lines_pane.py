"""A scrollable pane of drawn lines: details, help, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.strip import Strip

from tui.copying import copy
from tui.theme import Inks, inks
from tui.widgets.content_view import ContentView
from tui.widgets.table import Line, to_strip

Builder = Callable[[int, Inks], list[Line]]
"""Makes the lines for a width in cells."""


class LinesPane(ContentView, can_focus=True, inherit_bindings=False):
    """Shows what a builder draws, again for each width; scrolls by keys and wheel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False, id="pane.up", tooltip="Scroll up"),
        Binding("down,j", "scroll_down", "Down", show=False, id="pane.down", tooltip="Scroll down"),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False, id="pane.page-up", tooltip="Scroll up by a page"),
        Binding(
            "pagedown,ctrl+f", "page_down", "Page down", show=False, id="pane.page-down", tooltip="Scroll by a page"
        ),
        Binding("home,g", "scroll_home", "Top", show=False, id="pane.top", tooltip="Scroll to the top"),
        Binding("end,G", "scroll_end", "End", show=False, id="pane.end", tooltip="Scroll to the end"),
        Binding("Y", "copy_all", "Copy", show=False, id="pane.copy", tooltip="Copy all the text of this pane"),
    ]
    DEFAULT_CSS = """
    LinesPane { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """

    def __init__(self, builder: Builder | None = None, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._builder = builder
        self._lines: list[Line] = []
        self._strips: dict[int, Strip] = {}
        self._width = 0
        self._late = False
        """Whether it is to be built again for another width."""

    @property
    def line_count(self) -> int:
        """How many lines the content has at the present width."""
        return len(self._lines)

    @property
    def plain(self) -> str:
        """The content as text."""
        return "\n".join("".join(text for text, _ in line).rstrip() for line in self._lines)

    def action_copy_all(self) -> None:
        """Copy the content, also what is out of sight."""
        copy(self, self.plain)

    def show(self, builder: Builder, *, top: bool = True) -> None:
        """Show what `builder` draws, from its top unless told otherwise."""
        self._builder = builder
        if top and self.scroll_y:
            self.scroll_to(y=0, animate=False)
        self._build()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width:
            self._build()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        if self._builder is not None and self.is_mounted and self._width:
            self._build()

    def _build(self) -> None:
        self._width, self._late = self.scrollable_content_region.width, False
        old = self._lines
        if self._builder is not None and self._width > 0:
            self._lines = self._builder(self._width, inks(self.app))
        if len(old) != len(self._lines):
            self.virtual_size = Size(self._width, len(self._lines))
        self._strips.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the content."""
        index, width = y + round(self.scroll_y), self.scrollable_content_region.width
        if width != self._width and self._builder is not None and not self._late:
            self._late = True  # a scrollbar came or went: no event tells of it
            self.call_later(self._build)
        strip = self._strips.get(index)
        if strip is None or strip.cell_length != width:
            line = self._lines[index] if index < len(self._lines) else []
            strip = self._strips[index] = to_strip(line, width, self.rich_style)
        return strip
