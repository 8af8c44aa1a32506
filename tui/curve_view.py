"""How the curves of an experiment are looked at: axis, smoothing, panels, marks, limits; remembered beside the runs."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from engine.jsonio import write_json
from engine.smoothing import words as smoothing_words
from tui.run_panels import Panel, edited
from tui.xaxis import XAxis

EMA = (0.0, 0.6, 0.9, 0.99)
"""Weights of the exponential moving average that the key goes through."""
MEANS = (0.0, 10.0, 100.0, 1000.0)
"""Points of the window that the key goes through."""
GRIDS = tuple((columns, rows) for columns in (1, 2, 3, 4) for rows in (1, 2, 3))
"""Columns and rows of panels that can be chosen."""
MARKS = ("best", "checkpoint", "lr", "finding", "resumed")
"""What is marked along the curves."""
MOST_BYTES = 1 << 20
_LONGEST_NAME = 150

__all__ = ["EMA", "GRIDS", "MARKS", "MEANS", "CurveView", "ViewFile", "smoothing_words"]


class OwnPanel(msgspec.Struct, frozen=True):
    """A panel that somebody put together."""

    title: str
    series: tuple[str, ...]


class CurveView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One tab's view."""

    axis: XAxis = XAxis.EPOCH
    metric: str = ""
    """The series along x, for that axis."""
    smooth: float = 0.6
    window: bool = False
    """Whether the key for smoothing goes through windows of points rather than weights."""
    log_x: bool = False
    log_y: bool = False
    clip: bool = True
    """Whether outliers are left out of the range of y."""
    band: bool = False
    """Whether the mean over the group's seeds is drawn."""
    grid: tuple[int, int] | None = None
    """Columns and rows of panels; chosen by the size of the terminal when None."""
    panels: tuple[OwnPanel, ...] = ()
    """Panels put together by hand: those with the title of one that there is anyway replace it."""
    removed: tuple[str, ...] = ()
    """Titles of panels that are not to be seen."""
    hidden_marks: tuple[str, ...] = ()
    x: tuple[float | None, float | None] = (None, None)
    """Typed limits of x, in units of the axis."""
    y: dict[str, tuple[float, float]] = {}
    """Limits of y, by panel."""

    def edited(self, automatic: list[Panel], known: tuple[str, ...]) -> list[Panel]:
        """The panels there are, after what was put together and taken away by hand."""
        return edited(automatic, [Panel(own.title, own.series) for own in self.panels], self.removed, known)

    def next_smoothing(self) -> float:
        """The next amount after the present one."""
        amounts = MEANS if self.window else EMA
        at = amounts.index(self.smooth) if self.smooth in amounts else 0
        return amounts[(at + 1) % len(amounts)]

    def words(self) -> list[str]:
        """How the curves are drawn otherwise than at first: what was remembered is not found out by looking."""
        words = [] if self.smooth == CurveView().smooth else [smoothing_words(self.smooth)]
        logarithmic = [name for name, on in (("y", self.log_y), ("x", self.log_x)) if on]
        words += [f"log {' and '.join(logarithmic)}"] if logarithmic else []
        return [*words, *([] if self.clip else ["with outliers"])]

    def sound(self) -> bool:
        """Whether the numbers are such that something can be drawn; a file may hold anything."""
        limits = [self.x, *self.y.values()]
        good = all(low is None or high is None or -math.inf < low < high < math.inf for low, high in limits)
        return good and (self.grid is None or self.grid in GRIDS) and (0 <= self.smooth < 1 or 2 <= self.smooth <= 1e9)


class ViewFile:
    """The file of one experiment's views, one for each tab that has curves."""

    def __init__(self, own: Path, experiment: str) -> None:
        """Nothing is read yet.

        Args:
            own: the program's own folder beside the runs.
        """
        self.path = own / "views" / f"{_file_name(experiment)}.json"

    def read(self, tab: str) -> CurveView:
        """The remembered view; the first one where there is none, or none that can be read."""
        with contextlib.suppress(OSError, msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError):
            view = msgspec.convert(self._content().get(tab, {}), CurveView)
            if view.sound():
                return view
        return CurveView()

    def write(self, tab: str, view: CurveView) -> None:
        """Remember a view, if the folder can be written; other tabs' stay."""
        with contextlib.suppress(OSError):
            try:
                content = self._content()
            except (ValueError, RecursionError, FileNotFoundError):
                content = {}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, content | {tab: msgspec.to_builtins(view)})

    def _content(self) -> dict[str, Any]:
        with open(self.path, "rb") as file:
            if os.fstat(file.fileno()).st_size > MOST_BYTES:
                raise ValueError("too large")
            found = msgspec.json.decode(file.read())
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found


def _file_name(experiment: str) -> str:
    """A name that no two experiments share and every file system takes."""
    name = quote(experiment, safe=" ").replace(".", "%2E")
    if len(name) <= _LONGEST_NAME:
        return name or "%"
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(experiment.encode(errors='replace')).hexdigest()[:12]}"
