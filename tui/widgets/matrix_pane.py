"""A confusion matrix to move in: it zooms from all classes at a glance to their counts, and pans with the cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.plots.inks import half_style, shade_style, style_of
from tui.plots.lines import Line
from tui.plots.matrix_view import Shares, View, Zoom, draw_header, draw_line, label_width, zooms
from tui.theme import ascii_mode, no_color
from tui.widgets.table import followed


class MatrixPane(Widget, can_focus=True):
    """The matrix; its cursor is a cell: a true class and what it was taken for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="matrix.up", tooltip="The true class above"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="matrix.down", tooltip="The true class below"),
        Binding("left,h", "move(0, -1)", "Left", show=False, id="matrix.left", tooltip="The predicted class before"),
        Binding("right,l", "move(0, 1)", "Right", show=False, id="matrix.right", tooltip="The next predicted class"),
        Binding("K,pageup", "pan(-1, 0)", "Page up", show=False, id="matrix.pan-up", tooltip="Up by a page"),
        Binding("J,pagedown", "pan(1, 0)", "Page down", show=False, id="matrix.pan-down", tooltip="Down by a page"),
        Binding("H", "pan(0, -1)", "Page left", show=False, id="matrix.pan-left", tooltip="Left by a page"),
        Binding("L", "pan(0, 1)", "Page right", show=False, id="matrix.pan-right", tooltip="Right by a page"),
        Binding("home,g", "corner(0)", "First", show=False, id="matrix.first", tooltip="Go to the first class"),
        Binding("end,G", "corner(1)", "Last", show=False, id="matrix.last", tooltip="Go to the last class"),
        Binding("plus,equals_sign", "zoom(1)", "zoom in", id="matrix.in", tooltip="Larger cells: names and counts"),
        Binding("minus", "zoom(-1)", "zoom out", id="matrix.out", tooltip="Smaller cells: more classes in sight"),
        Binding("0", "whole", "all", show=False, id="matrix.whole", tooltip="All classes in sight"),
        Binding("d", "diagonal", "diagonal", show=False, id="matrix.diagonal", tooltip="To the class's right answers"),
        Binding("enter", "choose", "samples", id="matrix.choose", tooltip="The samples of this cell"),
    ]  # fmt: skip
    DEFAULT_CSS = "MatrixPane { width: 1fr; height: 1fr; background: $background; }"

    @dataclass
    class Moved(Message):
        """The cursor is on another cell."""

        true: int
        predicted: int

    @dataclass
    class Chosen(Message):
        """The samples of a cell are wanted."""

        true: int
        predicted: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.shares = Shares.of([], [])
        self.cursor = (0, 0)
        """The marked cell, in classes."""
        self._zoom: Zoom | None = None
        """None is the size at which all classes are in sight."""
        self._blocks: dict[int, Shares] = {}
        self._top = self._left = 0
        self._view: View | None = None
        self._strips: dict[int, Strip] = {}
        self._styles: dict[tuple[str, str], Style] = {}

    def set_matrix(self, shares: Shares) -> None:
        """Show another matrix, at the same place and size where it has the same classes."""
        self.shares = shares
        self._blocks = {}
        last = max(0, len(self.shares) - 1)
        self.cursor = (min(self.cursor[0], last), min(self.cursor[1], last))
        self._redraw()

    # size

    @property
    def plain(self) -> bool:
        """Whether cells are told apart without colours."""
        return no_color() or ascii_mode()

    @property
    def label(self) -> int:
        """Cells of the names at the left."""
        return label_width(self.shares.classes, self.size.width)

    @property
    def sizes(self) -> list[Zoom]:
        """The sizes to choose from, the smallest first."""
        if not (self.size.width and self.size.height):
            return [Zoom()]  # hidden: nothing is summed up
        room = max(1, self.size.width - self.label - 1)
        return zooms(max(1, len(self.shares)), room, max(1, self.size.height - 1), plain=self.plain)

    @property
    def zoom(self) -> Zoom:
        """The present size."""
        sizes = self.sizes
        return self._zoom if self._zoom in sizes else sizes[0]

    @property
    def view(self) -> View:
        """What is in sight."""
        if self._view is None:
            self._view = self._look()
        return self._view

    def _look(self) -> View:
        zoom = self.zoom
        if zoom.block not in self._blocks:
            self._blocks[zoom.block] = self.shares.blocks(zoom.block)
        cursor = (self.cursor[0] // zoom.block, self.cursor[1] // zoom.block)
        view = View(self._blocks[zoom.block], zoom, self.label, cursor=cursor, plain=self.plain)
        rows, columns = self._room(view)
        self._top = followed(self._top, cursor[0], rows, len(view.shares))
        self._left = followed(self._left, cursor[1], columns, len(view.shares))
        if self._top % view.step:
            self._top += -1 if cursor[0] == self._top else 1
        return replace(view, top=self._top, left=self._left)

    def _room(self, view: View) -> tuple[int, int]:
        """Rows and columns of blocks that fit."""
        rows = max(1, self.size.height - 1) * view.step
        return rows, max(1, (self.size.width - view.label - 1) // view.zoom.cell)

    # moving

    def move_to(self, true: int, predicted: int) -> None:
        """Mark a cell, and bring it in sight."""
        last = len(self.shares) - 1
        cursor = (max(0, min(true, last)), max(0, min(predicted, last)))
        if last >= 0 and cursor != self.cursor:
            before, self.cursor = self.view, cursor
            self._view = None
            self._redraw_moved(before, self.view)
            self.post_message(self.Moved(*cursor))

    def _redraw_moved(self, before: View, after: View) -> None:
        """Draw only the lines again that the cursor left and entered, unless others came in sight."""
        if (before.top, before.left) != (after.top, after.left):
            self._redraw()
            return
        lines = {0, *(1 + (view.cursor[0] - view.top) // view.step for view in (before, after))}
        for line in lines:
            self._strips.pop(line, None)
        self.refresh(*(Region(0, line, self.size.width, 1) for line in lines))

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor by cells as they are drawn."""
        block = self.zoom.block
        self.move_to(self.cursor[0] + rows * block, self.cursor[1] + columns * block)

    def action_pan(self, rows: int, columns: int) -> None:
        """Move the cursor by what is in sight."""
        view = self.view
        high, wide = self._room(view)
        by = view.zoom.block
        self.move_to(self.cursor[0] + rows * by * max(1, high - 1), self.cursor[1] + columns * by * max(1, wide - 1))

    def action_corner(self, last: int) -> None:
        """Go to the first or the last class's right answers."""
        end = (len(self.shares) - 1) * last
        self.move_to(end, end)

    def action_diagonal(self) -> None:
        """Go to where the true class is answered."""
        self.move_to(self.cursor[0], self.cursor[0])

    def action_zoom(self, by: int) -> None:
        """Larger or smaller cells."""
        sizes = self.sizes
        at = sizes.index(self.zoom) + by
        if 0 <= at < len(sizes):
            self._zoom = sizes[at]
            self._redraw()

    def action_whole(self) -> None:
        """Bring all classes in sight."""
        self._zoom = None
        self._redraw()

    def action_choose(self) -> None:
        """Ask for the samples of the marked cell; where it stands for several classes, show those one by one."""
        if not len(self.shares):
            return
        block = self.zoom.block
        if block == 1:
            self.post_message(self.Chosen(*self.cursor))
            return
        first = (self.cursor[0] // block * block, self.cursor[1] // block * block)
        self._zoom = next(zoom for zoom in self.sizes if zoom.block == 1)
        self._redraw()
        self.move_to(*self.shares.most_confused(first, block))

    async def _on_click(self, event: events.Click) -> None:
        view = self.view
        row = (view.top + (event.y - 1) * view.step) * view.zoom.block
        column = (view.left + (event.x - view.label - 1) // view.zoom.cell) * view.zoom.block
        if event.y >= 1 and event.x > view.label:
            self.move_to(row, column)
            if event.chain == 2:
                self.action_choose()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in."""
        event.stop()
        self.action_zoom(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out."""
        event.stop()
        self.action_zoom(-1)

    # drawing

    def on_resize(self) -> None:
        self._redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        self._styles.clear()

    def _redraw(self) -> None:
        self._view = None
        self._strips.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The predicted classes, and a line for each true one in sight."""
        width = self.size.width
        strip = self._strips.get(y)
        if strip is None:
            line: Line = []
            if len(self.shares):
                line = draw_header(self.view, width) if y == 0 else draw_line(self.view, y - 1, width)
            strip = self._strips[y] = self._strip(line).adjust_cell_length(width, self.rich_style)
        return strip

    def _strip(self, line: Line) -> Strip:
        base, segments = self.rich_style, []
        for text, color, tone in line:
            style = self._styles.get((color, tone))
            if style is None:
                style = self._styles[color, tone] = base + self._style(color, tone)
            segments.append(Segment(text, style))
        return Strip(segments)

    def _style(self, color: str, tone: str) -> Style:
        if tone == "half":
            upper, _, lower = color.partition("/")
            return half_style(self.app, upper, lower)
        if tone.startswith("on "):
            return shade_style(self.app, color, int(tone[3:]) / 100)
        return style_of(self.app, color, tone)
