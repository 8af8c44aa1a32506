"""Text marked with the mouse: what lies between press and release, in one widget, goes to the clipboard.

Textual's own selection knows only widgets that render a text; most of this program is drawn cell by cell. Here the
cells that are shown are marked, as a terminal does it, but within the widget: a border or another pane is never part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input, TextArea

if TYPE_CHECKING:
    from tui.copying import CopyingApp

_MARKED = Style(reverse=True)
_OWN = (Screen, ScrollBar, Input, TextArea)
"""Widgets without text of their own, or with a selection of their own."""


class Span(NamedTuple):
    """From one cell to another of a widget, both included, in reading order."""

    first: Offset
    last: Offset

    def cells(self, y: int, width: int) -> tuple[int, int] | None:
        """From where to where line `y` is marked."""
        if not self.first.y <= y <= self.last.y:
            return None
        return (self.first.x if y == self.first.y else 0), (self.last.x + 1 if y == self.last.y else width)


class TextSelection:
    """Follows the mouse; shows what is marked inverted, until the next press or key."""

    def __init__(self, app: CopyingApp) -> None:
        self._app = app
        self._pressed: tuple[Widget, Offset] | None = None
        self._marked: tuple[Widget, Span] | None = None

    @property
    def text(self) -> str:
        """What is marked, its lines without the spaces at their ends; empty when nothing is."""
        if self._marked is None or not self._marked[0].is_attached:
            return ""
        widget, span = self._marked
        content = _content(widget)
        lines = []
        for y in range(span.first.y, span.last.y + 1):
            cells = span.cells(y, content.width)
            assert cells is not None
            row = Region(content.x, content.y + y, content.width, 1)
            lines.append("".join(strip.crop(*cells).text for strip in type(widget).render_lines(widget, row)).rstrip())
        return "\n".join(lines).strip("\n")

    def take(self, event: events.MouseEvent) -> None:
        """Follow what the mouse did."""
        if isinstance(event, events.MouseDown):
            self.clear()
            self._pressed = self._at(event) if event.button == 1 else None
        elif isinstance(event, events.MouseMove) and self._pressed is not None:
            self._move(event)
        elif isinstance(event, events.MouseUp):
            self._pressed = None
            if text := self.text:
                self._app.copy_shown(text)

    def clear(self) -> None:
        """Mark nothing."""
        if self._marked is not None:
            widget = self._marked[0]
            self._marked = None
            del widget.render_lines
            if widget.is_attached:
                widget.refresh()

    def _at(self, event: events.MouseEvent) -> tuple[Widget, Offset] | None:
        widget, region = self._app.screen.get_widget_at(event.x, event.y)
        if isinstance(widget, _OWN) or widget.is_container:
            return None
        place = event.screen_offset - region.offset - _content(widget).offset
        return (widget, place) if _content(widget).size.region.contains_point(place) else None

    def _move(self, event: events.MouseEvent) -> None:
        assert self._pressed is not None
        widget, start = self._pressed
        if not widget.is_attached or self._app.mouse_captured is not None or event.button != 1:
            self._pressed = None  # it went, or drags with the mouse itself
            self.clear()
            return
        content = _content(widget)
        place = event.screen_offset - widget.region.offset - content.offset
        end = Offset(min(max(0, place.x), content.width - 1), min(max(0, place.y), content.height - 1))
        if end != start or self._marked is not None:
            self._mark(widget, Span(*sorted((start, end), key=lambda offset: (offset.y, offset.x))))

    def _mark(self, widget: Widget, span: Span) -> None:
        if self._marked == (widget, span):
            return
        self._marked = (widget, span)
        self._app._mouse_down_widget = None  # letting go is no click then: nothing is opened, no tab is changed
        widget.render_lines = self._render_lines  # type: ignore[method-assign]
        widget.refresh()

    def _render_lines(self, crop: Region) -> list[Strip]:
        """The lines of the marked widget, in place of its own method."""
        assert self._marked is not None
        widget, span = self._marked
        content = _content(widget)
        strips = type(widget).render_lines(widget, crop)
        for index, strip in enumerate(strips):
            cells = span.cells(crop.y + index - content.y, content.width)
            if cells is not None:
                first, last = (max(0, content.x + x - crop.x) for x in cells)
                strips[index] = _inverted(strip, first, min(last, strip.cell_length))
        return strips


def _content(widget: Widget) -> Region:
    """Where the text of a widget lies, from the widget's own corner."""
    inner = widget.scrollable_content_region if widget.is_scrollable else widget.content_region
    return Region(*(inner.offset - widget.region.offset), inner.width, inner.height)


def _inverted(strip: Strip, first: int, last: int) -> Strip:
    if first >= last:
        return strip
    marked = [Segment(text, (style or Style()) + _MARKED) for text, style, _ in strip.crop(first, last)]
    return Strip.join([strip.crop(0, first), Strip(marked), strip.crop(last)])
