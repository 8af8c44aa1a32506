"""Run folders: where everything of a run lies, how its id is taken, and how its records are written and read.

The folder is all that the terminal UI, the command line and the worker share. What is replaced is replaced
atomically, what grows only grows, and an unreadable part is reported as such while the rest works.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from engine.errors import NotFoundError, RunError, nearest
from engine.jsonio import encode, number, read_json, write_json
from engine.processes import boot_id, hostname, process_start

FORMAT = 1
"""The newest run-folder format this program understands; a folder of a newer one is left alone."""

HEARTBEAT_SECONDS = 10.0
"""How often a live worker rewrites state.json when nothing else makes it do so."""

RUN_ID = re.compile(r"e\d{4,}")

StateName = Literal["queued", "starting", "running", "stopping", "finished", "failed", "stopped", "lost", "unreadable"]
ENDED: frozenset[str] = frozenset({"finished", "failed", "stopped", "lost", "unreadable"})
ALIVE: frozenset[str] = frozenset({"starting", "running", "stopping"})


@dataclass(frozen=True)
class RunPaths:
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
    """{"commit": ..., "dirty": bool, "diff_sha256": ...} of the working tree at launch."""
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


@dataclass(frozen=True)
class Run:
    """One run as its folder shows it now; a snapshot, cheap to make and never an exception."""

    paths: RunPaths
    info: RunInfo
    state: State
    marks: Marks
    problems: tuple[str, ...] = ()
    """What of the folder could not be read, a sentence each."""

    @property
    def id(self) -> str:
        return self.paths.id

    @property
    def status(self) -> str:
        """The state shown to people: `lost` and `stopping` are derived here, never written by a reader."""
        return derive_status(self.state, self.paths)

    @property
    def writable(self) -> bool:
        """Whether this user on this host may stop, resume or mark the run."""
        return self.read_only_reason == ""

    @property
    def read_only_reason(self) -> str:
        """Why the run can only be looked at; empty when it can be acted on."""
        if self.info.format > FORMAT or self.state.format > FORMAT:
            return f"{self.id} was made by a newer version; it is shown as far as it is understood"
        if self.status in ALIVE and self.state.host and self.state.host != hostname():
            return f"{self.id} runs on {self.state.host}; act on it there"
        if not os.access(self.paths.folder, os.W_OK):
            return f"{self.id} belongs to another user, or its folder is read-only"
        return ""


def derive_status(state: State, paths: RunPaths) -> str:
    """What state a run is really in: a dead worker's `running` is `lost`, a requested stop is `stopping`."""
    if state.state not in ALIVE:
        return state.state
    if not is_alive(state):
        return "lost"
    if state.state == "running" and (paths.control / "stop").exists():
        return "stopping"
    return state.state


def is_alive(state: State) -> bool:
    """Whether the worker of a run, or the supervisor about to write how it ended, still lives.

    On this host the processes are asked; elsewhere a heartbeat no older than six of its periods counts.
    """
    if state.host and state.host != hostname():
        return time.time() - (state.updated or 0.0) < 6 * HEARTBEAT_SECONDS
    if state.boot_id and state.boot_id != boot_id():
        return False
    pairs = ((state.pid, state.pid_start), (state.supervisor_pid, state.supervisor_start))
    if state.pid is None and state.supervisor_pid is None:
        # between the launcher's write and the supervisor's first one
        return time.time() - (state.updated or state.created or 0.0) < 3 * HEARTBEAT_SECONDS
    return any(pid is not None and process_start(pid) == start for pid, start in pairs)


def load_run(paths: RunPaths) -> Run:
    """Read a run's small files; whatever is missing or damaged becomes a line in `problems`."""
    problems: list[str] = []
    info = _read(paths.run, RunInfo, RunInfo(run=paths.id), problems, required=True)
    unreadable = State(state="unreadable") if problems else State(state="queued")
    state = _read(paths.state, State, unreadable, problems, required=True)
    marks = _read(paths.marks, Marks, Marks(), problems, required=False)
    for label, found in (("run.json", info.format), ("state.json", state.format)):
        if found > FORMAT:
            problems.append(f"{label} has format {found}; this version reads up to {FORMAT}: upgrade dltui")
    return Run(paths, info, state, marks, tuple(problems))


_T = TypeVar("_T")


def _read(path: Path, kind: type[_T], default: _T, problems: list[str], *, required: bool) -> _T:
    try:
        return msgspec.convert(read_json(path), kind, strict=False)
    except FileNotFoundError:
        if required:
            problems.append(f"{path.name} is missing")
    except (OSError, ValueError) as error:
        problems.append(f"{path.name} cannot be read: {error}")
    if required and isinstance(default, State):
        return msgspec.structs.replace(default, state="unreadable")
    return default


def write_state(paths: RunPaths, state: State) -> None:
    """Replace state.json; `updated` becomes now."""
    state.updated = time.time()
    write_json(paths.state, state)


def write_marks(paths: RunPaths, marks: Marks) -> None:
    """Replace marks.json."""
    write_json(paths.marks, marks)


