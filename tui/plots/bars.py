"""The distribution of classes as labelled bars: who is in the majority, how many there are in each split."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
from rich.cells import cell_len

from tui.plots.lines import Line, Lines
from tui.text import fit, pad, safe

EIGHTHS = " ▏▎▍▌▋▊▉█"
NARROWEST = 12
"""Each split gets bars of its own where they are at least so many cells wide; else only the first one has bars."""
SCORE = 8
"""Cells of a score's column."""


class Bar(msgspec.Struct, frozen=True):
    """One class: its name and how many examples of it each split has."""

    label: str
    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        """In all splits shown."""
        return sum(self.counts)


class Look(msgspec.Struct, frozen=True):
    """How bars are drawn."""

    log: bool = False
    """Whether lengths are logarithmic, so that rare classes are seen beside frequent ones."""
    scores: Mapping[str, Sequence[float]] = msgspec.field(default_factory=dict)
    """Scores beside the bars, by class."""
    score_titles: Sequence[str] = ()
    every: bool = False
    """Whether each split has bars of its own where there is room."""
    ascii_only: bool = False


def bars_of(
    splits: Mapping[str, Mapping[str, int]], classes: Sequence[str] | None = None, *, ordered: bool = True
) -> list[Bar]:
    """Bars from `{split: {class: count}}`, the most frequent first, with those of `classes` that have no examples.

    Args:
        ordered: the most frequent of the first split come first; else the classes stay in their order.
    """
    names = list(dict.fromkeys([*(classes or []), *(name for counts in splits.values() for name in counts)]))
    bars = [Bar(name, tuple(int(counts.get(name, 0)) for counts in splits.values())) for name in names]
    return sorted(bars, key=lambda bar: -bar.counts[0] if bar.counts else 0) if ordered else bars


def draw_bars(
    bars: Sequence[Bar],
    width: int,
    height: int | None = None,
    *,
    splits: Sequence[str] = (),
    ascii_only: bool = False,
    look: Look | None = None,
) -> list[Line]:
    """One line a class: label, bar, count, share. Shares are those of the first split.

    Args:
        height: lines there are; the last one says how many more classes there are. All when None.
        splits: with more than one name, a title line and the counts of each split.
        look: scores beside the bars, logarithmic lengths, bars for each split.
    """
    if width <= 0 or (height is not None and height <= 0):
        return []
    if not bars:
        return [[(fit("no classes", width), "muted", "")]]
    look = look or Look(ascii_only=ascii_only)
    total = sum(bar.counts[0] for bar in bars if bar.counts)
    layout = _Layout.of(bars, width, splits, look)
    titled = (layout.splits > 1 or layout.scores) and (height is None or height > 2)
    lines: list[Line] = [_title(layout, splits, look)] if titled else []
    room = len(bars) if height is None else height - len(lines)
    shown = len(bars) if len(bars) <= room else max(0, room - 1)
    most = [max(column) for column in zip(*(bar.counts for bar in bars), strict=True)]
    for bar in bars[:shown]:
        lines.append(_line(bar, layout, most, total, look))
    if shown < len(bars):
        lines.append(_rest(bars[shown:], total, width, ascii_only=look.ascii_only))
    return lines


