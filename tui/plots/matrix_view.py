"""A part of a confusion matrix at any size of cell: from counts with names down to many classes in half a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size

from tui.plots.lines import Line
from tui.text import fit, pad, safe

RAMP = " .:-=+*#%@"
"""Shares from none to all where there are no colours."""
CELLS = (2, 3, 4, 6, 8)
"""Cells that a class is wide at the sizes from small to large, one line each."""
SHADES = 20
MOST_LABEL = 18


@dataclass(frozen=True)
class Zoom:
    """How large a class is drawn."""

    cell: int = 4
    """Cells that a class is wide; with 1 the cells are half a line high."""
    block: int = 1
    """Classes a cell stands for, each way."""

    @property
    def halves(self) -> bool:
        """Whether a line holds two rows of cells."""
        return self.cell == 1


def zooms(size: int, width: int, height: int, *, plain: bool = False) -> list[Zoom]:
    """The sizes there are for `size` classes in `width` × `height` cells, from the whole matrix to the largest cells.

    Args:
        plain: without colours, where half lines cannot be told apart: a cell then takes a whole line.
    """
    rows = height if plain else 2 * height
    least = max(1, -(-size // max(1, width)), -(-size // max(1, rows)))
    blocks = sorted({least, *(b for b in (1, 2, 4, 8) if b < least)}, reverse=True)
    whole = [Zoom(1, block) for block in blocks]
    lines = [Zoom(cell) for cell in CELLS]
    fitting = [zoom for zoom in lines if size * zoom.cell <= width and size <= height]
    if not fitting:
        return [*whole, *lines]
    return lines[lines.index(fitting[-1]) :]  # smaller ones than the largest that shows all say nothing more


@dataclass(frozen=True)
class Shares:
    """A confusion matrix with what is needed to draw any part of it."""

    counts: NDArray[np.int64]
    """(true, predicted)"""
    classes: Sequence[str]
    totals: NDArray[np.int64]
    shades: NDArray[np.int64]
    """Of each cell, in `SHADES` steps of its share of the row; small shares are lifted so that they are seen at all."""

    @classmethod
    def of(cls, counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Shares:
        """The shares of counts[true][predicted]."""
        table = np.array(counts, np.int64).reshape(len(counts), len(counts))
        totals = table.sum(1)
        return cls(table, classes, totals, _shades(table, totals))

    def __len__(self) -> int:
        return len(self.totals)

    def most_confused(self, first: tuple[int, int], block: int) -> tuple[int, int]:
        """The classes confused most of the `block` × `block` ones from `first` on."""
        part = self.counts[first[0] : first[0] + block, first[1] : first[1] + block].copy()
        rows, columns = np.indices(part.shape)
        part[rows + first[0] == columns + first[1]] = -1
        row, column = np.unravel_index(int(part.argmax()), part.shape)
        return first[0] + int(row), first[1] + int(column)

    def blocks(self, block: int) -> Shares:
        """The same with `block` classes each way summed up in one."""
        if block == 1:
            return self
        starts = np.arange(0, len(self), block)
        table = np.add.reduceat(np.add.reduceat(self.counts, starts, 0), starts, 1)
        names = [self.classes[start] for start in starts.tolist()]
        return Shares(table, names, table.sum(1), _shades(table, table.sum(1), least=1))


def _shades(table: NDArray[np.int64], totals: NDArray[np.int64], least: int = 3) -> NDArray[np.int64]:
    shares = table / np.maximum(1, totals)[:, None]
    return np.where(table > 0, np.maximum(least, np.rint(SHADES * shares**0.6)), 0).astype(np.int64)


@dataclass(frozen=True)
class View:
    """What of a matrix is in sight."""

    shares: Shares
    """Of the blocks of the zoom."""
    zoom: Zoom
    label: int
    """Cells of the names at the left."""
    top: int = 0
    """The first row in sight, in blocks."""
    left: int = 0
    cursor: tuple[int, int] = (0, 0)
    """The marked cell, in blocks: true, predicted."""
    plain: bool = False

    @property
    def step(self) -> int:
        """Rows of blocks a line holds."""
        return 2 if self.zoom.halves and not self.plain else 1


def label_width(classes: Sequence[str], width: int) -> int:
    """Cells for the names of the classes."""
    return min(max((cell_len(safe(name)) for name in classes), default=1), MOST_LABEL, max(4, width // 4))


def draw_header(view: View, width: int) -> Line:
    """The predicted classes in sight: names where there is room, else the marked one's above its column."""
    room, size = width - view.label - 1, len(view.shares)
    cell = view.zoom.cell
    head: Line = [(" " * (view.label + 1), "", "")]
    column = view.cursor[1]
    if cell >= 3:
        for index in range(view.left, min(size, view.left + room // cell)):
            # cut without an ellipsis: the first two letters say more than one and a mark
            name = safe(view.shares.classes[index])
            name = pad(set_cell_size(name, min(cell_len(name), cell - 1)), cell - 1, right=True) + " "
            head.append((name, "accent" if index == column else "muted", "bold" if index == column else ""))
        return head
    at = (column - view.left) * cell
    name = safe(view.shares.classes[column], max(1, room - 2))
    mark = "v" if view.plain else "▾"
    before = at + 2 + cell_len(name) > room
    text = " " * max(0, at - cell_len(name) - 1) + f"{name} {mark}" if before else " " * max(0, at) + f"{mark} {name}"
    return [*head, (fit(text, room), "accent", "bold")]


def draw_line(view: View, line: int, width: int) -> Line:
    """Line `line` of the part in sight; empty below the matrix."""
    first = view.top + line * view.step
    if first >= len(view.shares):
        return []
    row, _ = view.cursor
    marked = first <= row < first + view.step
    shown = row if marked else first
    name = safe(view.shares.classes[shown], view.label)
    ink, tone = ("accent", "bold") if marked else ("muted" if view.step > 1 else "text", "")
    head: Line = [(pad(name, view.label), ink, tone), (" ", "", "")]
    right = min(len(view.shares), view.left + max(0, width - view.label - 1) // view.zoom.cell)
    rows = range(first, min(first + view.step, len(view.shares)))
    shades = [view.shares.shades[row, view.left : right].tolist() for row in rows]
    if view.zoom.halves:
        return head + (_ramp(view, first, shades[0]) if view.plain else _halves(view, first, shades))
    counts = view.shares.counts[first, view.left : right].tolist()
    return head + _cells(view, first, counts, shades[0])


def _cells(view: View, row: int, counts: list[int], shades: list[int]) -> Line:
    """Classes in cells of their own: the count where it fits, else percents of the row."""
    total, width = int(view.shares.totals[row]), view.zoom.cell
    line: Line = []
    for column, (value, shade) in enumerate(zip(counts, shades, strict=True), view.left):
        color, tone = "good" if row == column else "bad", f"on {5 * shade}"
        if (row, column) == view.cursor:
            color, tone = "accent", "on 100"
        text = _number(value, total, width)
        if not value and line and line[-1][1:] == (color, tone):
            line[-1] = (line[-1][0] + text, color, tone)
        else:
            line.append((text, color, tone))
    return line


def _number(value: int, total: int, width: int) -> str:
    text = str(value) if value else "."
    if len(text) > width - 1:
        text = "100" if value == total else str(min(99, max(1, round(100 * value / total))))
    if len(text) > width - (len(text) < width):
        text = "*"
    return text.rjust(width - 1) + " " if len(text) < width else text


def _halves(view: View, row: int, shades: list[list[int]]) -> Line:
    """Two rows of cells in a line, as upper half blocks; equal neighbours in one piece."""
    line: Line = []
    upper, lower = shades[0], shades[1] if len(shades) > 1 else [0] * len(shades[0])
    for column, pair in enumerate(zip(upper, lower, strict=True), view.left):
        if pair == (0, 0) and column != view.cursor[1]:
            text, color = " ", "/"
        else:
            tones = (_tone(view, row + below, column, shade) for below, shade in enumerate(pair))
            color = "/".join(tones)
            text = " " if color == "/" else "▀"
        if line and line[-1][1] == color:
            line[-1] = (line[-1][0] + text, color, "half")
        else:
            line.append((text, color, "half"))
    return line


def _tone(view: View, row: int, column: int, shade: int) -> str:
    """A half cell's colour: `good-12`, a shade of the diagonal's; empty where nobody was taken for that class."""
    if (row, column) == view.cursor:
        return f"accent-{SHADES}"
    return f"{'good' if row == column else 'bad'}-{shade}" if shade else ""


def _ramp(view: View, row: int, shades: list[int]) -> Line:
    """A line of characters from light to dark, for terminals without colours."""
    text = "".join(RAMP[min(len(RAMP) - 1, -(-shade * (len(RAMP) - 1) // SHADES))] for shade in shades)
    at = view.cursor[1] - view.left
    if row != view.cursor[0] or not 0 <= at < len(text):
        return [(text, "text", "")]
    return [(text[:at], "text", ""), ("X", "accent", "bold"), (text[at + 1 :], "text", "")]
