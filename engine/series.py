"""Series on disk: one append-only file of 24-byte little-endian records for each metric.

A record is `(int64 step, float64 unix time, float64 value)`. Appends are single `write` calls on descriptors opened
with O_APPEND, so a record is in the file the moment `log` returns and a kill loses none of them. Readers take
`size // 24` records with `pread`: a half-written record at the end is never looked at.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import time as clock
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RECORD = struct.Struct("<qdd")
SUFFIX = ".f8"


def series_path(folder: Path, name: str) -> Path:
    """Where the series `name` lies below `folder`: '/' separates folders, each part is percent-encoded.

    Raises:
        ValueError: an empty name or part.
    """
    parts = [quote(part, safe="") for part in name.split("/")]
    if not all(parts):
        raise ValueError(f"series name {name!r} has an empty part")
    # no part may lead upwards, or be taken for a hidden folder
    parts = ["%2E" + part[1:] if part.startswith(".") else part for part in parts]
    return folder.joinpath(*parts[:-1], parts[-1] + SUFFIX)


def series_name(folder: Path, path: Path) -> str:
    """The inverse of `series_path`."""
    parts = path.relative_to(folder).parts
    return "/".join([*(unquote(p) for p in parts[:-1]), unquote(parts[-1].removesuffix(SUFFIX))])


def list_series(folder: Path) -> list[str]:
    """The names of all series below `folder`, sorted; hidden folders (cut-off parts) are passed over."""
    return sorted(series_name(folder, path) for path in _walk(folder))


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif entry.name.endswith(SUFFIX):
            yield Path(entry.path)


class SeriesWriter:
    """Appends points to the series of one run. Not thread-safe; one writer a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptors: dict[str, int] = {}

    def log(self, step: int, values: Mapping[str, float], time: float | None = None) -> None:
        """Append one point to each named series; on return the points are in the files.

        Args:
            step: optimizer steps done so far.
            values: series name to value.
            time: Unix time in seconds; now when absent.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        now = clock.time() if time is None else time
        descriptors, pack, write = self._descriptors, RECORD.pack, os.write
        for name, value in values.items():
            descriptor = descriptors.get(name)
            if descriptor is None:
                descriptor = self._open(name)
            if write(descriptor, pack(step, now, value)) != RECORD.size:
                self._mend(descriptor)
                raise OSError(errno.ENOSPC, f"no space left while writing the series {name}")

    def log_many(self, first_step: int, values: Mapping[str, Sequence[float]], time: float | None = None) -> None:
        """Append one point for each of consecutive steps to each named series, by one write a series.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        now = clock.time() if time is None else time
        for name, points in values.items():
            descriptor = self._descriptors.get(name)
            if descriptor is None:
                descriptor = self._open(name)
            data = b"".join(RECORD.pack(first_step + i, now, value) for i, value in enumerate(points))
            if os.write(descriptor, data) != len(data):
                self._mend(descriptor)
                raise OSError(errno.ENOSPC, f"no space left while writing the series {name}")

    def _open(self, name: str) -> int:
        path = series_path(self._folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._mend(descriptor)
        self._descriptors[name] = descriptor
        return descriptor

    @staticmethod
    def _mend(descriptor: int) -> None:
        """Drop the part of a record that a kill or a full disk left at the end, so that later ones stay aligned."""
        size = os.fstat(descriptor).st_size
        if size % RECORD.size:
            os.ftruncate(descriptor, size - size % RECORD.size)

    def close(self) -> None:
        """Close all files; a later `log` opens them anew."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def __enter__(self) -> SeriesWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def tail(path: Path, count: int) -> list[tuple[int, float, float]]:
    """The newest `count` points of a series, (step, time, value); the others are not read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        there = os.fstat(descriptor).st_size // RECORD.size
        taken = min(there, count)
        data = os.pread(descriptor, taken * RECORD.size, (there - taken) * RECORD.size)
    finally:
        os.close(descriptor)
    return list(RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]))


def record_type() -> np.dtype[np.void]:
    """The numpy type of a record: fields `step`, `time`, `value`."""
    import numpy as np

    return np.dtype([("step", "<i8"), ("time", "<f8"), ("value", "<f8")])


def read_records(path: Path, start: int = 0, count: int | None = None) -> NDArray[np.void]:
    """Records `start` to `start + count` of a series file (to its end when `count` is absent).

    Returns:
        A structured array with fields `step`, `time`, `value`; empty when the file is missing or shorter.
    """
    import numpy as np

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return np.empty(0, record_type())
    try:
        available = max(0, os.fstat(descriptor).st_size // RECORD.size - start)
        wanted = available if count is None else min(available, count)
        data = os.pread(descriptor, wanted * RECORD.size, start * RECORD.size)
    finally:
        os.close(descriptor)
    return np.frombuffer(data, record_type(), len(data) // RECORD.size)


def cut_series(folder: Path, last_step: int) -> Path | None:
    """Drop every record after `last_step` from all series, keeping the whole old files under `.cut/<n>/`.

    The kept prefix goes to a new file that replaces the old one, so no reader sees a file shrink.

    Returns:
        The folder the old files moved to, or None when nothing was after `last_step`.
    """
    import numpy as np

    from engine.jsonio import write_bytes

    attic: Path | None = None
    for path in list(_walk(folder)):
        records = read_records(path)
        kept = records[records["step"] <= last_step]
        if len(kept) == len(records):
            continue
        attic = attic or _next_attic(folder)
        old = attic / path.relative_to(folder)
        old.parent.mkdir(parents=True, exist_ok=True)
        _keep(path, old)
        if len(kept):
            write_bytes(path, np.ascontiguousarray(kept).tobytes())
        else:
            path.unlink()
    return attic


def _keep(path: Path, old: Path) -> None:
    try:
        os.link(path, old)
    except OSError:  # a file system without hard links
        shutil.copy2(path, old)


def _next_attic(folder: Path) -> Path:
    root = folder / ".cut"
    root.mkdir(parents=True, exist_ok=True)
    taken = [int(p.name) for p in root.iterdir() if p.name.isdigit()]
    attic = root / str(max(taken, default=0) + 1)
    attic.mkdir()
    return attic
