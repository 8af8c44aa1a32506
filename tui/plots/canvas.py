"""Curves as braille dots in an array of cells: two by four dots a cell, drawn by whole columns with numpy.

Rows and columns of dots count from the top left. A curve is a polyline over ascending columns whose vertices may have
an extent (the least and greatest value of what they sum up): in each column of dots it covers what a line of one dot's
width would, so a million points and the ten thousand buckets they were merged into look the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

Floats: TypeAlias = NDArray[np.float64]

BRAILLE = 0x2800
_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
SPACE = 32


def _column_bits(dots: tuple[int, ...]) -> NDArray[np.uint8]:
    """`first * 5 + end` to the bits of the dots `first` to `end` - 1 of one column of a cell."""
    rows = range(len(dots) + 1)
    return np.array([sum(dots[first:end]) for first in rows for end in rows], np.uint8)


_LEFT_BITS, _RIGHT_BITS = _column_bits(_LEFT), _column_bits(_RIGHT)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What stands in each cell: parallel arrays of height × width."""

    glyph: NDArray[np.uint32]
    """Code points; 0 in the second cell of a wide character."""
    ink: NDArray[np.int16]
    """Number of the ink; 0 is none."""

    def rows(self) -> list[str]:
        """The text of each row."""
        return [decode(row) for row in self.glyph]

    def runs(self, y: int) -> list[tuple[str, int]]:
        """Row `y` as pieces of one ink each."""
        ink = self.ink[y]
        cuts = [0, *(np.flatnonzero(ink[1:] != ink[:-1]) + 1).tolist(), len(ink)]
        text = self.glyph[y].tobytes().decode("utf-32-le")
        return [(text[a:b].replace("\0", ""), int(ink[a])) for a, b in pairwise(cuts) if b > a]

    def changes(self, other: Frame, gap: int) -> list[tuple[int, int, int]]:
        """The cells that differ from `other` of the same shape: (y, first x, end x), runs nearer than `gap` joined."""
        different = (self.glyph != other.glyph) | (self.ink != other.ink)
        found = []
        for y in np.flatnonzero(different.any(axis=1)).tolist():
            at = np.flatnonzero(different[y])
            breaks = np.flatnonzero(np.diff(at) > gap)
            firsts = at[np.concatenate(([0], breaks + 1))].tolist()
            ends = (at[np.append(breaks, len(at) - 1)] + 1).tolist()
            for first, end in zip(firsts, ends, strict=True):
                # Never begin in the middle of a wide character, old or new.
                halved = self.glyph[y, first] == 0 or other.glyph[y, first] == 0
                found.append((y, max(0, first - 1) if halved else first, end))
        return found


def decode(glyphs: NDArray[np.uint32]) -> str:
    """Code points as text, the second cells of wide characters left out."""
    return glyphs.tobytes().decode("utf-32-le").replace("\0", "")


