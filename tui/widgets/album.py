"""Samples as an album: a grid of small pictures in half blocks, each with its answer below it, and a cursor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tui.pictures import image_size, prepare, protocol
from tui.samples import Sample
from tui.text import fit, pad, safe
from tui.theme import Inks, inks, symbol
from tui.widgets.content_view import ContentView
from tui.widgets.image_view import picture_segments
from tui.widgets.table import Line, to_strip

AREAS = (72, 128, 288)
"""Cells of a small, a middle and a large picture, whatever its proportions."""
NARROWEST = 9
"""Cells that a picture takes at least: so much of what is said below it is to be read."""
CAPTION = 2
"""Lines below a picture."""
GAP = 2
"""Cells between two pictures."""
KEPT = 2_000
"""Pictures kept ready."""
_Drawn = tuple[tuple[Segment, ...], ...]
"""A picture's lines."""


class PicturesReady(Message):
    """Pictures were read and made ready; those that could not be read have no lines."""

    def __init__(self, tile: tuple[int, int], found: dict[Path, _Drawn]) -> None:
        super().__init__()
        self.tile, self.found = tile, found


def tile_of(size: tuple[int, int], area: int, width: int) -> tuple[int, int]:
    """The cells of a picture: about `area` of them in the image's proportions, so wide that they fill lines of `width`.

    Args:
        size: of the image, in pixels.
    """
    ratio = 2 * max(1, size[0]) / max(1, size[1])
    wanted = max(NARROWEST, math.sqrt(area * ratio)) + GAP
    columns = max(1, width // max(1, round(width / wanted)) - GAP)
    return columns, max(1, min(2 * round(math.sqrt(area)), round(columns / ratio)))


class Album(ContentView, can_focus=True, inherit_bindings=False):
    """Shows samples that have images; only pictures in sight are read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1, 0)", "Left", show=False, id="album.left", tooltip="The picture before"),
        Binding("right,l", "move(1, 0)", "Right", show=False, id="album.right", tooltip="The next picture"),
        Binding("up,k", "move(0, -1)", "Up", show=False, id="album.up", tooltip="The picture above"),
        Binding("down,j", "move(0, 1)", "Down", show=False, id="album.down", tooltip="The picture below"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="album.page-up", tooltip="Up by a page"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="album.page-down", tooltip="Down by a page"),
        Binding("home,g", "edge(0)", "First", show=False, id="album.first", tooltip="Go to the first picture"),
        Binding("end,G", "edge(1)", "Last", show=False, id="album.last", tooltip="Go to the last picture"),
    ]
    DEFAULT_CSS = "Album { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }"

    @dataclass
    class Moved(Message):
        """The cursor stands on another sample."""

        index: int

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.samples: Sequence[Sample] = ()
        self.cursor = 0
        self.empty: list[Line] = []
        """What is said where there is no sample."""
        self._area = AREAS[1]
        self._shape: tuple[int, int] | None = None
        """Width and height of the first image, in pixels."""
        self._tile = (1, 1)
        self._ready: dict[Path, _Drawn] = {}
        self._how = "text" if protocol() == "text" else "blocks"

    def show(self, samples: Sequence[Sample], cursor: int) -> None:
        """Show samples, one of them marked."""
        if not samples or not self.samples or samples[0].image != self.samples[0].image:
            self._shape = None  # other images may have another shape
        self.samples, self.cursor = samples, max(0, min(cursor, len(samples) - 1))
        self._arrange()

    def resize_pictures(self) -> None:
        """The next larger pictures; after the largest, the smallest."""
        self._area = AREAS[(AREAS.index(self._area) + 1) % len(AREAS)]
        self._arrange()

    # where things are

    @property
    def _across(self) -> int:
        """Pictures in a line."""
        return max(1, self._room // (self._tile[0] + GAP))

    @property
    def _room(self) -> int:
        """Cells of a line, without that of a scrollbar, which is not there before it is known what it scrolls."""
        return max(1, self.outer_size.width - self.styles.scrollbar_size_vertical)

    @property
    def _high(self) -> int:
        """Lines of a picture with what is said below it."""
        return self._tile[1] + CAPTION

    def _arrange(self) -> None:
        """Find the pictures' size, and read those in sight."""
        if not (self.samples and self.size.width and self.display):
            self.virtual_size = Size(self.size.width, 0)
            self.refresh()
            return
        tile = tile_of(self._shape or (1, 1), self._area, self._room)
        if tile != self._tile:
            self._tile = tile
            self._ready.clear()
        lines = -(-len(self.samples) // self._across) * self._high
        self.virtual_size = Size(self.size.width, lines + 1)
        self._follow()
        self._read()
        self.refresh()

    def _follow(self) -> None:
        """Scroll as little as brings the marked picture in sight."""
        height = max(1, self.size.height - 1)
        begin = self.cursor // self._across * self._high
        top = round(self.scroll_y)
        wanted = min(max(top, begin + self._high - height), begin)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Read what comes in sight."""
        super().watch_scroll_y(old_value, new_value)
        self._read()

    def on_resize(self) -> None:
        self._arrange()

    def on_show(self) -> None:
        self._arrange()

    # reading

    def _read(self) -> None:
        """Have the pictures in sight and of a page more read."""
        if not (self.samples and self.size.width and self.display):
            return
        first = round(self.scroll_y) // self._high * self._across
        many = (self.size.height // self._high + 2) * self._across
        paths = [sample.image for sample in self.samples[first : first + 2 * many] if sample.image is not None]
        wanted = [path for path in dict.fromkeys(paths) if path not in self._ready]
        if wanted:
            self._prepare(tuple(wanted), self._tile, self._area, self._shape, self._room)

    @work(thread=True, exclusive=True, exit_on_error=False, group="album")
    def _prepare(
        self,
        paths: tuple[Path, ...],
        tile: tuple[int, int],
        area: int,
        shape: tuple[int, int] | None,
        width: int,
    ) -> None:
        if shape is None:
            shape = next((size for path in paths if (size := image_size(path)) is not None), (1, 1))
            self.app.call_from_thread(self._shaped, shape)
            if tile != tile_of(shape, area, width):
                return  # they are asked for again, at their size
        found: dict[Path, _Drawn] = {}
        for path in paths:
            try:
                found[path] = tuple(map(tuple, picture_segments(prepare(path, *tile, self._how))))  # type: ignore[arg-type]
            except OSError:
                found[path] = ()
        self.post_message(PicturesReady(tile, found))

    def _shaped(self, shape: tuple[int, int]) -> None:
        """The proportions of the images are known."""
        self._shape = shape
        self._arrange()

    @on(PicturesReady)
    def _take(self, message: PicturesReady) -> None:
        message.stop()
        if message.tile == self._tile:
            if len(self._ready) > KEPT:
                self._ready.clear()
            self._ready.update(message.found)
            self.refresh()

    # moving

    def move_to(self, index: int) -> None:
        """Mark a picture, and say so."""
        index = max(0, min(index, len(self.samples) - 1))
        if index == self.cursor or not self.samples:
            return
        before, top = self.cursor, self.scroll_y
        self.cursor = index
        self._follow()
        if self.scroll_y == top:
            self.refresh(*(self._caption(at) for at in (before, index)))
        else:
            self.refresh()
        self.post_message(self.Moved(index))

    def _caption(self, index: int) -> Region:
        """Where it is said of a picture what it is."""
        line, column = divmod(index, self._across)
        y = 1 + line * self._high + self._tile[1] - round(self.scroll_y)
        return Region(column * (self._tile[0] + GAP), y, self._tile[0] + GAP, CAPTION)

    def action_move(self, columns: int, rows: int) -> None:
        """Move the cursor by pictures; it stays where there is none."""
        index = self.cursor + columns + rows * self._across
        last = len(self.samples) - 1
        if rows > 0 and index > last and self.cursor // self._across < last // self._across:
            index = last
        if 0 <= index <= last:
            self.move_to(index)

    def action_page(self, by: int) -> None:
        """Move the cursor by as many lines of pictures as are in sight."""
        lines = max(1, (self.size.height - 1) // self._high)
        self.move_to(self.cursor + by * lines * self._across)

    def action_edge(self, last: int) -> None:
        """To the first or the last picture."""
        self.move_to(last * (len(self.samples) - 1))

    async def _on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        line, column = (offset.y - 1 + round(self.scroll_y)) // self._high, offset.x // (self._tile[0] + GAP)
        index = line * self._across + column
        if column < self._across and index < len(self.samples):
            event.stop()
            self.move_to(index)

    def on_focus(self) -> None:
        self.refresh(self._caption(self.cursor))

    def on_blur(self) -> None:
        self.refresh(self._caption(self.cursor))

    # drawing

    def render_line(self, y: int) -> Strip:
        """The title, a line of pictures, or one of what they are."""
        width, base, ink = self._room, self.rich_style, inks(self.app)
        if not self.samples:
            return to_strip(self.empty[y] if y < len(self.empty) else [], width, base)
        if y == 0:
            return to_strip([(f" {fit(self._title(), width - 1)}", ink.muted)], width, base)
        line, within = divmod(y - 1 + round(self.scroll_y), self._high)
        across = self._across
        first = line * across
        last = max(first, min(first + across, len(self.samples)))
        segments: list[Segment] = []
        for index in range(first, last):
            if within < self._tile[1]:
                segments += [Segment(" ", base), *self._picture(self.samples[index], within, base), Segment(" ", base)]
            else:
                segments += self._said(index, within - self._tile[1], base, ink)
        return Strip(segments, (last - first) * (self._tile[0] + GAP)).adjust_cell_length(width, base)

    def _title(self) -> str:
        answered = any(sample.predicted is not None for sample in self.samples[:50])
        return "what was answered; below it what is true, where that is another" if answered else "what is true"

    def _picture(self, sample: Sample, line: int, base: Style) -> list[Segment]:
        """A line of a picture, in the middle of its place."""
        columns = self._tile[0]
        drawn = self._ready.get(sample.image) if sample.image is not None else ()
        if drawn is None or line >= len(drawn):
            lost = "no image" if drawn == () and line == 0 else ""
            return [Segment(pad(lost, columns), base)]
        cells = sum(len(segment.text) for segment in drawn[line])
        before = (columns - cells) // 2
        return [Segment(" " * before, base), *drawn[line], Segment(" " * (columns - cells - before), base)]

    def _said(self, index: int, line: int, base: Style, ink: Inks) -> list[Segment]:
        """A line below a picture: whether it is right and what was answered, then what is true."""
        sample, columns, marked = self.samples[index], self._tile[0], index == self.cursor
        text, style = sample.true, ink.text
        mark = ""
        if line == 0 and sample.predicted is not None:
            mark = {True: f"{symbol('finished')} ", False: f"{symbol('failed')} ", None: ""}[sample.right]
            text, style = sample.predicted, ink.bad if sample.right is False else ink.text
        elif line == 1 and (sample.predicted is None or sample.right):
            text = ""
        elif line == 1:
            mark, style = " " * len({True: "", False: "  ", None: ""}[sample.right]), ink.muted
        words = pad(mark + safe(text[:200]), columns)
        cursor = symbol("cursor") if marked else " "
        paper = base
        if marked:
            paper += ink.cursor if self.has_focus else ink.cursor_blurred
        return [
            Segment(cursor, paper + ink.accent),
            Segment(words, paper + style),
            Segment(" ", base),
        ]
