"""Which panels the curves of a run stand in, and where the panels go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tui.scores import FIRST, is_validation, parted

WIDE = 100
"""From this width on panels stand side by side."""
LOWER = 20
"""From this height on there is a second row of panels, where they stand side by side."""
_SPLITS = ("train", "train_split", "val", "test")
_HIDDEN = ("epoch", "samples")


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
    if not panels:
        panels = [Panel(name, (name,)) for name in names if name not in _HIDDEN][:2]
    return panels


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


def is_share(panel: Panel) -> bool:
    """Whether the values are shares of 1, which a logarithmic axis does not help."""
    words = ("accuracy", "f1", "precision", "recall", "auc", "majority", "r2", "texts")
    return any(word in panel.title for word in words)