class _Layout(msgspec.Struct, frozen=True):
    """Cells of each column; 0 leaves it out."""

    label: int
    bar: int
    counts: tuple[int, ...]
    share: int
    splits: int
    scores: int = 0
    """Columns of scores."""
    each: bool = False
    """Whether every split has bars, `bar` cells wide."""

    @classmethod
    def of(cls, bars: Sequence[Bar], width: int, splits: Sequence[str], look: Look) -> _Layout:
        number = max(1, len(splits))
        columns = [max(len(f"{bar.counts[i]:,}") for bar in bars) for i in range(min(number, len(bars[0].counts)))]
        if number > 1 or (splits and look.score_titles):
            columns = [max(cells, cell_len(safe(name, 10))) for cells, name in zip(columns, splits, strict=False)]
        wanted = max(cell_len(safe(bar.label)) for bar in bars)
        label = min(wanted, max(4, width // 3))
        share, scores = 8, len(look.score_titles)
        while scores and width - label - sum(columns[:1]) - 1 - share - SCORE * scores < 8:
            scores -= 1
        width -= SCORE * scores
        while number > 1 and width - label - sum(columns) - len(columns) - share < 8:
            number, columns = number - 1, columns[: number - 1]
        if width - label - sum(columns) - len(columns) - share < 4:
            share = 0
        each = (width - label - sum(columns) - 3 * len(columns) - share) // max(1, len(columns))
        if look.every and number > 1 and each >= NARROWEST:
            return cls(label, min(each, 40), tuple(columns), share, number, scores, each=True)
        bar = width - label - 1 - sum(columns) - len(columns) - share
        if bar < 2:
            columns, bar = [], max(0, width - label - 1)
        return cls(label, max(0, bar), tuple(columns), share, number, scores)


def _title(layout: _Layout, splits: Sequence[str], look: Look) -> Line:
    text = " " * layout.label
    if not layout.each:
        text += " " * (1 + layout.bar)
    for position, cells in enumerate(layout.counts):
        name = splits[position] if position < len(splits) else "count"
        before = (2 if position else 1) + layout.bar if layout.each else 0
        text += " " * before + " " + pad(safe(name, cells), cells, right=True)
    text += " " * layout.share
    text += "".join(f"{title:>{SCORE}}" for title in look.score_titles[: layout.scores])
    return [(text, "muted", "")]


def _line(bar: Bar, layout: _Layout, most: Sequence[int], total: int, look: Look) -> Line:
    first = bar.counts[0] if bar.counts else 0
    majority = bool(most) and first == most[0] > 0
    label = pad(safe(bar.label, layout.label), layout.label)
    line: Line = [(label, "text", "bold" if majority else "")]
    if not layout.each:
        line += [(" ", "", ""), _drawn(bar, 0, layout, most, look)]
    for index, cells in enumerate(layout.counts):
        if layout.each:
            line += [("  " if index else " ", "", ""), _drawn(bar, index, layout, most, look)]
        line.append((f" {bar.counts[index]:>{cells},}", "text" if index == 0 else "muted", ""))
    if layout.share:
        line.append((f"{_share(first, total):>{layout.share}}", "accent" if majority else "muted", ""))
    return line + _scores(bar, layout, look)


def _drawn(bar: Bar, index: int, layout: _Layout, most: Sequence[int], look: Look) -> tuple[str, str, str]:
    count, largest = (bar.counts[index], most[index]) if index < len(bar.counts) else (0, 0)
    text = bar_text(_length(count, largest, log=look.log), layout.bar, ascii_only=look.ascii_only)
    return text, "accent" if count == largest > 0 else "muted", ""


def _length(count: int, most: int, *, log: bool) -> float:
    if not most:
        return 0.0
    return math.log1p(count) / math.log1p(most) if log else count / most


def _scores(bar: Bar, layout: _Layout, look: Look) -> Line:
    """The scores of a class; one far below the mean of all classes stands out."""
    line: Line = []
    values = look.scores.get(bar.label, ())
    for position in range(layout.scores):
        value = values[position] if position < len(values) else math.nan
        low = value == value and value <= _mean(look.scores, position) - 0.1
        text = f"{value:.3f}" if value == value else "-"
        line.append((f"{text:>{SCORE}}", "warning" if low else "text" if value == value else "muted", ""))
    return line


def _mean(scores: Mapping[str, Sequence[float]], position: int) -> float:
    known = [values[position] for values in scores.values() if position < len(values)]
    known = [value for value in known if value == value]
    return sum(known) / len(known) if known else 0.0


def _rest(bars: Sequence[Bar], total: int, width: int, *, ascii_only: bool) -> Line:
    count = sum(bar.counts[0] for bar in bars)
    text = f"{'...' if ascii_only else '…'} {len(bars)} more with {count:,}"
    with_share = f"{text} ({_share(count, total).strip()})"
    return [(fit(with_share if len(with_share) <= width else text, width), "muted", "")]


def _share(count: int, total: int) -> str:
    if not total:
        return "0 %"
    share = 100 * count / total
    return f"{share:.1f} %" if share >= 0.05 or not count else "<0.1 %"


def bar_text(share: float, width: int, *, ascii_only: bool = False) -> str:
    """A bar of `share` (0 to 1) of `width` cells, in eighths of a cell; what is not nothing is visible."""
    if width <= 0 or not share > 0:
        return " " * max(0, width)
    share = min(1.0, share)
    if ascii_only:
        return ("#" * max(1, round(share * width))).ljust(width)
    full, part = divmod(max(1, round(share * width * 8)), 8)
    return ("█" * full + (EIGHTHS[part] if part else "")).ljust(width)


class Bars(Lines):
    """The distribution of classes."""

    def __init__(
        self,
        bars: Sequence[Bar] = (),
        splits: Sequence[str] = (),
        *,
        ascii_only: bool | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(ascii_only=ascii_only, id=id, classes=classes)
        self.bars, self.splits = list(bars), list(splits)

    def set_bars(self, bars: Sequence[Bar], splits: Sequence[str] = ()) -> None:
        """Show other classes."""
        self.bars, self.splits = list(bars), list(splits)
        self.redraw()

    def draw(self, width: int, height: int | None) -> list[Line]:
        """The lines for a size."""
        return draw_bars(self.bars, width, height, splits=self.splits, ascii_only=self.ascii_only)