def append_event(paths: RunPaths, event: str, **fields: Any) -> None:
    """Add one line to events.jsonl; `time` and `event` come first, the rest as given."""
    line = encode({"time": time.time(), "event": event, **fields}) + b"\n"
    descriptor = os.open(paths.events, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a kill left half a line: keep it apart
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_events(paths: RunPaths, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The events from byte `offset` on, and the offset to go on from; damaged lines are passed over."""
    try:
        with open(paths.events, "rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    whole = content[: content.rfind(b"\n") + 1]
    events = []
    for line in whole.splitlines():
        with contextlib.suppress(msgspec.DecodeError):
            event = msgspec.json.decode(line)
            if isinstance(event, dict):
                events.append(event)
    return events, offset + len(whole)


def finite_metrics(metrics: dict[str, Any]) -> dict[str, float]:
    """Metrics as floats, with "NaN", "inf" and "-inf" read back."""
    return {name: number(value) for name, value in metrics.items()}


class RunsFolder:
    """The folder that holds all runs, with its trash and the program's own files in `.dltui`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def trash(self) -> Path:
        return self.root / ".trash"

    @property
    def own(self) -> Path:
        """Index, queue, views, cached summaries: all rebuildable but the queue."""
        return self.root / ".dltui"

    def paths(self, run_id: str) -> RunPaths:
        """The paths of a run, whether or not it exists."""
        return RunPaths(self.root / run_id)

    def ids(self) -> list[str]:
        """Ids of all run folders, oldest first; foreign folders and files are not listed."""
        return _ids(self.root)

    def trashed(self) -> list[str]:
        """Ids of the runs in the trash, oldest first."""
        return _ids(self.trash)

    def find(self, run_id: str) -> Run:
        """The run with this id.

        Raises:
            NotFoundError: there is none; the message names the folder and the nearest id, and says when it is in the trash.
        """
        paths = self.paths(run_id)
        if RUN_ID.fullmatch(run_id) and paths.folder.is_dir():
            return load_run(paths)
        if run_id in self.trashed():
            raise NotFoundError(f"{run_id} is in the trash of {self.root}", hint=f"engine restore {run_id}")
        raise NotFoundError(f"no run {run_id!r} in {self.root}", hint=nearest(run_id, self.ids()[-200:]) or "there are no runs yet")

    def new(self) -> RunPaths:
        """Take the next free id by making its folder; two launchers at once never get the same.

        Raises:
            RunError: the folder cannot be written.
        """
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            number_ = self._next_number()
            while True:
                folder = self.root / f"e{number_:04d}"
                try:
                    folder.mkdir()
                except FileExistsError:
                    number_ += 1
                    continue
                (self.own / "last-id").write_text(str(number_))
                return RunPaths(folder)
        except OSError as error:
            raise RunError(
                f"cannot make a run in {self.root.resolve()}: {error.strerror}",
                hint="give a folder you can write with --runs DIR",
            ) from error

    def _next_number(self) -> int:
        numbers = [int(i[1:]) for i in (*self.ids()[-1:], *self.trashed()[-1:])]
        with contextlib.suppress(OSError, ValueError):
            numbers.append(int((self.own / "last-id").read_text()))
        return max(numbers, default=0) + 1

    def move_to_trash(self, run_id: str) -> None:
        """Move a run to the trash.

        Raises:
            NotFoundError: there is no such run.
            RunError: it is alive or starred, or cannot be moved.
        """
        run = self.find(run_id)
        if run.status in ALIVE:
            raise RunError(f"{run_id} is {run.status}", hint=f"engine stop {run_id}")
        if run.marks.star:
            raise RunError(f"{run_id} is starred, which protects it", hint=f"engine mark {run_id} --no-star")
        try:
            self.trash.mkdir(exist_ok=True)
            os.rename(run.paths.folder, self.trash / run_id)
        except OSError as error:
            raise RunError(f"{run_id} cannot be moved to {self.trash}: {error.strerror}") from error

    def restore(self, run_id: str) -> None:
        """Bring a run back from the trash.

        Raises:
            NotFoundError: it is not there.
        """
        if run_id not in self.trashed():
            raise NotFoundError(f"{run_id} is not in {self.trash}", hint=nearest(run_id, self.trashed()) or "the trash is empty")
        os.rename(self.trash / run_id, self.root / run_id)

    def empty_trash(self) -> int:
        """Delete for good what is in the trash; returns how many runs that were."""
        ids = self.trashed()
        for run_id in ids:
            shutil.rmtree(self.trash / run_id)
        return len(ids)


def _ids(folder: Path) -> list[str]:
    try:
        names = [entry.name for entry in os.scandir(folder) if RUN_ID.fullmatch(entry.name)]
    except OSError:
        return []
    return sorted(names, key=lambda name: int(name[1:]))


def each_run(folder: RunsFolder) -> Iterator[Run]:
    """All runs, oldest first, read one by one."""
    for run_id in folder.ids():
        yield load_run(folder.paths(run_id))


