"""Runs as their folders show them, and the folder of all runs: how an id is taken, how runs are found and trashed.

The folder is all that the terminal UI, the command line and the worker share. What is replaced is replaced
atomically, what grows only grows, and an unreadable part is reported as such while the rest works.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from engine.errors import NotFoundError, RunError, nearest
from engine.events import append_event, read_events
from engine.jsonio import number, read_json, write_bytes
from engine.processes import boot_id, hostname, is_process, username
from engine.records import (
    ALIVE,
    ENDED,
    FORMAT,
    HEARTBEAT_SECONDS,
    RUN_ID,
    Marks,
    RunInfo,
    RunPaths,
    State,
    StateName,
    write_marks,
    write_state,
)

__all__ = [
    "ALIVE",
    "ENDED",
    "FORMAT",
    "HEARTBEAT_SECONDS",
    "RUN_ID",
    "Marks",
    "Run",
    "RunInfo",
    "RunPaths",
    "RunsFolder",
    "State",
    "StateName",
    "append_event",
    "derive_status",
    "each_run",
    "finite_metrics",
    "is_alive",
    "load_run",
    "read_events",
    "write_marks",
    "write_state",
]

BEING_MADE_SECONDS = 60.0
"""How long a folder without run.json may still be in the making; an older one was never started."""


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
        if self.state.host and self.state.host != hostname() and self.status in ALIVE:
            return f"{self.id} runs on {self.state.host}; act on it there"
        return _foreign(self.paths)


def _foreign(paths: RunPaths) -> str:
    """Why a folder is not this user's to change; empty when it is."""
    try:
        owner = paths.folder.stat().st_uid
    except OSError as error:
        return f"{paths.id} cannot be reached: {error.strerror}"
    if os.geteuid() not in (0, owner):
        return f"{paths.id} belongs to {username(owner)}; it can only be looked at"
    if not os.access(paths.folder, os.W_OK):
        return f"the folder of {paths.id} is read-only"
    return ""


def derive_status(state: State, paths: RunPaths) -> str:
    """What state a run is really in: a dead worker's `running` is `lost`, a requested stop is `stopping`."""
    if state.state not in ALIVE:
        return state.state
    if not is_alive(state):
        # it may have ended between the reading of its state and the look at its processes
        newest = _read(paths.state, State, state, [])
        return newest.state if newest.state in ENDED else "lost"
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
    if state.pid is None and state.supervisor_pid is None:
        # between the launcher's write and the supervisor's first one
        return time.time() - (state.updated or state.created or 0.0) < 3 * HEARTBEAT_SECONDS
    return is_process(state.pid, state.pid_start) or is_process(state.supervisor_pid, state.supervisor_start)


def load_run(paths: RunPaths) -> Run:
    """Read a run's small files; whatever is missing or damaged becomes a line in `problems`. Never raises."""
    problems: list[str] = []
    info = _read(paths.run, RunInfo, RunInfo(run=paths.id), problems)
    state = _read(paths.state, State, State(state="unreadable"), problems)
    marks = _read(paths.marks, Marks, Marks(), problems, optional=True)
    if state.state not in _STATES:
        problems.append(f"state.json names an unknown state {state.state[:40]!r}")
        state.state = "unreadable"
    if not paths.run.exists():
        state, problems = _unstarted(paths, info, state, problems)
    return Run(paths, info, state, marks, tuple(problems))


def _unstarted(paths: RunPaths, info: RunInfo, state: State, problems: list[str]) -> tuple[State, list[str]]:
    """What to say of a folder without run.json: it is being made, was never started, or has lost the file."""
    if state.state != "unreadable":
        return state, problems
    try:
        made = paths.folder.stat().st_mtime
    except OSError:
        return state, problems
    if time.time() - made < BEING_MADE_SECONDS:
        return State(state="queued", created=made), []
    cause = "never started: the launch was cut off before run.json was written"
    return State(state="failed", cause=cause, cause_kind="exception", created=made, ended=made), [cause]


_STATES = frozenset(get_args(StateName))
_T = TypeVar("_T")


