"""What differs between runs: their settings, and their metrics side by side with the differences to the first."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Container, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from engine.augment_settings import Augment
from engine.comparable import apart, codes, told, weakened
from engine.index import flatten
from engine.jsonio import plain, read_json
from engine.runs import Run, finite_metrics
from engine.settings import DataOptions, Settings

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
        `runs` (their ids), `settings` and `metrics` (key -> run -> value; a run without one is left out), `apart`
        (run -> why no difference of its scores is formed), `weakened` (run -> what makes them mean less), and `deltas`
        (key -> run -> difference to the first run), for each run but the first.
    """
    # the checkpoint that a run goes on from and its code are none of its settings, but set it apart as they do
    code = codes(runs)
    origins = {run.id: {"from": run.info.parent} if run.info.parent else {} for run in runs}
    more = {run.id: origins[run.id] | ({"code": code[run.id]} if run.id in code else {}) for run in runs}
    flat = {run.id: more[run.id] | trained_with(run) for run in runs}
    metrics = {run.id: _metrics(run) for run in runs}
    unlike = {run.id: why for run in runs[1:] if (why := apart(runs[0], run))}
    return {
        "apart": unlike,
        "weakened": {run.id: why for run in runs[1:] if (why := weakened(runs[0], run))},
        "runs": [run.id for run in runs],
        "experiments": {run.id: run.info.experiment for run in runs},
        "states": {run.id: run.status for run in runs},
        "settings": _table(flat, everything=everything, usual=defaults()),
        "metrics": (table := _table(metrics, everything=True, order=_metric_order)),
        "deltas": {key: _deltas(values, runs[0].id, unlike if is_score(key) else ()) for key, values in table.items()},
    }


def comparability(result: Mapping[str, Any]) -> list[str]:
    """What is to be known before the scores of a comparison are set against each other, in words."""
    refused = [f"no difference is formed for {words}" for words in told(result["apart"])]
    return [*refused, *told(result["weakened"])]


def is_score(key: str) -> bool:
    """Whether a figure of a run tells how well its model answers, rather than how long or large it is."""
    return "/" in key


@cache
def defaults() -> dict[str, Any]:
    """What settings are where a file says nothing, by their dotted keys."""
    data = plain(DataOptions(name="")) | {"augment": plain(Augment())}
    return dict((*flatten(plain(Settings())), *flatten({"data": data})))


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


def _table(
    values: dict[str, dict[str, Any]],
    *,
    everything: bool,
    order: Any = str,
    usual: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, dict[str, Any]]:
    """A row a key; a run that says nothing of a key has its usual value, where there is one."""
    keys = dict.fromkeys(key for own in values.values() for key in own)
    table = {}
    for key in sorted(keys, key=order):
        row = {run: own[key] for run, own in values.items() if key in own}
        whole = [*row.values(), *([usual[key]] if key in usual and len(row) < len(values) else [])]
        same = (len(row) == len(values) or key in usual) and all(value == whole[0] for value in whole)
        if everything or not (same or key in _UNTOLD):
            table[key] = row
    return table


def _deltas(values: dict[str, float], first: str, unlike: Container[str]) -> dict[str, float]:
    base = values.get(first)
    if base is None or not math.isfinite(base):
        return {}
    others = {run: value for run, value in values.items() if run != first and run not in unlike}
    return {run: value - base for run, value in others.items() if math.isfinite(value)}
