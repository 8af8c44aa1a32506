"""Whether the disk can hold a run, asked before it starts."""

from __future__ import annotations

import os
from pathlib import Path

RESERVE = 200_000_000
"""Bytes that a run needs beside its checkpoints: series, log, figures, and a file being written anew."""


def free_bytes(folder: Path) -> int | None:
    """What this user may still write where `folder` is, or will be made; None when nobody can say."""
    for place in (folder, *folder.absolute().parents):
        try:
            status = os.statvfs(place)
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return status.f_bavail * status.f_frsize if status.f_blocks else None
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
