"""Each metric's best value over a run's evaluations, and its value at the best checkpoint's: as the worker kept them
in state.json, or, for runs of versions that did not, from events.jsonl."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.events import read_events
from engine.jsonio import number
from engine.run import Run
from engine.scores import smaller_is_better

Metrics = dict[str, float]


def keep_best(bests: Metrics, values: Mapping[str, float]) -> None:
    """Take the values of an evaluation into the best ones so far; NaN is never the best."""
    for name, value in values.items():
        before = bests.get(name)
        if value != value:
            continue
        if before is None or (value < before if smaller_is_better(name) else value > before):
            bests[name] = value


def extremes_of(run: Run) -> tuple[Metrics, Metrics]:
    """The best value of each metric, and its value at the best epoch.

    What is measured but once (test scores) is its own best. A metric that no evaluation is known of is left out.
    """
    state = run.state
    if not state.metrics:
        return {}, {}
    best = state.best or {}
    if state.best_metrics is None:
        bests, at_best = from_events(read_events(run.paths)[0], best.get("step"))
    else:
        bests, at_best = _numbers(state.best_metrics), _numbers(state.metrics_at_best or {})
    monitor = best.get("monitor")
    if monitor in bests and "value" in best:
        bests[monitor] = number(best["value"])  # its mode may be set otherwise than its name says
    metrics = _numbers(state.metrics)
    return _completed(bests, metrics), _completed(at_best, metrics)


def from_events(events: Iterable[Mapping[str, Any]], best_step: int | None) -> tuple[Metrics, Metrics]:
    """The same from the evaluations that a run's events tell of; those that a resume cut off do not count.

    Args:
        best_step: the step of the best checkpoint, where there is one.
    """
    by_step: dict[int, Metrics] = {}
    for event in events:
        step = event.get("step")
        if not isinstance(step, int):
            continue
        if event.get("event") == "resumed":
            by_step = {known: metrics for known, metrics in by_step.items() if known <= step}
        elif event.get("event") == "evaluated" and isinstance(event.get("metrics"), dict):
            by_step.setdefault(step, {}).update(_numbers(event["metrics"]))
    bests: Metrics = {}
    for metrics in by_step.values():
        keep_best(bests, metrics)
    return bests, dict(by_step.get(best_step, {})) if best_step is not None else {}


def _numbers(metrics: Mapping[str, Any]) -> Metrics:
    return {name: number(value) for name, value in metrics.items()}


def _completed(found: Metrics, metrics: Metrics) -> Metrics:
    """In the order of the newest metrics, so that the keys of all three are stored but once."""
    once = {name: value for name, value in metrics.items() if name in found or measured_once(name)}
    return {**once, **found}


def measured_once(metric: str) -> bool:
    """Whether a metric is measured at the end alone, by its name."""
    return metric.startswith(("test/", "test_"))