class Canvas:
    """Cells to draw on, `width` × `height`; without braille, one character a cell, in ASCII."""

    def __init__(self, width: int, height: int, *, ascii_only: bool = False) -> None:
        self.width, self.height = max(0, width), max(0, height)
        self.ascii_only = ascii_only
        self.across, self.down = (1, 1) if ascii_only else (2, 4)
        """Dots of a cell."""
        self.glyph = np.full((self.height, self.width), SPACE, np.uint32)
        self.ink = np.zeros((self.height, self.width), np.int16)
        self._bits = np.zeros((self.height, self.width), np.uint8)

    @property
    def dots_wide(self) -> int:
        """Columns of dots."""
        return self.width * self.across

    @property
    def dots_high(self) -> int:
        """Rows of dots."""
        return self.height * self.down

    def curve(self, x: Floats, low: Floats, high: Floats, line: Floats, ink: int, symbol: str = "*") -> None:
        """Draw a polyline of one dot's width through (`x`, `line`), with the extents `low`…`high` (NaN: none).

        Args:
            x: columns of dots, ascending; fractions and columns outside are fine.
            low, high, line: rows of dots (`low` is nearest the top); NaN interrupts.
            symbol: what is drawn in ASCII.
        """
        if not (self.width and self.height and len(x)):
            return
        first, last = column_extents(x, low, high, line, self.dots_wide)
        drawn = first <= last  # False where nothing is
        # minimum and maximum rather than clip, and small integers: this is most of what a repaint costs
        first = np.minimum(np.maximum(np.where(drawn, first, self.dots_high), 0), self.dots_high).astype(np.int16)
        end = np.minimum(np.maximum(np.where(drawn, last + 1, 0), 0), self.dots_high).astype(np.int16)
        tops = np.arange(0, self.dots_high, self.down, dtype=np.int16)[:, None]
        begin = np.minimum(np.maximum(first - tops, 0), self.down)
        until = np.minimum(np.maximum(end - tops, 0), self.down)
        if self.ascii_only:
            self._mark(begin < until, ord(symbol), ink)
            return
        places = begin * np.int16(5) + until
        bits = _LEFT_BITS.take(places[:, ::2]) | _RIGHT_BITS.take(places[:, 1::2])
        self._bits |= bits
        self._mark(bits != 0, None, ink)

    def band(self, x: Floats, low: Floats, high: Floats, ink: int, symbol: str = ":") -> None:
        """Shade every second dot between two lines over the same columns `x`; NaN interrupts.

        Args:
            low, high: rows of dots (`low` is nearest the top).
            symbol: what it is shaded with in ASCII.
        """
        if not (self.width and self.height and len(x)):
            return
        columns = np.arange(self.dots_wide)
        top, bottom = (_interpolate(columns.astype(np.float64), x, _bounded(line)) for line in (low, high))
        rows = np.arange(self.dots_high)[:, None]
        inside = (rows >= np.rint(top)) & (rows <= np.rint(bottom))
        if self.ascii_only:
            self._mark(inside, ord(symbol), ink)
            return
        inside &= (rows + columns) % 2 == 0
        cells = inside.reshape(self.height, self.down, self.width, self.across)
        dots = np.array([_LEFT, _RIGHT], np.uint8).T[None, :, None, :]
        bits = (cells * dots).sum(axis=(1, 3), dtype=np.uint8)
        self._bits |= bits
        self._mark(bits != 0, None, ink)

    def _mark(self, where: NDArray[np.bool_], glyph: int | None, ink: int) -> None:
        if glyph is not None:
            self.glyph[where] = glyph
        self.ink[where] = ink

    def flatten(self) -> None:
        """End a layer: what is drawn later replaces the dots of this one in the cells it touches."""
        drawn = self._bits != 0
        self.glyph[drawn] = BRAILLE + self._bits[drawn].astype(np.uint32)
        self._bits.fill(0)

    def text(self, x: int, y: int, text: str, ink: int) -> None:
        """Write over whatever is there; cut at the edges. The caller has made `text` safe."""
        if not 0 <= y < self.height:
            return
        if text.isascii():
            self._plain_text(x, y, text, ink)
            return
        for character in text:
            cells = 1 if character.isascii() else cell_len(character)
            if cells and x >= 0 and x + cells <= self.width:
                self._heal(x, y)
                self._heal(x + cells, y)
                self.glyph[y, x] = ord(character)
                self.glyph[y, x + 1 : x + cells] = 0
                self.ink[y, x : x + cells] = ink
            x += cells

    def _plain_text(self, x: int, y: int, text: str, ink: int) -> None:
        text, x = text[max(0, -x) : max(0, self.width - x)], max(0, x)
        end = x + len(text)
        if text:
            self._heal(x, y)
            self._heal(end, y)
            self.glyph[y, x:end] = np.frombuffer(text.encode("utf-32-le"), np.uint32)
            self.ink[y, x:end] = ink

    def _heal(self, x: int, y: int) -> None:
        """Blank the wide character whose second cell is at `x`: its first is about to be cut off from it."""
        if 0 < x < self.width and self.glyph[y, x] == 0:
            self.glyph[y, x - 1 : x + 1] = SPACE

    def rule(self, y: int, x0: int, x1: int, characters: str, ink: int) -> None:
        """Fill the empty cells of row `y` from `x0` to before `x1` with repetitions of `characters`."""
        if not 0 <= y < self.height:
            return
        x0, x1 = max(0, x0), min(self.width, x1)
        pattern = np.array([ord(c) for c in characters], np.uint32)
        columns = np.arange(x0, x1)
        empty = self.glyph[y, x0:x1] == SPACE
        self.glyph[y, columns[empty]] = pattern[columns[empty] % len(pattern)]
        self.ink[y, columns[empty & (self.glyph[y, x0:x1] != SPACE)]] = ink

    def column(self, x: int, y0: int, y1: int, character: str, ink: int, over: NDArray[np.bool_] | None = None) -> None:
        """Fill the empty cells of column `x` from `y0` to before `y1`, and those of `over`, which has all cells."""
        if not 0 <= x < self.width:
            return
        y0, y1 = max(0, y0), min(self.height, y1)
        free = self.glyph[y0:y1, x] == SPACE
        rows = y0 + np.flatnonzero(free if over is None else free | over[y0:y1, x])
        self.glyph[rows, x] = ord(character)
        self.ink[rows, x] = ink

    def paste(self, other: Canvas, x: int, y: int) -> None:
        """Copy `other`, which must fit, with its top left corner at (`x`, `y`)."""
        other.flatten()
        self.glyph[y : y + other.height, x : x + other.width] = other.glyph
        self.ink[y : y + other.height, x : x + other.width] = other.ink

    def frame(self) -> Frame:
        """What was drawn."""
        self.flatten()
        return Frame(self.glyph, self.ink)


