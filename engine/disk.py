"""The disk of the runs: whether it can hold one more, what is free, and what they take."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

RESERVE = 200_000_000
"""Bytes that a run needs beside its checkpoints: series, log, figures, and a file being written anew."""


def free_bytes(folder: Path) -> int | None:
    """What this user may still write where `folder` is, or will be made; None when nobody can say."""
    status = _file_system(folder)
    return status.f_bavail * status.f_frsize if status is not None and status.f_blocks else None


def _file_system(folder: Path) -> os.statvfs_result | None:
    for place in (folder, *folder.absolute().parents):
        try:
            return os.statvfs(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def disk_warning(folder: Path, checkpoint_bytes: int = 0, keep: int = 3) -> str | None:
    """What to tell people before a launch; None when there is room enough.

    Args:
        folder: the runs folder.
        checkpoint_bytes: size of one checkpoint, about four times the model's parameters with Adam; 0 when unknown.
        keep: how many checkpoints are kept, the best, the last and the one being written come on top.
    """
    free = free_bytes(folder)
    needed = RESERVE + checkpoint_bytes * (keep + 3)
    if free is None or free >= needed:
        return None
    return f"{folder} has {free / 1e9:.2f} GB free; the run may need {needed / 1e9:.2f} GB"


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """The disk that a runs folder lies on."""

    folder: str
    total: int | None = None
    """Bytes; None where nobody can say."""
    free: int | None = None
    """Bytes that this user may still write."""
    runs: int | None = None
    """Bytes that the folder takes, trash included; None where counting them took too long."""


def disk_use(folder: Path, seconds: float | None = None) -> DiskUse:
    """What is free where `folder` lies, and what it takes; counting stops after `seconds`."""
    return DiskUse(
        folder=str(folder), total=_total_bytes(folder), free=free_bytes(folder), runs=taken_bytes(folder, seconds)
    )


def taken_bytes(folder: Path, seconds: float | None = None) -> int | None:
    """What a folder takes on its disk, links not followed; None when counting took longer than `seconds`."""
    deadline = None if seconds is None else time.monotonic() + seconds
    total, waiting = 0, [os.fspath(folder)]
    while waiting:
        if deadline is not None and time.monotonic() > deadline:
            return None
        total += _taken_here(waiting.pop(), waiting)
    return total


def _taken_here(folder: str, below: list[str]) -> int:
    """What the files directly in `folder` take; its folders are added to `below`."""
    total = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                except OSError:  # gone meanwhile
                    continue
    except OSError:
        return total
    return total


def _total_bytes(folder: Path) -> int | None:
    status = _file_system(folder)
    return None if status is None else status.f_blocks * status.f_frsize or None
