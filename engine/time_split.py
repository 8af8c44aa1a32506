"""How the time of a training divides between data, forward, backward and the rest, from the ends of its `time/*`."""

from __future__ import annotations

from engine.records import RunPaths
from engine.series import series_path, tail

PARTS = ("data", "forward", "backward", "update", "evaluation", "checkpoint")
"""What is timed, in the order it happens."""

_RECENT = 20
"""Records looked back: what is told is how the time divides now, not over a whole night."""
_LEAST = 0.005
"""The least share that is told."""


def time_split(paths: RunPaths) -> dict[str, float]:
    """Seconds that each part took lately; empty where nothing was timed."""
    found = {part: _recent_seconds(paths, part) for part in PARTS}
    seconds = {part: value for part, value in found.items() if value is not None}
    return seconds if sum(seconds.values()) > 0 else {}


def shares(seconds: dict[str, float]) -> dict[str, float]:
    """Each part's share of all, 0 to 1; parts that took next to nothing are left out."""
    total = sum(seconds.values())
    return {part: value / total for part, value in seconds.items() if value >= _LEAST * total} if total > 0 else {}


def split_words(seconds: dict[str, float]) -> str:
    """`data 12 %, forward 31 %, backward 45 %, update 12 %`."""
    return ", ".join(f"{part} {share:.0%}".replace("%", " %") for part, share in shares(seconds).items())


def _recent_seconds(paths: RunPaths, part: str) -> float | None:
    """A part's seconds over the last records: what the series holds is its seconds since the training began."""
    points = tail(series_path(paths.series, f"time/{part}"), _RECENT)
    if not points:
        return None
    first = points[0][2] if len(points) > 1 else 0.0
    return max(0.0, points[-1][2] - first)
