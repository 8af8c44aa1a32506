"""A confusion matrix in cells: rows are true classes, shaded by their share of the row; the diagonal stands out.

With more classes than there is room for, the pairs that are confused most are listed instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from engine.answers import confused_pairs
from tui.plots.bars import bar_text
from tui.plots.lines import Line, Lines
from tui.text import fit, pad, safe

Counts = Sequence[Sequence[int]]


def draw_matrix(
    counts: Counts, classes: Sequence[str], width: int, height: int | None = None, *, ascii_only: bool = False
) -> list[Line]:
    """The matrix `counts[true][predicted]`, or the most confused pairs where it does not fit.

    Args:
        height: lines there are; any number when None.
    """
    size = len(counts)
    if width <= 0 or (height is not None and height <= 0):
        return []
    if not size:
        return [[(fit("no predictions yet", width), "muted", "")]]
    layout = _Layout.of(counts, classes, width)
    if layout is None or (height is not None and size + 1 > height):
        return draw_confused(counts, classes, width, height, ascii_only=ascii_only)
    titled = height is None or size + 2 <= height
    lines = [_axis_title(layout, width)] if titled else []
    lines.append(_header(layout, classes))
    lines += [_row(layout, counts, classes, index) for index in range(size)]
    return lines


@dataclass(frozen=True)
class _Layout:
    label: int
    cell: int
    percent: bool
    """Whole percents of the row instead of counts."""
    recall: bool
    """Whether there is room for each class's share of right answers."""

    @classmethod
    def of(cls, counts: Counts, classes: Sequence[str], width: int) -> _Layout | None:
        size = len(counts)
        label = min(max((cell_len(safe(name)) for name in classes), default=1), max(3, width // 5), 16)
        digits = max(len(str(value)) for row in counts for value in row)
        names = min(max((cell_len(safe(name)) for name in classes), default=1), 8)
        for recall in (True, False):
            room = (width - label - 1 - (8 if recall else 0)) // size
            if room >= digits + 1:
                return cls(label, min(room, max(digits, names, 3) + 2), False, recall)
        for recall in (True, False):
            room = (width - label - 1 - (8 if recall else 0)) // size
            if room >= 4 or (room == 3 and not recall):
                return cls(label, room, True, recall)
        return None


def _axis_title(layout: _Layout, width: int) -> Line:
    what = "% of the row" if layout.percent else "counts"
    return [(fit(f"rows true, columns predicted, {what}", width), "muted", "")]


def _header(layout: _Layout, classes: Sequence[str]) -> Line:
    line: Line = [(" " * (layout.label + 1), "", "")]
    for name in classes:
        # Cut without an ellipsis: the first two letters say more than one and a mark.
        line.append(
            (_cell(set_cell_size(safe(name), min(cell_len(safe(name)), layout.cell - 1)), layout.cell), "muted", "")
        )
    if layout.recall:
        line.append((f"{'recall':>8}", "muted", ""))
    return line


def _cell(text: str, width: int) -> str:
    if len(text) == width:
        return text  # 100 % in a cell of three
    return pad(text, width - 1, right=True) + " " if width > 1 else pad(text, width)


def _row(layout: _Layout, counts: Counts, classes: Sequence[str], index: int) -> Line:
    row = counts[index]
    total = sum(row)
    name = classes[index] if index < len(classes) else str(index)
    line: Line = [(pad(safe(name, layout.label), layout.label), "text", ""), (" ", "", "")]
    for column, value in enumerate(row):
        share = value / total if total else 0.0
        text = _number(value, share, percent=layout.percent)
        line.append((_cell(text, layout.cell), "good" if column == index else "bad", f"on {_shade(share, value)}"))
    if layout.recall:
        recall = f"{100 * row[index] / total:.1f} %" if total and index < len(row) else "-"
        line.append((f"{recall:>8}", "text", ""))
    return line


def _number(value: int, share: float, *, percent: bool) -> str:
    if not value:
        return "."
    if not percent:
        return str(value)
    # Never rounded to a whole: 100 means all of them.
    return "100" if share == 1.0 else str(min(99, max(1, round(100 * share))))


def _shade(share: float, value: int) -> int:
    """Hundredths of the colour: small shares are lifted, so that a few confusions are seen at all."""
    if not value:
        return 0
    return max(6, round(100 * math.pow(share, 0.6)))


def draw_confused(
    counts: Counts, classes: Sequence[str], width: int, height: int | None = None, *, ascii_only: bool = False
) -> list[Line]:
    """The most confused pairs: true class, what it was taken for, how often, of how many."""
    pairs = confused_pairs(counts)
    right = sum(row[index] for index, row in enumerate(counts) if index < len(row))
    total = sum(map(sum, counts))
    share = f"{100 * right / total:.1f} %" if total else "-"
    lines: list[Line] = [
        [(fit(f"{len(counts)} classes, {share} right; taken for another most often:", width), "muted", "")]
    ]
    room = len(pairs) if height is None else height - 1
    shown = pairs[: max(0, room if len(pairs) <= room else room - 1)]
    arrow = "->" if ascii_only else "→"
    names = [safe(name) for name in classes] + [str(index) for index in range(len(classes), len(counts))]
    most = shown[0].count if shown else 1
    digits = len(f"{most:,}")
    label = min(max((cell_len(name) for name in names), default=1), max(3, (width - digits - 20) // 2))
    for pair in shown:
        text = f"{pad(fit(names[pair.true], label), label)} {arrow} {pad(fit(names[pair.predicted], label), label)} "
        numbers = f"{pair.count:>{digits},} {100 * pair.share:>5.1f} % "
        bar = bar_text(pair.count / most, max(0, min(30, width - cell_len(text) - len(numbers))), ascii_only=ascii_only)
        line: Line = [(text, "text", ""), (numbers, "muted", ""), (bar.rstrip(), "bad", "")]
        lines.append(line if cell_len(text) + len(numbers) <= width else [(fit(text + numbers, width), "text", "")])
    if len(shown) < len(pairs) and room > 0:
        lines.append(
            [(fit(f"{'...' if ascii_only else '…'} {len(pairs) - len(shown)} more pairs", width), "muted", "")]
        )
    return lines


class Matrix(Lines):
    """A confusion matrix."""

    def __init__(
        self,
        counts: Counts = (),
        labels: Sequence[str] = (),
        *,
        ascii_only: bool | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(ascii_only=ascii_only, id=id, classes=classes)
        self.counts, self.labels = counts, labels

    def set_matrix(self, counts: Counts, labels: Sequence[str]) -> None:
        """Show `counts[true][predicted]` of the classes `labels`."""
        self.counts, self.labels = counts, labels
        self.redraw()

    def draw(self, width: int, height: int | None) -> list[Line]:
        """The lines for a size."""
        return draw_matrix(self.counts, self.labels, width, height, ascii_only=self.ascii_only)
