"""A sheet of curves as it is to be drawn: panels, the curves in them, axes, limits, marks; read from JSON, or made."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from engine.errors import UsageError

MOST_BYTES = 4 << 20


class SheetCurve(msgspec.Struct, frozen=True, omit_defaults=True):
    """One curve."""

    series: str
    runs: tuple[str, ...]
    """The run it is of; of several it is the mean, with their standard deviation as a band."""
    label: str = ""
    colour: int = 0
    """Its place among the colours."""
    smooth: float = 0.0
    """How much it is smoothed (`engine.smoothing`)."""


class SheetMark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened at a step of a panel's first curve."""

    kind: str
    """best, checkpoint, lr, finding or resumed."""
    step: int
    time: float = 0.0
    value: float | None = None
    """Where on the y-axis; without it, on the x-axis."""
    label: str = ""


class SheetBaseline(msgspec.Struct, frozen=True, omit_defaults=True):
    """A horizontal line, such as what always answering the most frequent class scores."""

    value: float
    label: str = ""


class SheetPanel(msgspec.Struct, frozen=True, omit_defaults=True):
    """One panel."""

    title: str
    curves: tuple[SheetCurve, ...]
    log_y: bool = False
    y: tuple[float, float] | None = None
    marks: tuple[SheetMark, ...] = ()
    baselines: tuple[SheetBaseline, ...] = ()


class Sheet(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything."""

    panels: tuple[SheetPanel, ...]
    title: str = ""
    columns: int = 2
    axis: str = "epoch"
    """step, epoch, samples, time, wall, or the name of a series."""
    log_x: bool = False
    x: tuple[float | None, float | None] = (None, None)
    clip: bool = False
    """Whether outliers are left out of the range of y."""


def read_sheet(path: Path) -> Sheet:
    """A sheet from a JSON file.

    Raises:
        UsageError: it cannot be read, or says what cannot be drawn.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path} is too large for a view of curves")
    try:
        sheet = msgspec.json.decode(content, type=Sheet)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no view of curves: {error}") from error
    problem = _problem(sheet)
    if problem:
        raise UsageError(f"{path}: {problem}")
    return sheet


def _problem(sheet: Sheet) -> str:
    """What cannot be drawn; empty where all can."""
    if not sheet.panels or not all(panel.curves for panel in sheet.panels):
        return "there is nothing in it to draw"
    if not 1 <= sheet.columns <= 16 or len(sheet.panels) > 64:
        return "from 1 to 16 columns and up to 64 panels can be drawn"
    for low, high in (sheet.x, *(panel.y for panel in sheet.panels if panel.y)):
        if low is not None and high is not None and not -math.inf < low < high < math.inf:
            return f"limits from {low:g} to {high:g} hold nothing"
    return ""
