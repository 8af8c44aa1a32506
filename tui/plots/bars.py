"""The distribution of classes as labelled bars: who is in the majority, how many there are in each split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.plots.lines import Line, Lines
from tui.text import fit, pad, safe

EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Bar:
    """One class: its name and how many examples of it each split has."""

    label: str
    counts: tuple[int, ...]

    @property
    def count(self) -> int:
        """In all splits shown."""
        return sum(self.counts)


def bars_of(splits: Mapping[str, Mapping[str, int]], classes: Sequence[str] | None = None) -> list[Bar]:
    """Bars from `{split: {class: count}}`, the most frequent first, with those of `classes` that have no examples."""
    names = list(dict.fromkeys([*(classes or []), *(name for counts in splits.values() for name in counts)]))
    bars = [Bar(name, tuple(int(counts.get(name, 0)) for counts in splits.values())) for name in names]
    return sorted(bars, key=lambda bar: -bar.counts[0] if bar.counts else 0)


def draw_bars(
    bars: Sequence[Bar],
    width: int,
    height: int | None = None,
    *,
    splits: Sequence[str] = (),
    ascii_only: bool = False,
) -> list[Line]:
    """One line a class: label, bar, count, share. Bars and shares are those of the first split.

    Args:
        height: lines there are; the last one says how many more classes there are. All when None.
        splits: with more than one name, a title line and the counts of each split.
    """
    if width <= 0 or (height is not None and height <= 0):
        return []
    if not bars:
        return [[(fit("no classes", width), "muted", "")]]
    total = sum(bar.counts[0] for bar in bars if bar.counts)
    layout = _Layout.of(bars, width, splits)
    lines: list[Line] = [_title(layout, splits)] if layout.splits > 1 and (height is None or height > 2) else []
    room = len(bars) if height is None else height - len(lines)
    shown = len(bars) if len(bars) <= room else max(0, room - 1)
    most = max((bar.counts[0] for bar in bars), default=0)
    for bar in bars[:shown]:
        lines.append(_line(bar, layout, most, total, ascii_only=ascii_only))
    if shown < len(bars):
        lines.append(_rest(bars[shown:], total, width, ascii_only=ascii_only))
    return lines


@dataclass(frozen=True)
class _Layout:
    """Cells of each column; 0 leaves it out."""

    label: int
    bar: int
    counts: tuple[int, ...]
    share: int
    splits: int

    @classmethod
    def of(cls, bars: Sequence[Bar], width: int, splits: Sequence[str]) -> _Layout:
        number = max(1, len(splits))
        columns = [max(len(f"{bar.counts[i]:,}") for bar in bars) for i in range(min(number, len(bars[0].counts)))]
        if number > 1:
            columns = [max(cells, cell_len(safe(name, 10))) for cells, name in zip(columns, splits, strict=False)]
        wanted = max(cell_len(safe(bar.label)) for bar in bars)
        label = min(wanted, max(4, width // 3))
        share = 8
        while number > 1 and width - label - sum(columns) - len(columns) - share < 8:
            number, columns = number - 1, columns[: number - 1]
        if width - label - sum(columns) - len(columns) - share < 4:
            share = 0
        bar = width - label - 1 - sum(columns) - len(columns) - share
        if bar < 2:
            columns, bar = [], max(0, width - label - 1)
        return cls(label, max(0, bar), tuple(columns), share, number)


def _title(layout: _Layout, splits: Sequence[str]) -> Line:
    text = " " * (layout.label + 1 + layout.bar)
    for name, cells in zip(splits, layout.counts, strict=False):
        text += " " + pad(safe(name, cells), cells, right=True)
    return [(text, "muted", "")]


def _line(bar: Bar, layout: _Layout, most: int, total: int, *, ascii_only: bool) -> Line:
    first = bar.counts[0] if bar.counts else 0
    majority = first == most and most > 0
    ink = "accent" if majority else "muted"
    label = pad(safe(bar.label, layout.label), layout.label)
    drawn = bar_text(first / most if most else 0.0, layout.bar, ascii_only=ascii_only)
    line: Line = [(label, "text", "bold" if majority else ""), (" ", "", ""), (drawn, ink, "")]
    for index, cells in enumerate(layout.counts):
        line.append((f" {bar.counts[index]:>{cells},}", "text" if index == 0 else "muted", ""))
    if layout.share:
        line.append((f"{_share(first, total):>{layout.share}}", "accent" if majority else "muted", ""))
    return line


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
