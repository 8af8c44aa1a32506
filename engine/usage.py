"""What runs take on the disk, run by run; what was counted once is kept until the run's folder changes."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.jsonio import write_bytes
from engine.records import RunPaths
from engine.rows import Row
from engine.runs import RunsFolder


class Use(msgspec.Struct, array_like=True, frozen=True):
    """Bytes of one run's files."""

    bytes: int = 0
    checkpoints: int = 0
    """Those of its checkpoints among them."""
    stamp: int = 0
    """Changes when files come or go."""


class DiskUse:
    """Counts, and remembers in `.dltui/disk.msgpack`; may be called from any one thread at a time."""

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs
        self._known: dict[str, Use] | None = None
        self._dirty = False
        self._lock = threading.Lock()

    def of(self, run_id: str) -> Use:
        """What one run takes now."""
        with self._lock:
            return self._of(run_id, self._load())

    def fill(self, rows: Iterable[Row]) -> int:
        """Count what each row's run takes, tell it to the row (`disk` in queries and columns), and return the sum."""
        return sum(self.each(rows))

    def each(self, rows: Iterable[Row]) -> Iterator[int]:
        """As `fill`, a run at a time, so that a thread can stop between them."""
        with self._lock:
            known = self._load()
            for row in rows:
                use = self._of(row.run, known)
                row.__dict__["disk"] = use.bytes
                yield use.bytes
            self._save(known)

    def known(self, run_id: str) -> Use | None:
        """What one run took when it was last counted; None when it never was."""
        return None if self._known is None else self._known.get(run_id)

    def _of(self, run_id: str, known: dict[str, Use]) -> Use:
        paths = self._runs.paths(run_id)
        stamp = _stamp(paths)
        found = known.get(run_id)
        if found is None or found.stamp != stamp:
            found = known[run_id] = measure(paths, stamp)
            self._dirty = True
        return found

    def _load(self) -> dict[str, Use]:
        if self._known is None:
            try:
                self._known = msgspec.msgpack.decode(self._path.read_bytes(), type=dict[str, Use])
            except (OSError, msgspec.DecodeError):
                self._known = {}
        return self._known

    @property
    def _path(self) -> Path:
        return self._runs.own / "disk.msgpack"

    def _save(self, known: dict[str, Use]) -> None:
        if self._dirty:
            with contextlib.suppress(OSError):  # a read-only folder: counted again next time
                self._runs.own.mkdir(parents=True, exist_ok=True)
                write_bytes(self._path, msgspec.msgpack.encode(known))
                self._dirty = False


def measure(paths: RunPaths, stamp: int | None = None) -> Use:
    """Count a run's files; what is linked to is not followed."""
    every = _tree(os.fspath(paths.folder))
    return Use(every, _tree(os.fspath(paths.checkpoints)), _stamp(paths) if stamp is None else stamp)


def _tree(folder: str) -> int:
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # it went meanwhile
                    if entry.is_dir(follow_symlinks=False):
                        total += _tree(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
    except OSError:
        pass
    return total


def _stamp(paths: RunPaths) -> int:
    """The times of what changes when a run grows or is tidied up, as one number."""
    times = []
    for path in (paths.state, paths.checkpoints, paths.evaluation, paths.notes, paths.folder):
        try:
            times.append(path.stat().st_mtime_ns)
        except OSError:
            times.append(0)
    return hash(tuple(times)) & 0x7FFF_FFFF_FFFF_FFFF


def record(use: Use) -> dict[str, Any]:
    """A run's use as `--json` shows it."""
    return {"bytes": use.bytes, "checkpoints": use.checkpoints}
