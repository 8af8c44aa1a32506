"""What a value in a query is worth: the number it spells, and what is wrong with it beside a key of another kind."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any, get_args

from engine.records import StateName

STATES: tuple[str, ...] = get_args(StateName)
_SPAN = ("a span", "write 90s, 20m, 3h, 7d or 4w")
_NUMBER = ("a number", "write 0.9, 1e-3 or 90%")
_EXPECTED = {
    "age": _SPAN,
    "duration": _SPAN,
    "moment": ("a date", "write '2026-11-21' or '2026-11-21T08:00'"),
    "bytes": ("a size", "write 500kB, 20MB or 1.5GB"),
    "yes or no": ("yes or no", "write true or false"),
    "metric": _NUMBER,
    "score": _NUMBER,
    "number": _NUMBER,
    "count": _NUMBER,
}
"""What the values of a kind of key are called, and how they are written."""


def as_number(value: Any) -> float | None:
    """The number that `value` is or spells, of a date the Unix time; None when it is something else."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        for read in (float, _unix_time):
            with contextlib.suppress(ValueError, OverflowError, OSError):
                return read(value)
    return None


def _unix_time(text: str) -> float:
    """Of "2026-11-21" or "2026-11-21T08:00", in the local time zone unless it names one."""
    return datetime.fromisoformat(text).timestamp()


def misfit(kind: str, value: Any) -> tuple[str, str] | None:
    """Why no run's value of a key of this kind can be like `value`, and what to write; None where one may be."""
    if not isinstance(value, str):
        return None
    if kind == "state" and value not in STATES:
        return f"there is no state {value!r}", f"write one of {', '.join(STATES)}"
    expected = _EXPECTED.get(kind)
    if expected is None or as_number(value) is not None:
        return None
    return f"{value!r} is not {expected[0]}", expected[1]
