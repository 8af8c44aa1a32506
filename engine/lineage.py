"""Runs that continue others: a continued run is one curve, from its first ancestor's first step on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.checkpoints import parse_reference
from engine.errors import EngineError
from engine.runs import Run, RunsFolder
from engine.series import list_series, read_records, series_path

if TYPE_CHECKING:
    from numpy.typing import NDArray


def lineage(runs: RunsFolder, run: Run) -> list[Run]:
    """The runs that `run` goes on from, the oldest first, and `run` itself; what is gone ends the line."""
    line = [run]
    while line[0].info.parent:
        try:
            parent = runs.find(parse_reference(line[0].info.parent)[0])
        except EngineError:
            break
        if parent.id in {known.id for known in line}:  # only a damaged run.json goes round in a circle
            break
        line.insert(0, parent)
    return line


def earlier_series(line: Sequence[Run], name: str) -> NDArray[Any]:
    """A series of the last run's ancestors: of each what came before the first step of the run that goes on from it.

    Returns:
        Records as `engine.series.read_records` gives them, none of the last run's own.
    """
    import numpy as np

    ends = [_first_step(run) for run in line[1:]]
    for index in range(len(ends) - 2, -1, -1):  # a run that has logged nothing ends nothing
        ends[index] = ends[index + 1] if ends[index] is None else ends[index]
    parts = [read_records(series_path(run.paths.series, name)) for run in line[:-1]]
    kept = [part if end is None else part[part["step"] < end] for part, end in zip(parts, ends, strict=True)]
    return np.concatenate([*kept, read_records(series_path(line[-1].paths.series, name))[:0]])


def whole_series(line: Sequence[Run], name: str) -> NDArray[Any]:
    """A series along a lineage, its last run's own records at the end."""
    import numpy as np

    return np.concatenate([earlier_series(line, name), read_records(series_path(line[-1].paths.series, name))])


def _first_step(run: Run) -> int | None:
    """The first step that a run has logged anything at."""
    firsts = [read_records(series_path(run.paths.series, name), 0, 1) for name in list_series(run.paths.series)]
    return min((int(records["step"][0]) for records in firsts if len(records)), default=None)
