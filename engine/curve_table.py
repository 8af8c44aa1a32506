"""The points of a sheet of curves as a table: every one that is in sight, as it was measured and smoothed."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.curve_sheet import Sheet, SheetCurve
from engine.curves import read_measured
from engine.runs import Run
from engine.spread import mean_and_deviation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Lines = Mapping[str, Sequence[Run]]
"""Run to itself, behind the runs it goes on from."""


def mean_of(
    curve: SheetCurve, axis: str, lines: Lines
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Positions, mean and deviation of a curve over its runs, each smoothed first."""
    found = [read_measured(lines[run], curve.series, axis, curve.smooth) for run in curve.runs]
    return mean_and_deviation([(measured.x, measured.smooth) for measured in found])


def write_table(sheet: Sheet, lines: Lines, path: Path) -> int:
    """Write the points into a CSV file that must not be there yet.

    Returns:
        How many.

    Raises:
        FileExistsError: there is such a file.
        OSError: it cannot be written.
    """
    count = 0
    try:
        with open(path, "x", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["panel", "series", "run", "step", "time", _heading(sheet.axis), "value", "smoothed",
                             "deviation"])  # fmt: skip
            for row in _rows(sheet, lines):
                writer.writerow(row)
                count += 1
    except FileExistsError:
        raise
    except BaseException:
        path.unlink()  # half a table looks like a whole one
        raise
    return count


def _heading(axis: str) -> str:
    return {"step": "x", "time": "seconds", "wall": "unix_time"}.get(axis, axis)


def _rows(sheet: Sheet, lines: Lines) -> Iterator[Sequence[Any]]:
    low, high = (-math.inf if sheet.x[0] is None else sheet.x[0]), (math.inf if sheet.x[1] is None else sheet.x[1])
    for panel in sheet.panels:
        for curve in panel.curves:
            several = len(curve.runs) > 1
            for x, row in _mean_rows(sheet, curve, lines) if several else _curve_rows(sheet, curve, lines):
                if low <= x <= high:
                    yield (panel.title, curve.series, *row)


def _curve_rows(sheet: Sheet, curve: SheetCurve, lines: Lines) -> Iterator[tuple[float, Sequence[Any]]]:
    found = read_measured(lines[curve.runs[0]], curve.series, sheet.axis, curve.smooth)
    columns = (found.step, found.time, found.x, found.value, found.smooth)
    for step, time, x, value, smooth in zip(*(column.tolist() for column in columns), strict=True):
        yield x, (curve.runs[0], step, time, x, value, smooth if curve.smooth else "", "")


def _mean_rows(sheet: Sheet, curve: SheetCurve, lines: Lines) -> Iterator[tuple[float, Sequence[Any]]]:
    name = " ".join(curve.runs)
    for x, mean, deviation in zip(*(column.tolist() for column in mean_of(curve, sheet.axis, lines)), strict=True):
        yield x, (name, "", "", x, mean, "", deviation)
