"""The small records of a run folder: its paths, and what run.json, state.json and marks.json hold."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.jsonio import read_json, write_json

FORMAT = 1
"""The newest run-folder format this program understands; a folder of a newer one is left alone."""

HEARTBEAT_SECONDS = 10.0
"""How often a live worker rewrites state.json when nothing else makes it do so."""

EVALUATION_FILE = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,60})-(\d{1,18})\.json")
"""The name of an evaluation's file: its split's prefix, and the step it was made after."""

RUN_ID = re.compile(r"e(?:[0-9]{4}|[1-9][0-9]{4,17})")

StateName = Literal["queued", "starting", "running", "stopping", "finished", "failed", "stopped", "lost", "unreadable"]
ENDED: frozenset[str] = frozenset({"finished", "failed", "stopped", "lost", "unreadable"})
ALIVE: frozenset[str] = frozenset({"starting", "running", "stopping"})


def file_prefix(split: str) -> str:
    """What the evaluation files of a split begin with."""
    return {"validation": "val"}.get(split, split)


class RunPaths(msgspec.Struct, frozen=True):
    """Every path in a run's folder; nobody else joins paths."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def run(self) -> Path:
        return self.folder / "run.json"

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def series(self) -> Path:
        return self.folder / "series"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def data(self) -> Path:
        return self.folder / "data.json"

    @property
    def model(self) -> Path:
        return self.folder / "model.json"

    @property
    def evaluation(self) -> Path:
        return self.folder / "evaluation"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def notes(self) -> Path:
        return self.folder / "notes.md"

    @property
    def marks(self) -> Path:
        return self.folder / "marks.json"

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def code_patch(self) -> Path:
        return self.folder / "code.patch"

    def artifact(self, name: str) -> Path:
        """A file made at the end for people and scripts: train.json, test.json, loss.png, …"""
        return self.folder / name


class State(msgspec.Struct, kw_only=True):
    """state.json: how far a run is, or how it ended."""

    format: int = FORMAT
    state: str = "queued"
    cause: str | None = None
    """Why it ended as it did, in a sentence; None for a plain finish."""
    cause_kind: str | None = None
    """settings | data | out-of-memory | disk-full | non-finite | signal | exception | user | None"""
    exit_code: int | None = None
    host: str | None = None
    pid: int | None = None
    """The worker's process id, with `pid_start` and `boot_id` telling it from a later process of the same number."""
    pid_start: float | None = None
    boot_id: str | None = None
    supervisor_pid: int | None = None
    supervisor_start: float | None = None
    device: str | None = None
    """What it computes on: cpu, or cuda:N with the GPU's name in run.json."""
    epoch: float = 0
    """Epochs done (a fraction inside one)."""
    step: int = 0
    """Optimizer steps done."""
    total_steps: int | None = None
    total_epochs: float | None = None
    samples_per_second: float | None = None
    seconds_left: float | None = None
    best: dict[str, Any] | None = None
    """{"monitor": "val/accuracy", "mode": "max", "value": 0.91, "epoch": 38, "step": 1900}"""
    metrics: dict[str, Any] = msgspec.field(default_factory=dict)
    """The newest value of each metric, test metrics included once there are any."""
    best_metrics: dict[str, Any] | None = None
    """The best value of each metric over all evaluations; None where a version before this one wrote the file."""
    metrics_at_best: dict[str, Any] | None = None
    """The value of each metric at the evaluation that `best` tells of."""
    created: float | None = None
    started: float | None = None
    updated: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    """Time spent training over all sittings."""


class Marks(msgspec.Struct, kw_only=True):
    """marks.json: what people say of a run."""

    name: str = ""
    tags: list[str] = msgspec.field(default_factory=list)
    star: bool = False
    archived: bool = False


class RunInfo(msgspec.Struct, kw_only=True):
    """run.json: what a run is; written once, by the launcher."""

    format: int = FORMAT
    run: str = ""
    experiment: str = ""
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    """The resolved settings, complete: running them again needs no other file."""
    parent: str | None = None
    """`e0031:best` where the run continues another's checkpoint."""
    group: str | None = None
    seed: int = 0
    argv: list[str] = msgspec.field(default_factory=list)
    """The headless command that does the same."""
    folder: str = ""
    """The folder of experiments.toml: where the user's own models and data sets are found."""
    git: dict[str, Any] | None = None
    """{"commit": ..., "dirty": bool, "diff_sha256": ..., "untracked": [...]} of the working tree at launch."""
    code: dict[str, str] = msgspec.field(default_factory=dict)
    """SHA-256 of the user's own modules that the settings name, by path below `folder`."""
    python: str = ""
    """The interpreter."""
    cwd: str = ""
    """Where the launch was asked for."""
    host: str = ""
    user: str = ""
    device: dict[str, Any] = msgspec.field(default_factory=dict)
    """{"kind": "cpu"|"cuda", "name": ..., "uuid": ..., "index": ...}: what was chosen."""
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    data_fingerprint: str | None = None
    environment: dict[str, str] = msgspec.field(default_factory=dict)
    created: float = 0.0
    note: str = ""
    tags: list[str] = msgspec.field(default_factory=list)


TRASH = ".trash"
"""Below the runs folder: where removed runs wait to be restored."""


def write_state(paths: RunPaths, state: State) -> None:
    """Replace state.json; `updated` becomes now."""
    state.updated = time.time()
    write_json(paths.state, state)


def write_marks(paths: RunPaths, marks: Marks) -> None:
    """Replace marks.json; one that cannot be read is kept beside it."""
    try:
        read_json(paths.marks)
    except FileNotFoundError:
        pass
    except (OSError, ValueError):
        os.replace(paths.marks, paths.marks.with_name(f"marks-unreadable-{time.time():.0f}.json"))
    write_json(paths.marks, marks)
