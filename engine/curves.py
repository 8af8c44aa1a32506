"""Curves read from run folders: a series over steps, epochs, samples, times or another series, smoothed and thinned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.events import read_events
from engine.lineage import earlier_series, whole_series
from engine.runs import Run
from engine.series import list_series, read_records, series_path
from engine.smoothing import smoothed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AXES = ("step", "epoch", "samples", "time", "wall")
"""What x counts: optimizer steps, epochs, samples, seconds since the start without pauses, Unix time; besides those,
the values of any series."""


@dataclass(frozen=True)
class Curve:
    """A series of a run as points to draw."""

    label: str
    x: Floats
    y: Floats


@dataclass(frozen=True)
class Measured:
    """A series of a run, whole: parallel arrays."""

    step: NDArray[np.int64]
    time: Floats
    x: Floats
    """Where each stands on the axis; NaN where that is not known."""
    value: Floats
    smooth: Floats
    """The values smoothed; as they are where nothing smooths."""


def read_measured(line: Sequence[Run], name: str, axis: str, smooth: float = 0.0) -> Measured:
    """Read a series along a run and the runs it goes on from.

    Args:
        line: the run, behind the runs it goes on from: one curve.
        axis: one of `AXES`, or the name of a series.
        smooth: how much it is smoothed (`engine.smoothing`).
    """
    import numpy as np

    records = whole_series(line, name)
    step, value = records["step"].astype(np.int64), records["value"].astype(np.float64)
    time = records["time"].astype(np.float64)
    finite = np.isfinite(value)
    mean = smoothed(step, np.where(finite, value, 0.0), finite.astype(np.float64), smooth) if smooth else value
    return Measured(step, time, positions(line, axis, step, time), value, mean)


def read_curve(line: Sequence[Run], name: str, label: str, axis: str, points: int, smooth: float = 0.0) -> Curve:
    """Read a series as a curve of few points that still shows every peak; `points`: about how many to keep."""
    import numpy as np

    found = read_measured(line, name, axis, smooth)
    finite = np.isfinite(found.smooth) & np.isfinite(found.x)
    x, y = thin(found.x[finite], found.smooth[finite], points)
    return Curve(label, x, y)


def positions(line: Sequence[Run], axis: str, step: NDArray[np.int64], time: Floats) -> Floats:
    """Where records with these steps and Unix times stand on an axis."""
    import numpy as np

    steps: Floats = step.astype(np.float64)
    if axis == "wall":
        return time
    if axis == "time":
        return _active_seconds(line, time)
    if axis in ("epoch", "samples"):
        return epochs_at(steps, whole_series(line, axis))
    return steps if axis == "step" else _measured_at(steps, whole_series(line, axis))


def epochs_at(steps: Floats, epochs: NDArray[np.void]) -> Floats:
    """The epochs that steps are in, by the records of a series `epoch` (or samples); the steps where it has none."""
    import numpy as np

    if not len(epochs) or epochs["step"][-1] <= 0:
        return steps
    # before the first recorded epoch it grew from nothing at step 0, after the last one it goes on at the same pace
    known, value = np.concatenate(([0.0], epochs["step"])), np.concatenate(([0.0], epochs["value"]))
    beyond = np.maximum(steps - known[-1], 0.0) * (value[-1] / known[-1])
    return np.asarray(np.interp(steps, known, value) + beyond, np.float64)


def _measured_at(steps: Floats, records: NDArray[np.void]) -> Floats:
    """The value of a series at steps, on the line between its points; NaN beyond its ends."""
    import numpy as np

    known = records[np.isfinite(records["value"])]
    if not len(known):
        return np.full(len(steps), np.nan)
    return np.asarray(np.interp(steps, known["step"], known["value"], left=np.nan, right=np.nan), np.float64)


def _active_seconds(line: Sequence[Run], time: Floats) -> Floats:
    import numpy as np

    active = time - (_start(line) if len(time) else 0.0)
    for begin, end in pauses(line):
        active = active - np.clip(time - begin, 0.0, max(0.0, end - begin))
    return active


def _start(line: Sequence[Run]) -> float:
    """Unix time of the first point of any series."""
    folder = line[0].paths.series
    firsts = [read_records(series_path(folder, name), 0, 1) for name in list_series(folder)]
    return min((float(records["time"][0]) for records in firsts if len(records)), default=0.0)


def pauses(line: Sequence[Run]) -> Iterator[tuple[float, float]]:
    """The Unix times between which a run and those that it goes on from did not run."""
    for number, run in enumerate(line, 1):
        if number > 1:
            before, own = earlier_series(line[:number], "epoch"), read_records(series_path(run.paths.series, "epoch"))
            if len(before) and len(own):
                yield float(before["time"][-1]), float(own["time"][0])
        last = 0.0
        for event in read_events(run.paths)[0]:
            at = event.get("time")
            if isinstance(at, (int, float)):
                if event.get("event") == "resumed" and 0 < last < at:
                    yield last, float(at)
                last = float(at) or last


def thin(x: Floats, y: Floats, points: int) -> tuple[Floats, Floats]:
    """At most about `points` of the points: of each stretch the lowest and the highest, in their order."""
    import numpy as np

    if len(y) <= points:
        return x, y
    stretches = max(1, points // 2)
    length = len(y) // stretches
    whole = y[: length * stretches].reshape(stretches, length)
    starts = np.arange(stretches) * length
    chosen = np.concatenate((starts + whole.argmin(1), starts + whole.argmax(1), [0, len(y) - 1]))
    kept = np.unique(chosen)
    return x[kept], y[kept]
