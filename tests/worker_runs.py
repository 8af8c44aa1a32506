"""Runs made by hand and trained by a worker started directly: what the tests of training share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from engine.jsonio import plain, read_json, write_json
from engine.records import RunInfo, RunPaths, State, write_state
from engine.runs import RunsFolder, read_events
from engine.series import list_series, read_records, series_path
from tests.helpers import environment

QUICK: dict[str, Any] = {
    "data": {"name": "digits", "validation": 0.1, "limit": 400},
    "model": {"name": "mlp", "hidden": [16], "dropout": 0.2},
    "optimizer": {"name": "Adam", "lr": 5e-3},
    "train": {"epochs": 3, "batch_size": 32},
}
"""A run of a second: 360 samples, 12 steps an epoch; with dropout, so that random states matter."""


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes`; tables are merged unless their name changes."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        same = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name")
        )
        result[key] = {**old, **value} if same and isinstance(old, dict) else value
    return result


def make_run(root: Path, parent: str | None = None, experiment: str = "quick", **changes: Any) -> RunPaths:
    """A run folder as a launcher leaves it, of the quick settings with `changes`."""
    paths = RunsFolder(root).new()
    settings = merged(QUICK, changes)
    info = RunInfo(
        run=paths.id,
        experiment=experiment,
        settings=plain(settings),
        folder=str(root),
        parent=parent,
        device={"kind": "cpu", "name": "cpu"},
    )
    write_json(paths.run, info)
    write_state(paths, State(state="queued", device="cpu"))
    return paths


def start_worker(paths: RunPaths, **extra: str) -> subprocess.Popen[bytes]:
    """Start a run's worker, its output going to log.txt; the caller waits for it."""
    clean = {key: value for key, value in environment(**extra).items() if not key.startswith("DLTUI_LOCK")}
    with open(paths.log, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "engine.worker", str(paths.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**clean, "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "default"},
            cwd=paths.folder,
        )


def run_worker(paths: RunPaths, expect: int | None = 0, timeout: float = 110.0, **extra: str) -> int:
    """Run a worker to its end and check its exit code; the log is shown when it is another."""
    with start_worker(paths, **extra) as process:
        code = process.wait(timeout)
    assert expect is None or code == expect, f"exit {code}\n{log(paths)}"
    return code


def train(root: Path, parent: str | None = None, **changes: Any) -> RunPaths:
    """Make a run and train it to its end."""
    paths = make_run(root, parent, **changes)
    run_worker(paths)
    return paths


def log(paths: RunPaths) -> str:
    """What the worker printed."""
    return paths.log.read_text(errors="replace") if paths.log.exists() else ""


def state(paths: RunPaths) -> dict[str, Any]:
    """state.json."""
    content: dict[str, Any] = read_json(paths.state)
    return content


def failure(paths: RunPaths) -> dict[str, Any]:
    """What the worker says of its failure."""
    content: dict[str, Any] = read_json(paths.control / "failure.json")
    return content


def events(paths: RunPaths, kind: str) -> list[dict[str, Any]]:
    """The events of one kind, oldest first."""
    return [event for event in read_events(paths)[0] if event["event"] == kind]


def curves(paths: RunPaths) -> dict[str, list[tuple[int, float]]]:
    """Every series but those of time and system: what must be the same however often a run was interrupted."""
    found = {}
    for name in list_series(paths.series):
        if not name.startswith(("time/", "system/")):
            records = read_records(series_path(paths.series, name))
            found[name] = list(zip(records["step"].tolist(), records["value"].tolist(), strict=True))
    return found


def last_step(paths: RunPaths) -> int:
    """The newest step that has a train loss; 0 when there is none."""
    records = read_records(series_path(paths.series, "train/loss"))
    return int(records["step"][-1]) if len(records) else 0


def weights(paths: RunPaths, name: str = "last") -> bytes:
    """The bytes of a checkpoint's weights."""
    return (paths.checkpoints / name / "model.safetensors").read_bytes()


def same_curves(one: RunPaths, other: RunPaths) -> None:
    """Fail unless two runs have the same series, point by point, NaN being NaN."""
    left, right = curves(one), curves(other)
    assert left.keys() == right.keys()
    for name, points in left.items():
        np.testing.assert_array_equal(np.array(points), np.array(right[name]), err_msg=name)


def exists(path: Path) -> bool:
    """Whether a file is there, without following a symlink that leads nowhere."""
    return os.path.lexists(path)
