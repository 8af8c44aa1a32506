"""The folder of all runs: how an id is taken, how runs are found, trashed and restored; and all that one run is.

The folder is all that the terminal UI, the command line and the worker share. What is replaced is replaced
atomically, what grows only grows, and an unreadable part is reported as such while the rest works.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.errors import NotFoundError, RunError, nearest
from engine.events import append_event, read_events
from engine.jsonio import write_bytes
from engine.locks import lock_run
from engine.records import (
    ALIVE,
    ENDED,
    FORMAT,
    HEARTBEAT_SECONDS,
    RUN_ID,
    TRASH,
    Marks,
    RunInfo,
    RunPaths,
    State,
    StateName,
    write_marks,
    write_state,
)
from engine.run import Run, derive_status, finite_metrics, foreign, is_alive, load_run

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
    "locked",
    "read_events",
    "write_marks",
    "write_state",
]


class RunsFolder:
    """The folder that holds all runs, with its trash and the program's own files in `.dltui`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def trash(self) -> Path:
        return self.root / TRASH

    @property
    def own(self) -> Path:
        """Index, cached summaries, saved views: all rebuildable but the views."""
        return self.root / ".dltui"

    def paths(self, run_id: str) -> RunPaths:
        """The paths of a run, whether or not it exists."""
        return RunPaths(self.root / run_id)

    def ids(self) -> list[str]:
        """Ids of all run folders, oldest first; foreign folders and files are not listed."""
        return _ids(self.root)

    def trashed(self) -> list[str]:
        """Ids of the runs in the trash, oldest first; a link counts even where it leads nowhere from in there."""
        return _ids(self.trash, links=True)

    def trashed_paths(self, run_id: str) -> RunPaths:
        """The paths of a run in the trash."""
        return RunPaths(self.trash / run_id)

    def find(self, run_id: str) -> Run:
        """The run with this id.

        Raises:
            NotFoundError: there is none; the message names the folder, and says when it is in the trash.
        """
        paths = self.paths(run_id)
        if RUN_ID.fullmatch(run_id) and _is_reachable_folder(paths.folder):
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
            with locked(self.own / "ids.lock"):
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
        check_removable(self.find(run_id))
        lock = lock_run(self.paths(run_id))
        try:
            check_removable(self.find(run_id))  # it may have been resumed or starred since the first look
            self._move(self.root / run_id, self.trash / run_id)
        finally:
            os.close(lock)

    def _move(self, source: Path, target: Path) -> None:
        try:
            target.parent.mkdir(exist_ok=True)
            if os.path.lexists(target):
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


def check_removable(run: Run) -> None:
    """Make sure that a run may go to the trash.

    Raises:
        RunError: it is alive, queued or starred, or of a newer version or another user.
    """
    if run.status in ALIVE or run.status == "queued":
        raise RunError(f"{run.id} is {run.status}", hint=f"engine stop {run.id}", remedy="stop")
    if run.marks.star:
        hint = f"engine mark {run.id} --no-star"
        raise RunError(f"{run.id} is starred, which protects it", hint=hint, remedy="star")
    if run.info.format > FORMAT or (reason := foreign(run.paths)):
        raise RunError(run.read_only_reason or reason)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
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


def _ids(folder: Path, *, links: bool = False) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if RUN_ID.fullmatch(entry.name) and (_is_folder(entry) or (links and entry.is_symlink()))
            ]
    except OSError:
        return []
    return sorted(names, key=lambda name: int(name[1:]))


def _is_reachable_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a symlink that leads in a circle
        return False


def each_run(folder: RunsFolder) -> Iterator[Run]:
    """All runs, oldest first, read one by one."""
    for run_id in folder.ids():
        yield load_run(folder.paths(run_id))
