"""The best value of each metric and its value at the best epoch: kept by the worker, else told by the events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.make_runs import Maker
from engine.events import append_event, read_events
from engine.extremes import extremes_of, from_events, keep_best
from engine.index import RunIndex
from engine.row_keys import getter
from engine.runs import RunPaths, RunsFolder, load_run, write_state
from tests.worker_runs import train


def evaluated(step: int, **metrics: Any) -> dict[str, Any]:
    return {"event": "evaluated", "step": step, "metrics": {name.replace("_", "/"): v for name, v in metrics.items()}}


def test_losses_are_best_small_scores_large_and_nan_never() -> None:
    bests: dict[str, float] = {}
    for loss, accuracy in ((0.5, 0.6), (math.nan, 0.9), (0.3, 0.7), (0.4, math.nan)):
        keep_best(bests, {"val/loss": loss, "val/accuracy": accuracy})
    assert bests == {"val/loss": 0.3, "val/accuracy": 0.9}


def test_what_a_resume_cut_off_does_not_count() -> None:
    events = [
        evaluated(10, val_accuracy=0.5),
        evaluated(20, val_accuracy=0.99),
        {"event": "resumed", "step": 10},
        evaluated(20, val_accuracy=0.6, val_loss="NaN"),
        {"event": "evaluated", "step": "odd", "metrics": {"val/accuracy": 1.0}},
        {"event": "evaluated", "step": 30, "metrics": [1]},
    ]
    bests, at_best = from_events(events, 20)
    assert bests == {"val/accuracy": 0.6}
    assert at_best["val/accuracy"] == 0.6
    assert math.isnan(at_best["val/loss"])
    assert from_events(events, None)[1] == {}


def test_scores_of_several_splits_at_one_step_belong_together() -> None:
    events = [evaluated(10, val_loss=1.0), evaluated(10, test_loss=2.0), evaluated(20, val_loss=0.5)]
    assert from_events(events, 10)[1] == {"val/loss": 1.0, "test/loss": 2.0}


@pytest.fixture
def old(tmp_path: Path) -> RunPaths:
    """A finished run of a version that did not keep the best values."""
    paths = RunPaths(Maker(tmp_path / "runs", 4).make(1, 1_700_000_000.0, end="finished"))
    paths.events.unlink()
    for step, accuracy, loss in ((10, 0.5, 0.9), (20, 0.8, 0.7), (30, 0.7, 0.4), (40, 0.6, 0.5)):
        metrics = {"val/accuracy": accuracy, "val/loss": loss, "train/loss": loss / 2}
        append_event(paths, "evaluated", split="validation", epoch=step / 10, step=step, metrics=metrics)
    state = load_run(paths).state
    state.best = {"monitor": "val/accuracy", "mode": "max", "value": 0.8, "epoch": 2.0, "step": 20}
    state.metrics |= {"val/accuracy": 0.6, "val/loss": 0.5, "train/loss": 0.25}
    write_state(paths, state)
    return paths


def ask(paths: RunPaths, key: str) -> Any:
    index = RunIndex(RunsFolder(paths.folder.parent))
    index.refresh(full=True)
    row = index.row(paths.id)
    assert row is not None
    return getter(key)(row, 0.0)


def test_a_row_has_last_best_and_at_best_of_an_older_run(old: RunPaths) -> None:
    assert [ask(old, f"val/accuracy{aspect}") for aspect in ("", ":last", ":best", ":at_best")] == [0.6, 0.6, 0.8, 0.8]
    assert [ask(old, f"val/loss{aspect}") for aspect in ("", ":best", ":at_best")] == [0.5, 0.4, 0.7]
    assert ask(old, "train/loss:at_best") == 0.35
    assert ask(old, "test/accuracy:best") == ask(old, "test/accuracy"), "measured but once"
    old.events.unlink()
    (old.folder.parent / ".dltui" / "index.msgpack").unlink()
    assert ask(old, "val/loss:best") is None, "not known, and not made up from the newest value"


def test_what_the_state_tells_needs_no_events(old: RunPaths) -> None:
    state = load_run(old).state
    state.best_metrics, state.metrics_at_best = {"val/loss": "inf", "val/accuracy": 0.75}, {"val/loss": 0.6}
    write_state(old, state)
    assert ask(old, "val/loss:best") == math.inf
    assert ask(old, "val/loss:at_best") == 0.6
    assert ask(old, "val/accuracy:best") == 0.8, "what the best checkpoint says of the watched metric"


def test_a_worker_keeps_them_as_its_events_tell_them(tmp_path: Path) -> None:
    paths = train(tmp_path)
    run = load_run(paths)
    told = from_events(read_events(paths)[0], (run.state.best or {})["step"])
    assert told[0]["val/loss"] > 0
    assert (run.state.best_metrics, run.state.metrics_at_best) == told
    bests, at_best = extremes_of(run)
    assert bests["val/accuracy"] >= at_best["val/accuracy"] >= 0
    assert bests["test/accuracy"] == run.state.metrics["test/accuracy"]
