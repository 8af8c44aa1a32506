"""Pruning the checkpoints of runs that have ended, one run after another: what would go, what is protected, why."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from engine.checkpoints import ONLY_BEST, PROTECTED, prunable, prune
from engine.errors import RunError
from engine.locks import lock_run
from engine.records import ALIVE
from engine.run import Run, load_run


@dataclass(frozen=True)
class Pruned:
    """What pruning one run deletes, or would."""

    run: str
    deleted: tuple[str, ...]
    bytes: int


def check_prunable(run: Run) -> None:
    """Make sure that the checkpoints of a run may go.

    Raises:
        RunError: its worker lives, it is starred, or it is not this user's.
    """
    if run.status in ALIVE or run.status == "queued":
        hint = f"engine stop {run.id}"
        raise RunError(f"{run.id} is {run.status}; its worker keeps its checkpoints", hint=hint, remedy="stop")
    if run.marks.star:
        hint = f"engine mark {run.id} --no-star"
        raise RunError(f"{run.id} is starred, which protects its checkpoints", hint=hint, remedy="star")
    if reason := run.read_only_reason:
        raise RunError(reason)


def plan(run: Run, keep: int = 0, *, only_best: bool = False) -> Pruned:
    """What pruning a run would delete: all but the best and the last, or with `only_best` all but the best."""
    going = prunable(run.paths, keep, protected=ONLY_BEST if only_best else PROTECTED)
    return Pruned(run.id, tuple(info.folder.name for info in going), sum(info.bytes for info in going))


def prune_run(run: Run, keep: int = 0, *, only_best: bool = False) -> Pruned:
    """Delete what `plan` names, while no worker can start.

    Raises:
        RunError: it is protected, or a checkpoint cannot be deleted.
    """
    check_prunable(run)
    lock = lock_run(run.paths)
    try:
        run = load_run(run.paths)
        check_prunable(run)  # it may have been resumed or starred since the first look
        planned = plan(run, keep, only_best=only_best)
        prune(run.paths, keep, protected=ONLY_BEST if only_best else PROTECTED)
    except OSError as error:
        raise RunError(f"{run.id} cannot be pruned: {error.filename}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.close(lock)
    return planned
