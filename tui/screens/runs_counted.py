"""The list of runs with what they take on the disk: in all in the frame, each in the column `disk`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from textual import work

from tui.disk import DiskReader
from tui.screens.runs_viewed import ViewedRuns
from tui.text import size

if TYPE_CHECKING:
    from engine.rows import Row
    from tui.store import Snapshot

SECONDS = 20.0
"""The least time between two counts; only runs that changed are looked at again."""
WORTH_SAYING = 1_000_000
"""Bytes in all from which on the frame says how many there are."""


class CountedRuns(ViewedRuns):
    """Counts in a thread once the runs were looked at, while the screen is in sight."""

    def __init__(self) -> None:
        super().__init__()
        self._disk: DiskReader | None = None
        self._counted: tuple[Row, ...] | None = None
        self._counting = False
        self._gone = threading.Event()
        self.disk_total: int | None = None
        """Bytes of all runs; None until they were counted."""

    def on_mount(self) -> None:
        self.set_interval(SECONDS, self._count_changed)

    def on_unmount(self) -> None:
        self._gone.set()

    def take_snapshot(self, snapshot: Snapshot) -> None:
        """Show the rows; count what they take when that was never done."""
        super().take_snapshot(snapshot)
        if self.disk_total is None and snapshot.verified:
            self._count_changed()

    def count_again(self) -> None:
        """Count anew at once: files were deleted."""
        self._counted = self._disk = None
        self._count_changed()

    def _count_changed(self) -> None:
        rows = self.dltui.snapshot.rows
        if self.is_current and not self._counting and rows is not self._counted:
            self._counting = True
            self._count(rows)

    @work(thread=True, exit_on_error=False, group="disk")
    def _count(self, rows: tuple[Row, ...]) -> None:
        if self._disk is None:
            self._disk = DiskReader(self.dltui.store.runs)
        total = self._disk.count(rows, self._gone.is_set)
        if not self._gone.is_set():
            self.app.call_from_thread(self._take_total, rows, total)

    def _take_total(self, rows: tuple[Row, ...], total: int | None) -> None:
        self._counting, self._counted = False, rows
        changed, self.disk_total = total != self.disk_total, total
        keys = {column.key for column in self.view.columns} | {order.key for order in self.view.orders}
        if "disk" in keys or "disk" in self.view.filter:
            self.listing.forget()
            self._apply()
        elif changed:
            self.say_title()

    def _below_parts(self) -> list[str]:
        total = self.disk_total or 0
        return [*super()._below_parts(), *([f"{size(total)} on disk"] if total >= WORTH_SAYING else [])]
