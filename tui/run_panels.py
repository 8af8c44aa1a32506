"""Which panels the curves of a run stand in, and where the panels go."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tui.scores import FIRST, is_validation, parted

WIDE = 100
"""From this width on panels stand side by side."""
LOWER = 20
"""From this height on there is a second row of panels, where they stand side by side."""
NARROWEST, LOWEST = 24, 6
"""Cells that a panel of a chosen grid takes at the least."""
_SPLITS = ("train", "train_split", "val", "test")
_HIDDEN = ("epoch", "samples")
_DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True)
class Panel:
    """What one chart shows: series that belong together."""

    title: str
    series: tuple[str, ...]


def panels_of(names: Sequence[str], monitor: str, added: Sequence[str]) -> list[Panel]:
    """The panels of a run: loss, the score of its task, what is monitored, the learning rate, and the ones added."""
    known = set(names)
    splits = _splits(names)
    task = next((base for base in FIRST if any(f"{split}/{base}" in known for split in splits)), "")
    wanted = ["loss", *([task] if task else []), _base(monitor), "lr", *added]
    panels = []
    for base in dict.fromkeys(wanted):
        shown = tuple(n for n in (*(f"{split}/{base}" for split in splits), base) if n in known)
        if shown:
            panels.append(Panel({"lr": "learning rate"}.get(base, base), shown))
    return panels or grouped(names)


def grouped(names: Sequence[str]) -> list[Panel]:
    """Every series in a panel with those that measure the same on other splits."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=_natural):
        if name not in _HIDDEN:
            groups.setdefault(_base(name), []).append(name)
    splits = _splits(names)
    return [Panel(base, tuple(sorted(group, key=lambda n: _place(n, splits)))) for base, group in groups.items()]


def _natural(name: str) -> list[tuple[int, str]]:
    """Orders `layer9` before `layer10`."""
    return [(len(part), part) if part.isdigit() else (0, part) for part in _DIGITS.split(name)]


def _place(name: str, splits: Sequence[str]) -> int:
    split = parted(name)[0]
    return splits.index(split) if split in splits else len(splits)


def matching(names: Sequence[str], text: str) -> list[str]:
    """The series whose names hold every word of `text`, in whatever case."""
    words = text.casefold().split()
    return [name for name in names if all(word in name.casefold() for word in words)]


def edited(
    automatic: Sequence[Panel], own: Sequence[Panel], removed: Sequence[str], known: Collection[str]
) -> list[Panel]:
    """The automatic panels, those put together by hand in place of the ones of their title or behind them.

    Args:
        removed: titles of panels that are left out.
        known: the series there are; of a panel put together for another run those that are missing are left out.
    """
    by_title = {panel.title: Panel(panel.title, tuple(n for n in panel.series if n in known)) for panel in own}
    panels = [by_title.pop(panel.title, panel) for panel in automatic]
    return [panel for panel in (*panels, *by_title.values()) if panel.series and panel.title not in removed]


def system_panels(names: Sequence[str]) -> list[Panel]:
    """The panels of what was measured of the machine and of speed: series that share their first two parts in one."""
    groups: dict[str, list[str]] = {}
    for name in names:
        head, _, rest = name.partition("/")
        if name.removeprefix("time/") in _STEP_PARTS:
            groups.setdefault("seconds spent", []).append(name)
        elif head in ("system", "time") and rest:
            groups.setdefault(f"{rest.partition('/')[0]}", []).append(name)
    order = sorted(groups, key=lambda title: (title != "samples_per_second", title))
    return [Panel(title, tuple(groups[title])) for title in order]


def _base(name: str) -> str:
    return parted(name)[1]


def _splits(names: Sequence[str]) -> list[str]:
    """The splits that metrics may be of: the usual ones, and where there are several validation sets, those."""
    several = sorted({split for name in names if is_validation(split := parted(name)[0]) and split != "val"})
    return [split for known in _SPLITS for split in ([known, *several] if known == "val" else [known])]


_STEP_PARTS = ("data", "forward", "backward", "update", "evaluation", "checkpoint")
"""What the time of a training is divided into."""


def addable(names: Sequence[str], monitor: str = "") -> list[str]:
    """The panels that can be added, by what their series share."""
    there = {name for panel in panels_of(names, monitor, ()) for name in panel.series}
    return list(dict.fromkeys(_base(name) for name in names if name not in _HIDDEN and name not in there))


@dataclass(frozen=True)
class Place:
    """How the panels are laid out: columns, and how high each row is ("" hides a panel)."""

    columns: int
    rows: tuple[str, ...]
    shown: int
    framed: bool


def arrange_panels(count: int, width: int, height: int) -> Place:
    """Where `count` panels go in `width` × `height` cells: side by side if wide, else below each other."""
    if width >= WIDE and count > 1:
        lower = count > 2 and height >= LOWER
        columns = 2
        if not lower:
            return Place(columns, ("1fr",), 2, height >= 14)
        rows = 1 + math.ceil((count - 2) / columns)
        low = max(8, min(13, height // (2 + rows)))
        fits = max(2, 1 + (height - 10) // low)
        rows = min(rows, fits)
        return Place(columns, ("1fr", *([str(low)] * (rows - 1))), min(count, rows * columns), True)
    most = max(1, min(count, height // 8))
    if most < 3 <= count and height >= 22:
        return Place(1, ("1fr", "1fr", "7"), 3, False)
    return Place(1, ("1fr",) * most, most, height >= most * 12)


def fixed_grid(count: int, columns: int, rows: int, width: int, height: int) -> Place:
    """A grid of so many columns and rows, of fewer where cells would be empty or too small to read."""
    columns = max(1, min(columns, width // NARROWEST, count))
    rows = max(1, min(rows, height // LOWEST, math.ceil(count / columns)))
    return Place(columns, ("1fr",) * rows, columns * rows, height // rows >= 12)


def pages(count: int, width: int, height: int, grid: tuple[int, int] | None) -> list[Place]:
    """How `count` panels are laid out: as many pages as it takes, the grid chosen by the size where it is None."""
    found: list[Place] = []
    while count > 0 and len(found) < 1000:
        place = arrange_panels(count, width, height) if grid is None else fixed_grid(count, *grid, width, height)
        found.append(place)
        count -= place.shown
    return found


def is_share(panel: Panel) -> bool:
    """Whether the values are shares of 1, which a logarithmic axis does not help."""
    words = ("accuracy", "f1", "precision", "recall", "auc", "majority", "r2", "texts")
    return any(word in panel.title for word in words)
