"""Values of each layer over the steps as a heat map: a row a layer, a column a stretch of steps, a cursor to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.plots.heat import CIVIDIS, RAMP, Heat, Scale, nearest_color, scale_of
from tui.text import ellipsis_mark, number, pad, safe
from tui.theme import ascii_mode, inks, no_color, symbol
from tui.widgets.table import Line, followed, to_strip

MOST_LABEL = 30
WIDEST = 6
"""Most cells of a column."""
LAST = 10
"""Cells of the newest value at the right."""


class HeatPane(Widget, can_focus=True):
    """The map; its cursor is a layer at a stretch of steps."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False, id="heat.up", tooltip="The layer above"),
        Binding("down,j", "move(1, 0)", "Down", show=False, id="heat.down", tooltip="The layer below"),
        Binding("left,h", "move(0, -1)", "earlier", id="heat.left", tooltip="Earlier steps"),
        Binding("right,l", "move(0, 1)", "later", id="heat.right", tooltip="Later steps"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="heat.page-up", tooltip="Up by a page"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="heat.page-down", tooltip="Down by a page"),
        Binding("home,g", "edge(0)", "First", show=False, id="heat.first", tooltip="The first steps"),
        Binding("end,G", "edge(1)", "Last", show=False, id="heat.last", tooltip="The newest steps"),
    ]  # fmt: skip
    DEFAULT_CSS = "HeatPane { width: 1fr; height: 1fr; background: $background; }"

    @dataclass
    class Moved(Message):
        """The cursor is elsewhere, or what is under it is."""

    def __init__(self) -> None:
        super().__init__()
        self.heat: Heat | None = None
        self.cursor: tuple[int, int | None] = (0, None)
        """Layer and column; None follows the newest."""
        self._top = 0
        self._thinned: Heat | None = None
        self._strips: dict[int, Strip] = {}
        """The layers as they are drawn, but the marked one."""
        self._wide = 1
        """Cells that a column takes: few records are drawn wide."""
        self.scale = Scale(-1.0, 0.0)

    def show(self, heat: Heat | None) -> None:
        """Show other values, or more of the same."""
        self.heat = heat
        self._arrange()

    def _arrange(self) -> None:
        heat = self.heat
        self._thinned = None
        self._strips.clear()
        if heat is not None and self.size.width:
            self._thinned = heat.thinned(self.room)
            self._wide = max(1, min(WIDEST, self.room // max(1, len(self._columns))))
            self.scale = scale_of(heat.value)
            self._follow()
        self.refresh()
        self.post_message(self.Moved())

    @property
    def _columns(self) -> NDArray[np.float64]:
        """What is drawn, (columns, layers)."""
        return np.empty((0, 0)) if self._thinned is None else self._thinned.value

    @property
    def label(self) -> int:
        """Cells of the layers' names."""
        layers = self.heat.layers if self.heat is not None else ()
        room = max(6, self.size.width // 4, min(MOST_LABEL, self.size.width // 3))
        return min(room, max((cell_len(safe(name)) for name in layers), default=4))

    @property
    def room(self) -> int:
        """Columns there are."""
        return max(1, self.size.width - self.label - 2 - LAST)

    @property
    def marked(self) -> tuple[str, int, int, float] | None:
        """The marked layer, the first and last step of the column, and the largest value there."""
        shown = self._thinned
        if shown is None or not len(shown.value):
            return None
        row, column = self._place
        return shown.layers[row], int(shown.first[column]), int(shown.last[column]), float(shown.value[column, row])

    @property
    def _place(self) -> tuple[int, int]:
        rows, columns = len(self.heat.layers) if self.heat else 1, len(self._columns)
        row, column = self.cursor
        return min(row, rows - 1), columns - 1 if column is None else min(column, columns - 1)

    # moving

    def on_resize(self) -> None:
        self._arrange()

    @property
    def _sight(self) -> int:
        """Layers that are in sight at once: the steps stand below them."""
        return max(1, self.size.height - 1)

    def _follow(self) -> None:
        row, _ = self._place
        rows = len(self.heat.layers) if self.heat else 0
        self._top = followed(self._top, row, self._sight, rows)

    def move_to(self, row: int, column: int) -> None:
        """Mark a layer and a column."""
        if self.heat is None or not len(self._columns):
            return
        last = len(self._columns) - 1
        row, column = max(0, min(row, len(self.heat.layers) - 1)), max(0, min(column, last))
        before, top = self._place[0], self._top
        self.cursor = (row, None if column == last else column)
        self._follow()
        if self._top != top:
            self.refresh()
        else:  # only the layers that the cursor left and entered are drawn again
            steps = min(self._sight, len(self.heat.layers) - top)
            self.refresh(*(Region(0, y, self.size.width, 1) for y in {before - top, row - top, steps}))
        self.post_message(self.Moved())

    def action_move(self, rows: int, columns: int) -> None:
        """Move the cursor."""
        row, column = self._place
        self.move_to(row + rows, column + columns)

    def action_page(self, by: int) -> None:
        """Move the cursor by as many layers as are in sight."""
        self.action_move(by * self._sight, 0)

    def action_edge(self, last: int) -> None:
        """To the first or the newest steps."""
        row, _ = self._place
        self.move_to(row, (len(self._columns) - 1) * last)

    def steps_line(self) -> Line:
        """Below the map: its first and its last step, and where the cursor stands between them."""
        shown, ink = self._thinned, inks(self.app)
        if shown is None or not len(shown.value):
            return []
        first, last = f"{int(shown.first[0]):,}", f"{int(shown.last[-1]):,}"
        wide = self._wide * len(shown.value)
        at = self._place[1] * self._wide + (self._wide - 1) // 2
        line: Line = [(pad("step", self.label + 1), ink.muted)]
        if wide < len(first) + len(last) + 2:
            return [*line, (last, ink.muted)]
        between = wide - len(first) - len(last)
        before = at - len(first)
        if not 0 <= before < between:
            return [*line, (first, ink.muted), (" " * between, ink.muted), (last, ink.muted)]
        mark = (symbol("up"), ink.accent)
        after = (" " * (between - before - 1), ink.muted)
        return [*line, (first, ink.muted), (" " * before, ink.muted), mark, after, (last, ink.muted)]

    async def _on_click(self, event: events.Click) -> None:
        self.move_to(self._top + event.y, (event.x - self.label - 1) // self._wide)

    # drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """A layer: its name, its values over the steps, the newest one; below the last one the steps."""
        row = self._top + y
        if self.heat is None or not len(self._columns):
            return Strip.blank(self.size.width, self.rich_style)
        if y == min(self._sight, len(self.heat.layers) - self._top):
            return to_strip(self.steps_line(), self.size.width, self.rich_style)
        if row >= len(self.heat.layers):
            return Strip.blank(self.size.width, self.rich_style)
        if row == self._place[0]:
            return self._draw(row)
        if row not in self._strips:
            self._strips[row] = self._draw(row)
        return self._strips[row]

    def _draw(self, row: int) -> Strip:
        assert self.heat is not None
        width, base, ink = self.size.width, self.rich_style, inks(self.app)
        marked, column = self._place
        name = pad(layer_name(self.heat.layers[row], self.label), self.label)
        head: Line = [(f"{name} ", ink.strong if row == marked else ink.muted)]
        values = self._columns[:, row]
        newest = number(float(values[-1]), 3) if np.isfinite(values[-1]) else "-"
        tail: Line = [(f" {newest:>{LAST}}", ink.text)]
        blank: Line = [(" " * (self.room - self._wide * len(values)), ink.text)]
        at = column if row == marked else None
        cells = self._plain(values, at) if no_color() or ascii_mode() else self._cells(values, at)
        strip = Strip([*to_strip(head, self.label + 1, base), *cells])
        rest = to_strip([*blank, *tail], max(0, width - strip.cell_length), base)
        return Strip([*strip, *rest]).adjust_cell_length(width, base)

    def _cells(self, values: NDArray[np.float64], marked: int | None) -> list[Segment]:
        base, segments = self.rich_style, []
        run, color = "", None
        for index, value in enumerate(values.tolist()):
            level = self.scale.level(value, len(CIVIDIS))
            found = None if level is None else nearest_color(level, len(CIVIDIS))
            text = ("×" if found is None else " ") * self._wide
            if index == marked:
                segments.append(Segment(run, _ground(base, color)))
                ground = _ground(base, found)
                segments.append(
                    Segment("◆".center(self._wide), ground + Style(color="black" if _bright(found) else "white"))
                )
                run, color = "", None
            elif found == color and run:
                run += text
            else:
                segments.append(Segment(run, _ground(base, color)))
                run, color = text, found
        segments.append(Segment(run, _ground(base, color)))
        return [segment for segment in segments if segment.text]

    def _plain(self, values: NDArray[np.float64], marked: int | None) -> list[Segment]:
        """Characters from light to dark in place of colours; the marked one reversed."""
        base, segments = self.rich_style, []
        for index, value in enumerate(values.tolist()):
            level = self.scale.level(value, len(RAMP) - 1)
            character = "x" if level is None else RAMP[level + 1]
            segments.append(Segment(character * self._wide, base + Style(reverse=True) if index == marked else base))
        return segments


def layer_name(name: str, cells: int) -> str:
    """A layer's name in at most `cells`: without its type, or without its beginning, as names differ at their ends."""
    shown = safe(name)
    path = shown.partition(" ")[0]
    if cell_len(path) <= cells:
        return safe(name, cells)
    end = path
    while cell_len(end) > cells - len(ellipsis_mark()):
        end = end[1:]
    return ellipsis_mark() + end


def _ground(base: Style, color: tuple[int, int, int] | None) -> Style:
    return base if color is None else base + Style.from_color(None, Color.from_rgb(*color))


def _bright(color: tuple[int, int, int] | None) -> bool:
    return color is not None and sum(color) > 330


def legend_line(scale: Scale, width: int, base: Style, words: str) -> Strip:
    """The colours from the least to the largest value, with both in figures."""
    low, high = number(10**scale.low, 3), number(10**scale.high, 3)
    segments = [Segment(f" {low} ", base)]
    if no_color() or ascii_mode():
        segments.append(Segment(RAMP[1:], base))
    else:
        segments += [Segment(" ", _ground(base, color)) for color in CIVIDIS]
    segments.append(Segment(f" {high}   {words}", base))
    return Strip(segments).adjust_cell_length(width, base)
