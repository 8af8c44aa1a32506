"""One run as its folder shows it: its records, what state it is really in, and who may act on it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from engine.jsonio import number, read_json
from engine.processes import boot_id, hostname, is_process, username
from engine.records import (
    ALIVE,
    ENDED,
    FORMAT,
    HEARTBEAT_SECONDS,
    TRASH,
    Marks,
    RunInfo,
    RunPaths,
    State,
    StateName,
)

BEING_MADE_SECONDS = 60.0
"""How long a folder without run.json may still be in the making; an older one was never started."""


class Run(msgspec.Struct, frozen=True):
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
        return foreign(self.paths)


def foreign(paths: RunPaths) -> str:
    """Why a folder is not this user's to change; empty when it is."""
    try:
        owner = paths.folder.stat().st_uid
    except OSError as error:
        return gone(paths) or f"{paths.id} cannot be reached: {error.strerror}"
    if os.geteuid() not in (0, owner):
        return f"{paths.id} belongs to {username(owner)}; it can only be looked at"
    if not os.access(paths.folder, os.W_OK):
        return f"the folder of {paths.id} is read-only"
    return ""


def gone(paths: RunPaths) -> str:
    """Where a run is whose folder is not there any more; empty when it is there."""
    if not _is_missing(paths.folder):
        return ""
    if _is_missing(paths.folder.parent / TRASH / paths.id):
        return f"{paths.id} is not there any more: its folder was removed"
    return f"{paths.id} was moved to the trash; engine restore {paths.id} brings it back"


def derive_status(state: State, paths: RunPaths) -> str:
    """What state a run is really in: a dead worker's `running` is `lost`, a requested stop is `stopping`."""
    if state.state not in ALIVE:
        return state.state
    if not is_alive(state):
        # it may have ended between the reading of its state and the look at its processes
        newest = _read(paths.state, State, state, [])
        return newest.state if newest.state in ENDED else "lost"
    if state.state == "running" and not _is_missing(paths.control / "stop"):
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
    if reason := gone(paths):
        return Run(paths, RunInfo(run=paths.id), State(state="unreadable"), Marks(), (reason,))
    info = _read(paths.run, RunInfo, RunInfo(run=paths.id), problems)
    state = _read(paths.state, State, State(state="unreadable"), problems)
    marks = _read(paths.marks, Marks, Marks(), problems, optional=True)
    if state.state not in _STATES:
        problems.append(f"state.json names an unknown state {state.state[:40]!r}")
        state.state = "unreadable"
    if _is_missing(paths.run):
        state, problems = _unstarted(paths, info, state, problems)
    return Run(paths, info, state, marks, tuple(problems))


def _unstarted(paths: RunPaths, info: RunInfo, state: State, problems: list[str]) -> tuple[State, list[str]]:
    """What to say of a folder without run.json: it is being made, was never started, or has lost the file."""
    if state.state not in ("unreadable", "queued", "starting"):
        return state, problems
    try:
        made = paths.folder.stat().st_mtime
    except OSError:
        return state, problems
    if time.time() - made < BEING_MADE_SECONDS:
        return (State(state="queued", created=made) if state.state == "unreadable" else state), []
    cause = "never started: the launch was cut off before run.json was written"
    return State(state="failed", cause=cause, cause_kind="exception", created=made, ended=made), [cause]


def _is_missing(path: Path) -> bool:
    """Whether there surely is no such file; one that cannot be reached may be there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


_STATES = frozenset(get_args(StateName))
_T = TypeVar("_T")


def _read(path: Path, kind: type[_T], default: _T, problems: list[str], *, optional: bool = False) -> _T:
    try:
        content = read_json(path)
    except FileNotFoundError:
        if not optional:
            problems.append(f"{path.name} is missing")
        return default
    except OSError as error:
        problems.append(f"{path.name} cannot be read: {error.strerror}")
        return default
    except ValueError as error:
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
