"""A run as every `--json` shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.rows import Row


def iso(moment: float | None) -> str | None:
    """A moment as ISO 8601 with the local offset; None for none."""
    if not moment:
        return None
    from datetime import datetime

    return datetime.fromtimestamp(moment).astimezone().isoformat(timespec="seconds")


def record(row: Row) -> dict[str, Any]:
    """A run as `engine runs --json` shows it."""
    return {
        "run": row.run, "experiment": row.experiment, "state": row.state, "metrics": row.metrics,
        "started": iso(row.started), "device": row.device, "name": row.name, "tags": list(row.tags), "star": row.star,
        "archived": row.archived, "created": iso(row.created), "ended": iso(row.ended), "seconds": row.seconds,
        "epoch": row.epoch, "total_epochs": row.total_epochs, "step": row.step, "best": row.best,
        "best_epoch": row.best_epoch, "monitor": row.monitor, "data": row.data, "model": row.model, "seed": row.seed,
        "parent": row.parent, "group": row.group, "host": row.host, "user": row.user, "cause": row.cause,
        "note": row.note,
    }  # fmt: skip
