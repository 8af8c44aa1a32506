"""What differs between runs: their settings, and their metrics side by side with the differences to the first."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from typing import Any

from engine.index import flatten
from engine.jsonio import read_json
from engine.runs import Run, finite_metrics

_UNTOLD = ("description", "motivation", "tags")
_TRIVIAL = ("epoch", "lr", "samples")
_FIRST = ("test/accuracy", "val/accuracy", "test/loss", "val/loss")


def trained_with(run: Run) -> dict[str, Any]:
    """A run's settings by their dotted keys; limits are those it was resumed for, not those it began with."""
    from engine.resume import limits

    return {**dict(flatten(run.info.settings)), **limits(run.paths)}


def compare(runs: Sequence[Run], *, everything: bool = False) -> dict[str, Any]:
    """Lay runs side by side.

    Args:
        runs: the first is the one the others are measured against.
        everything: list settings that agree too.

    Returns:
        `runs` (their ids), `settings` and `metrics` (key -> run -> value; a run without one is left out), and
        `deltas` (key -> run -> difference to the first run), for each run but the first.
    """
    # the checkpoint that a run goes on from is none of its settings, but sets it apart as they do
    origins = {run.id: {"from": run.info.parent} if run.info.parent else {} for run in runs}
    flat = {run.id: origins[run.id] | trained_with(run) for run in runs}
    metrics = {run.id: _metrics(run) for run in runs}
    return {
        "runs": [run.id for run in runs],
        "experiments": {run.id: run.info.experiment for run in runs},
        "states": {run.id: run.status for run in runs},
        "settings": _table(flat, everything=everything),
        "metrics": (table := _table(metrics, everything=True, order=_metric_order)),
        "deltas": {key: _deltas(values, runs[0].id) for key, values in table.items()},
    }


def _metrics(run: Run) -> dict[str, float]:
    found: dict[str, float] = {}
    best = run.state.best or {}
    if isinstance(best.get("value"), (int, float)):
        found[f"best {best.get('monitor')}"] = float(best["value"])
        found["best epoch"] = float(best.get("epoch") or 0)
    found |= {key: value for key, value in finite_metrics(run.state.metrics).items() if key not in _TRIVIAL}
    found |= {"minutes": run.state.seconds / 60, "epochs": float(run.state.epoch)}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # no layer table yet
        found["parameters"] = float(read_json(run.paths.model)["parameters"])
    return found


def _metric_order(key: str) -> tuple[int, int, str]:
    group = 0 if key.startswith("best") else 1 if key in _FIRST else 2 if "/" in key else 3
    return group, _FIRST.index(key) if key in _FIRST else 0, key


def _table(values: dict[str, dict[str, Any]], *, everything: bool, order: Any = str) -> dict[str, dict[str, Any]]:
    keys = dict.fromkeys(key for own in values.values() for key in own)
    table = {}
    for key in sorted(keys, key=order):
        row = {run: own[key] for run, own in values.items() if key in own}
        same = len(row) == len(values) and all(value == next(iter(row.values())) for value in row.values())
        if everything or not (same or key in _UNTOLD):
            table[key] = row
    return table


def _deltas(values: dict[str, float], first: str) -> dict[str, float]:
    base = values.get(first)
    if base is None or not math.isfinite(base):
        return {}
    return {run: value - base for run, value in values.items() if run != first and math.isfinite(value)}
