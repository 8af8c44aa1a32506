"""The index of all runs: one small row each, kept in `runs/.dltui/index.msgpack` so that 10,000 runs list at once.

The index holds nothing of its own: it can be deleted at any time and is rebuilt from the run folders. A row is valid
as long as modification time, size and inode of the run's state.json, marks.json and run.json are what they were.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from engine.jsonio import number, write_bytes
from engine.runs import ALIVE, RUN_ID, Run, RunsFolder, State, derive_status, load_run

SLICE = 250
"""Rows verified by each quick refresh besides the live and touched ones: 10,000 rows are through in 40 refreshes."""
SAVE_SECONDS = 10.0
"""The least time between two writes of the index by one process."""
TOUCHED_BYTES = 1 << 16
_STAMP = struct.Struct("<9q")
_NOTE_CHARACTERS = 200

_keysets: dict[bytes, tuple[str, ...]] = {}
"""Content hash to keys: rows of like runs store their values only."""


class Row(msgspec.Struct, array_like=True, dict=True, kw_only=True):
    """What lists show of a run. Times are Unix seconds; `seconds` is the time spent training."""

    run: str
    experiment: str = ""
    state: str = "unreadable"
    """As shown to people: `lost` and `stopping` are derived already."""
    created: float = 0.0
    started: float | None = None
    ended: float | None = None
    seconds: float = 0.0
    device: str = ""
    host: str = ""
    user: str = ""
    data: str = ""
    model: str = ""
    epoch: float = 0.0
    total_epochs: float | None = None
    step: int = 0
    total_steps: int | None = None
    samples_per_second: float | None = None
    seconds_left: float | None = None
    best: float | None = None
    best_epoch: float | None = None
    monitor: str | None = None
    mode: str | None = None
    tags: tuple[str, ...] = ()
    star: bool = False
    name: str = ""
    archived: bool = False
    parent: str | None = None
    group: str | None = None
    seed: int = 0
    cause: str | None = None
    cause_kind: str | None = None
    note: str = ""
    stamp: bytes = b""
    packed_metrics: bytes = b""
    packed_settings: bytes = b""

    @functools.cached_property
    def metrics(self) -> dict[str, float]:
        """The newest value of each metric, test metrics included."""
        return _unpack(self.packed_metrics)

    @functools.cached_property
    def settings(self) -> dict[str, Any]:
        """The settings that have a value, under dotted keys (`optimizer.lr`); without description and motivation."""
        return _unpack(self.packed_settings)

    @property
    def live(self) -> bool:
        """Whether a worker is at it."""
        return self.state in ALIVE


class _Stored(msgspec.Struct, array_like=True):
    keysets: dict[bytes, tuple[str, ...]]
    rows: list[Row]


_MAGIC = b"dltui-index-1 " + hashlib.blake2b(repr(Row.__struct_fields__).encode(), digest_size=4).hexdigest().encode()


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of nested tables; lists stay whole, keys without a value are left out."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        elif value is not None:
            yield f"{prefix}{key}", value


def _pack(values: Mapping[str, Any]) -> bytes:
    keys = tuple(values)
    identity = _keyset_identity(keys)
    _keysets[identity] = keys
    try:
        return identity + msgspec.msgpack.encode(list(values.values()))
    except (OverflowError, TypeError, UnicodeEncodeError):  # integers beyond 64 bit, foreign types
        return identity + msgspec.msgpack.encode([ascii(value) for value in values.values()])


@functools.lru_cache(4096)
def _keyset_identity(keys: tuple[str, ...]) -> bytes:
    return hashlib.blake2b("\0".join(keys).encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _unpack(packed: bytes) -> dict[str, Any]:
    if not packed:
        return {}
    return dict(zip(_keysets[packed[:8]], msgspec.msgpack.decode(packed[8:]), strict=True))


def make_row(run: Run, stamp: bytes = b"") -> Row:
    """The row of a run as its folder shows it now."""
    info, state, marks = run.info, run.state, run.marks
    settings, best = info.settings, state.best or {}
    return Row(
        run=run.id,
        experiment=info.experiment,
        state=run.status,
        created=info.created or state.created or 0.0,
        started=state.started,
        ended=state.ended,
        seconds=state.seconds,
        device=state.device or str(info.device.get("name") or info.device.get("kind") or ""),
        host=state.host or info.host,
        user=info.user,
        data=_name(settings.get("data")),
        model=_name(settings.get("model")),
        epoch=state.epoch,
        total_epochs=state.total_epochs,
        step=state.step,
        total_steps=state.total_steps,
        samples_per_second=state.samples_per_second,
        seconds_left=state.seconds_left,
        best=number(best["value"]) if "value" in best else None,
        best_epoch=number(best["epoch"]) if "epoch" in best else None,
        monitor=_text(best.get("monitor")),
        mode=_text(best.get("mode")),
        tags=tuple(marks.tags if run.paths.marks.exists() else info.tags),
        star=marks.star,
        name=marks.name,
        archived=marks.archived,
        parent=info.parent,
        group=info.group,
        seed=info.seed,
        cause=state.cause or ("; ".join(run.problems) or None),
        cause_kind=state.cause_kind,
        note=info.note[:_NOTE_CHARACTERS],
        stamp=stamp,
        packed_metrics=_pack({name: number(value) for name, value in state.metrics.items()}),
        packed_settings=_pack(
            {key: value for key, value in flatten(settings) if key not in ("description", "motivation")}
        ),
    )


def _name(table: Any) -> str:
    return str(table.get("name", "")) if isinstance(table, dict) else ""


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


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
        _keysets.update(stored.keysets)
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
        used = {packed[:8] for row in rows for packed in (row.packed_metrics, row.packed_settings) if packed}
        payload = msgspec.msgpack.encode(_Stored({identity: _keysets[identity] for identity in used}, rows))
        content = _MAGIC + zlib.crc32(payload).to_bytes(4, "little") + payload
        with contextlib.suppress(OSError):  # a read-only folder: the index stays in memory
            self._path.parent.mkdir(exist_ok=True)
            write_bytes(self._path, content)
            self._dirty = False


def _restless(row: Row) -> bool:
    return row.state in ALIVE or row.state == "queued"
