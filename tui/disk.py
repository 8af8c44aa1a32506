"""How much of the disk the runs shown take, counted in a thread: a run that has ended is counted once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.usage import DiskUse

if TYPE_CHECKING:
    from engine.rows import Row
    from engine.runs import RunsFolder

PART = 50
"""Runs counted between two looks whether anybody still wants to know."""


class DiskReader:
    """Counts, and tells each row what its run takes (`disk`)."""

    def __init__(self, runs: RunsFolder) -> None:
        self._use = DiskUse(runs)
        self._known: dict[str, tuple[bytes, int]] = {}

    def count(self, rows: Sequence[Row], stop: Callable[[], bool]) -> int | None:
        """The bytes of all rows; None when `stop` said so meanwhile. Blocks; one thread at a time."""
        new = [row for row in rows if not self._tell(row)]
        for start in range(0, len(new), PART):
            if stop():
                return None
            part = new[start : start + PART]
            for row, size in zip(part, self._use.each(part), strict=True):
                self._known[row.run] = (row.stamp, size)
        return sum(self._known[row.run][1] for row in rows)

    def _tell(self, row: Row) -> bool:
        """Tell a row what is known of its run already; whether something is, and it has not changed since."""
        stamp, size = self._known.get(row.run, (b"", 0))
        if row.live or not stamp or stamp != row.stamp:
            return False
        row.__dict__["disk"] = size
        return True
