"""The index of all runs: one small row each, kept in `runs/.dltui/index.msgpack` so that 10,000 runs list at once.

The index holds nothing of its own: it can be deleted at any time and is rebuilt from the run folders. A row is valid
as long as modification time, size and inode of the run's state.json, marks.json and run.json are what they were.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from engine.jsonio import write_bytes
from engine.rows import Row, flatten, keysets, make_row
from engine.runs import ALIVE, RUN_ID, RunsFolder, State, derive_status, load_run

__all__ = ["Row", "RunIndex", "flatten", "make_row", "touch"]

SLICE = 250
"""Rows verified by each quick refresh besides the live and touched ones: 10,000 rows are through in 40 refreshes."""
SAVE_SECONDS = 10.0
"""The least time between two writes of the index by one process."""
TOUCHED_BYTES = 1 << 16
_STAMP = struct.Struct("<9q")


class _Stored(msgspec.Struct, array_like=True):
    keysets: dict[bytes, tuple[str, ...]]
    rows: list[Row]


_MAGIC = b"dltui-index-1 %08x" % zlib.crc32(repr(Row.__struct_fields__).encode())


def touch(runs: RunsFolder, run_id: str) -> None:
    """Tell every open index that something of a run changed (its marks, a resume); best effort, never an error."""
    path = runs.own / "touched"
    line = f"{run_id}\n".encode()
    with contextlib.suppress(OSError):
        if path.stat().st_size > TOUCHED_BYTES:
            write_bytes(path, line)  # a new inode: readers begin anew
            return
    with contextlib.suppress(OSError):
        runs.own.mkdir(parents=True, exist_ok=True)
        with open(path, "ab", buffering=0) as file:
            file.write(line)


class RunIndex:
    """Rows of all runs of a folder. `refresh` may be called from any one thread at a time, `rows` from anywhere."""

    def __init__(self, runs: RunsFolder) -> None:
        self._runs = runs
        self._root = os.fspath(runs.root)
        self._path = runs.own / "index.msgpack"
        self._rows: dict[str, Row] | None = None
        self._states: dict[str, State] = {}
        """state.json of the runs that may change by themselves: live, queued, being launched, unreadable."""
        self._listed = 0
        self._next = 0
        self._touched: tuple[int, int] | None = None
        self._saved = -SAVE_SECONDS
        self._dirty = False
        self._lock = threading.RLock()

    def rows(self) -> list[Row]:
        """All rows, oldest first, as the index knows them: nothing is verified here, so that a first paint is fast."""
        with self._lock:
            return list(self._known().values())

    def row(self, run_id: str) -> Row | None:
        """The row of one run; None when the index does not know it."""
        with self._lock:
            return self._known().get(run_id)

    def refresh(self, full: bool = False) -> bool:
        """Bring the rows up to date; writes the index when it changed and the folder can be written.

        Args:
            full: verify every row. Otherwise new, removed, live and touched runs and the next slice of the others.

        Returns:
            Whether any row changed, came or went.
        """
        with self._lock:
            known = self._known()
            changed, new = self._list(full)
            ids = dict.fromkeys((*new, *self._watched(), *self._read_touched()))
            ids.update(dict.fromkeys(known if full else self._slice()))
            changed |= self._verify(ids)
            self._save(full)
            return changed

    def verify_in_steps(self, chunk: int = 500) -> Iterator[bool]:
        """A full verification in parts, for a thread that has other things to do between them."""
        with self._lock:
            changed, new = self._list(True)
            ids = [*new, *self._known()]
        for start in range(0, len(ids), chunk):
            with self._lock:
                changed |= self._verify(dict.fromkeys(ids[start : start + chunk]))
            yield changed
        with self._lock:
            self._save(True)

    def _known(self) -> dict[str, Row]:
        if self._rows is None:
            self._rows = {row.run: row for row in self._load()}
            self._watch_loaded()
        return self._rows

    def _load(self) -> list[Row]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return []
        head, payload = content[: len(_MAGIC) + 4], memoryview(content)[len(_MAGIC) + 4 :]
        if head[:-4] != _MAGIC or head[-4:] != zlib.crc32(payload).to_bytes(4, "little"):
            return []
        try:
            stored = msgspec.msgpack.decode(payload, type=_Stored)
        except msgspec.DecodeError:
            return []
        keysets.update(stored.keysets)
        return stored.rows

    def _watch_loaded(self) -> None:
        for row in (self._rows or {}).values():
            if _restless(row):
                self._states[row.run] = State()
                row.stamp = b""  # its process may have gone meanwhile: read it again

    def _list(self, force: bool) -> tuple[bool, list[str]]:
        """Look which runs came and went, when the folder's time says that some did."""
        known = self._known()
        try:
            stamp = os.stat(self._root).st_mtime_ns
        except OSError:
            stamp = 0
        if stamp == self._listed and not force:
            return False, []
        # a folder changed a moment ago may change again within the same tick of its clock
        self._listed = stamp if time.time_ns() - stamp > 50_000_000 else -1
        ids = self._runs.ids()
        new = [run_id for run_id in ids if run_id not in known]
        gone = known.keys() - set(ids)
        for run_id in gone:
            del known[run_id]
            self._states.pop(run_id, None)
        self._dirty |= bool(gone)
        return bool(gone), new

    def _watched(self) -> Iterable[str]:
        return list(self._states)

    def _slice(self) -> list[str]:
        ids = list(self._known())
        start = self._next if self._next < len(ids) else 0
        self._next = start + SLICE
        return ids[start : start + SLICE]

    def _read_touched(self) -> list[str]:
        try:
            with open(self._runs.own / "touched", "rb") as file:
                status = os.fstat(file.fileno())
                before = self._touched
                self._touched = (status.st_ino, status.st_size)
                if before is None:
                    return []
                file.seek(before[1] if before[0] == status.st_ino else 0)
                words = file.read().decode("utf-8", "replace").split()
        except OSError:
            self._touched = self._touched or (0, 0)
            return []
        return [word for word in words if word in self._known() or RUN_ID.fullmatch(word)]

    def _verify(self, ids: Iterable[str]) -> bool:
        known, changed, came = self._known(), False, False
        for run_id in ids:
            row = known.get(run_id)
            stamp = self._stamp(run_id)
            if row is not None and row.stamp == stamp and not (row.run in self._states and self._moved(row)):
                continue
            fresh = self._read(run_id, stamp)
            if fresh is None:
                if known.pop(run_id, None) is not None:
                    changed = self._dirty = True
                continue
            came |= row is None
            changed |= row != fresh
            self._dirty |= row is None or not (_restless(row) and _restless(fresh))
            known[run_id] = fresh
        if came:
            self._rows = dict(sorted(known.items(), key=lambda item: int(item[0][1:])))
        return changed

    def _moved(self, row: Row) -> bool:
        """Whether a run whose files are unchanged is in another state now: its process died, a stop was asked for."""
        if not row.experiment:
            return True  # still being made
        paths = self._runs.paths(row.run)
        return row.state in ALIVE and derive_status(self._states[row.run], paths) != row.state

    def _stamp(self, run_id: str) -> bytes:
        values: list[int] = []
        for name in ("/state.json", "/marks.json", "/run.json"):
            try:
                status = os.stat(f"{self._root}/{run_id}{name}")
            except OSError:
                values += (0, 0, 0)
            else:
                values += (status.st_mtime_ns, status.st_size, status.st_ino & 0x7FFFFFFFFFFFFFFF)
        return _STAMP.pack(*values)

    def _read(self, run_id: str, stamp: bytes) -> Row | None:
        paths = self._runs.paths(run_id)
        if not paths.folder.is_dir():
            return None
        run = load_run(paths)
        row = make_row(run, stamp)
        if _restless(row):
            self._states[run_id] = run.state
        else:
            self._states.pop(run_id, None)
        return row

    def _save(self, force: bool) -> None:
        now = time.monotonic()
        if not self._dirty or (now - self._saved < SAVE_SECONDS and not force):
            return
        self._saved = now
        rows = list(self._known().values())
        used = {packed[:8] for row in rows for packed in _packed(row) if packed}
        payload = msgspec.msgpack.encode(_Stored({identity: keysets[identity] for identity in used}, rows))
        content = _MAGIC + zlib.crc32(payload).to_bytes(4, "little") + payload
        with contextlib.suppress(OSError):  # a read-only folder: the index stays in memory
            self._path.parent.mkdir(exist_ok=True)
            write_bytes(self._path, content)
            self._dirty = False


def _packed(row: Row) -> tuple[bytes, ...]:
    return row.packed_metrics, row.packed_settings, row.packed_bests, row.packed_at_best


def _restless(row: Row) -> bool:
    return row.state in ALIVE or row.state == "queued"
