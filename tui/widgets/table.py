"""Columns of a list: which of them fit into a width, and rows drawn in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from tui.text import ellipsis_mark, pad, safe

GAP = 2
Cell = tuple[str, Style]
Line = list[Cell]


def plain(text: str, width: int | None = None) -> Any:
    """`text` for a border's title: never read as markup, safe, and cut to `width` cells.

    Returns:
        A `Content`; typed loosely because Textual types titles as text, which it would read as markup.
    """
    return Content(safe(text, width))


def entitle(widget: Widget, title: str, below: str = "", width: int | None = None) -> None:
    """Set the titles in a widget's border; the same ones again cost no repaint, which assigning them does."""
    titles = (title, below, width)
    if getattr(widget, "_entitled", None) != titles:
        widget._entitled = titles  # type: ignore[attr-defined]
        widget.border_title = plain(title, width)
        widget.border_subtitle = plain(below, width)


class Column(msgspec.Struct, frozen=True):
    """One column of a list."""

    key: str
    title: str
    width: int
    """The least cells it takes."""
    most: int = 0
    """The most cells it takes where there is room; `width` when smaller."""
    right: bool = False
    """Whether its values, numbers, stand to the right."""
    rank: int = 0
    """The larger, the sooner it is left out where there is no room; 0 stays always."""
    wants: int = 0
    """The cells that its values need to be whole: spare ones go there before they go to space between columns."""


def arrange(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """The columns that fit into `width` cells, in their order, each with the cells it gets.

    Columns are left out by rank until the rest fits; what is over then goes to those whose values need it, then
    to those that take more, by rank too.
    """
    kept = list(columns)
    while kept and taken(kept) > width:
        last = max(kept, key=lambda column: column.rank)
        if last.rank == 0:
            break
        kept.remove(last)
    sizes = {column.key: column.width for column in kept}
    spare = width - taken(kept)
    if spare < 0:
        return _squeeze(kept, width)
    for whole in (True, False):
        for column in sorted(kept, key=lambda column: column.rank):
            wanted = min(column.wants, column.most) if whole else column.most
            more = min(spare, max(0, wanted - sizes[column.key]))
            sizes[column.key] += more
            spare -= more
    return [(column, sizes[column.key]) for column in kept]


def followed(first: int, cursor: int, room: int, size: int) -> int:
    """The first of `room` things of `size` that are in sight, moved as little as brings the one of the cursor there."""
    first = min(max(first, cursor - room + 1), cursor)
    return max(0, min(first, size - room))


def taken(columns: Sequence[Column]) -> int:
    """The cells that columns take at the least, with the gaps between them."""
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def _squeeze(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """Even the columns that always stay do not fit: the first ones get what there is."""
    out: list[tuple[Column, int]] = []
    for column in columns:
        room = min(column.width, width)
        if room <= 0:
            break
        out.append((column, room))
        width -= room + GAP
    return out


def draw_row(arranged: Sequence[tuple[Column, int]], cells: dict[str, Cell], default: Style) -> Line:
    """The cells of a row in the columns' order and widths."""
    line: Line = []
    last = len(arranged) - 1
    for position, (column, width) in enumerate(arranged):
        text, style = cells.get(column.key, ("", default))
        # the gap has no ink: in the style of its cell it costs no change of style on the way to the terminal
        gap = " " * GAP if position < last else ""
        line.append((pad(text, width, right=column.right) + gap, style))
    return line


def to_strip(line: Sequence[Cell], width: int, base: Style) -> Strip:
    """The strip of a line: every cell on `base`, filled or cut to `width` cells; an ellipsis says where it was cut."""
    strip = Strip([Segment(text, base + style) for text, style in line if text])
    if 0 < width < strip.cell_length and cell_len(strip.text.rstrip()) > width:
        kept = strip.crop(0, width - len(ellipsis_mark()))
        last = next((style for text, style in reversed(line) if text), base)
        strip = Strip([*kept, Segment(ellipsis_mark(), base + last)])
    return strip.adjust_cell_length(max(0, width), base).simplify()