def column_extents(x: Floats, low: Floats, high: Floats, line: Floats, columns: int) -> tuple[Floats, Floats]:
    """First and last row that a polyline covers in each of `columns` columns of dots; NaN where it does not go.

    As Bresenham's line does, a column takes the row nearest to the line at its centre and every row whose centre the
    line crosses within the column; and the rows nearest to the extents of its vertices.
    """
    with np.errstate(all="ignore"):
        thin = low is line
        line = _bounded(line)
        low, high = (line, line) if thin else (_bounded(low), _bounded(high))
        halves = _interpolate(np.arange(-0.5, columns, 0.5), x, line)
        left, centre, right = halves[:-1:2], np.rint(halves[1::2]), halves[2::2]
        first = np.fmin(np.ceil(np.fmin(left, right)), centre)
        last = np.fmax(np.floor(np.fmax(left, right)), centre)
        begin, end = np.searchsorted(x, (-0.5, columns - 0.5)).tolist()
        if begin < end:
            column = np.floor(x[begin:end] + 0.5).astype(np.int64)
            starts = np.concatenate(([0], np.flatnonzero(column[1:] != column[:-1]) + 1))
            at = column[starts]
            first[at] = np.fmin(first[at], np.rint(np.fmin.reduceat(low[begin:end], starts)))
            last[at] = np.fmax(last[at], np.rint(np.fmax.reduceat(high[begin:end], starts)))
    return first, last


def _bounded(rows: Floats) -> Floats:
    """Rows far outside brought near enough to be integers; NaN stays."""
    return np.minimum(np.maximum(rows, -1e7), 1e7)


def _interpolate(at: Floats, x: Floats, y: Floats) -> Floats:
    """The polyline through (`x`, `y`) at each `at`; NaN outside and next to NaN."""
    if len(x) < 2:
        return np.full(len(at), np.nan)
    left = np.searchsorted(x, at, "right") - 1
    inside = (left >= 0) & (left < len(x) - 1)
    left = left.clip(0, len(x) - 2)
    share = (at - x[left]) / (x[left + 1] - x[left])
    result = y[left] + (y[left + 1] - y[left]) * share
    result[~inside] = np.nan
    return result