def _read(path: Path, kind: type[_T], default: _T, problems: list[str], *, optional: bool = False) -> _T:
    try:
        content = read_json(path)
    except FileNotFoundError:
        if not optional:
            problems.append(f"{path.name} is missing")
        return default
    except (OSError, ValueError) as error:
        problems.append(f"{path.name} cannot be read: {str(error)[:200]}")
        return default
    version = content.get("format", FORMAT) if isinstance(content, dict) else FORMAT
    if isinstance(version, int) and version > FORMAT:
        problems.append(f"{path.name} has format {version}; this version reads up to {FORMAT}: upgrade dltui")
    try:
        return msgspec.convert(content, kind, strict=False)
    except ValueError as error:
        problems.append(f"{path.name} is not as it should be: {str(error)[:200]}")
        return default


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
            NotFoundError: there is none; the message names the folder, and says when it is in the trash.
        """
        paths = self.paths(run_id)
        if RUN_ID.fullmatch(run_id) and paths.folder.is_dir():
            return load_run(paths)
        if run_id in self.trashed():
            raise NotFoundError(f"{run_id} is in the trash of {self.root}", hint=f"engine restore {run_id}")
        raise NotFoundError(
            f"no run {run_id!r} in {self.root}", hint=nearest(run_id, self.ids()[-200:]) or "there are no runs yet"
        )

    def new(self) -> RunPaths:
        """Take the next free id by making its folder; two launchers at once never get the same, and none comes twice.

        Raises:
            RunError: the folder cannot be written.
        """
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            with _locked(self.own / "ids.lock"):
                return self._take_next()
        except OSError as error:
            raise RunError(
                f"cannot make a run in {self.root.absolute()}: {error.strerror}",
                hint="give a folder you can write with --runs DIR",
            ) from error

    def _take_next(self) -> RunPaths:
        number_ = self._last_number() + 1
        while True:
            folder = self.root / f"e{number_:04d}"
            try:
                folder.mkdir()
            except FileExistsError:
                number_ += 1
                continue
            write_bytes(self._counters[0], b"%d\n" % number_)
            return RunPaths(folder)

    @property
    def _counters(self) -> tuple[Path, Path]:
        """Where the highest id ever taken is kept; the second file outlives an emptied trash and a lost `.dltui`."""
        return self.own / "last-id", self.trash / "last-id"

    def _last_number(self) -> int:
        numbers = [int(run_id[1:]) for run_id in (*self.ids()[-1:], *self.trashed()[-1:])]
        for path in self._counters:
            with contextlib.suppress(OSError, ValueError):
                numbers.append(int(path.read_text()[:18]))
        return max(numbers, default=0)

    def move_to_trash(self, run_id: str) -> None:
        """Move a run to the trash.

        Raises:
            NotFoundError: there is no such run.
            RunError: it is alive or starred, of a newer version or another user, or cannot be moved.
        """
        run = self.find(run_id)
        if run.status in ALIVE:
            raise RunError(f"{run_id} is {run.status}", hint=f"engine stop {run_id}")
        if run.marks.star:
            raise RunError(f"{run_id} is starred, which protects it", hint=f"engine mark {run_id} --no-star")
        if run.info.format > FORMAT or (reason := _foreign(run.paths)):
            raise RunError(run.read_only_reason or reason)
        self._move(run.paths.folder, self.trash / run_id)

    def _move(self, source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(exist_ok=True)
            if target.exists():
                raise RunError(f"{target} is in the way", hint="move it aside")
            source.rename(target)
        except OSError as error:
            raise RunError(f"{source.name} cannot be moved to {target.parent}: {error.strerror}") from error

    def restore(self, run_id: str) -> None:
        """Bring a run back from the trash.

        Raises:
            NotFoundError: it is not there.
            RunError: it cannot be moved.
        """
        trashed = self.trashed()
        if run_id not in trashed:
            raise NotFoundError(
                f"{run_id} is not in {self.trash}", hint=nearest(run_id, trashed) or "the trash is empty"
            )
        self._move(self.trash / run_id, self.root / run_id)

    def empty_trash(self) -> int:
        """Delete for good what is in the trash, whose ids are not given out again; returns how many runs that were.

        Raises:
            RunError: a run cannot be deleted.
        """
        ids = self.trashed()
        try:
            if ids:
                write_bytes(self._counters[1], b"%d\n" % self._last_number())
            for run_id in ids:
                folder = self.trash / run_id
                if folder.is_symlink():
                    folder.unlink()
                else:
                    shutil.rmtree(folder)
        except OSError as error:
            raise RunError(f"the trash cannot be emptied: {error.filename}: {error.strerror}") from error
        return len(ids)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; on a file system without locks, go on without."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL):
                raise
        yield
    finally:
        os.close(descriptor)


def _ids(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if RUN_ID.fullmatch(entry.name) and _is_folder(entry)]
    except OSError:
        return []
    return sorted(names, key=lambda name: int(name[1:]))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symlink that leads in a circle
        return False


def each_run(folder: RunsFolder) -> Iterator[Run]:
    """All runs, oldest first, read one by one."""
    for run_id in folder.ids():
        yield load_run(folder.paths(run_id))
