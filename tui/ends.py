"""Runs that end while the program is open: who did, and telling of it: toast, bell, desktop, ntfy, webhook."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.errors import EngineError, SettingsError
from engine.preferences import Notify
from engine.records import ENDED

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from engine.notices import Notice
    from engine.rows import Row
    from tui.app import DltuiApp
    from tui.store import Snapshot

LINGER = 3.0
"""Seconds that quitting waits for notices that are being sent."""
TOASTS = 3
"""Of more ends at once than this only the number is said."""


class Ends:
    """Compares snapshots: a run that was alive, or came after the first look, and has ended now."""

    def __init__(self) -> None:
        self._open: set[str] | None = None
        self._newest = 0
        self._began = time.time()
        self._rows: tuple[Row, ...] | None = None

    def of(self, snapshot: Snapshot) -> list[Row]:
        """The runs that have ended since the snapshot before; none until all runs were looked at once."""
        rows = snapshot.rows
        if not snapshot.verified or rows is self._rows:
            return []
        before, self._rows = self._open, rows
        self._open = {row.run for row in rows if row.state not in ENDED}
        # never lower than it was: what comes back from the trash is not new
        newest = self._newest
        self._newest = max([newest, *(int(row.run[1:]) for row in rows[-1:])])
        if before is None:
            return []
        return [row for row in rows if row.state in ENDED and (row.run in before or self._came(row, newest))]

    def _came(self, row: Row, newest: int) -> bool:
        """Whether it came and ended between two looks."""
        return int(row.run[1:]) > newest and (row.ended or 0.0) >= self._began


class Poster:
    """Sends notices over the network from a thread of its own; the first failure in a row is said."""

    def __init__(self, failed: Callable[[EngineError], object]) -> None:
        self._failed = failed
        from queue import Queue

        self._waiting: Queue[tuple[Notice, Notify] | None] = Queue()
        self._thread: threading.Thread | None = None
        self._silent = False

    def send(self, notice: Notice, ways: Notify) -> None:
        """Send one, after those before it."""
        self._waiting.put((notice, ways))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Wait a moment for what is being sent; the thread dies with the program."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(LINGER)

    def _run(self) -> None:
        from engine.notices import post

        while (item := self._waiting.get()) is not None:
            try:
                post(*item)
            except EngineError as error:
                if not self._silent:
                    self._failed(error)
                self._silent = True
            else:
                self._silent = False


class Teller:
    """Tells of the ends of runs as the person's settings say."""

    def __init__(self, app: DltuiApp) -> None:
        self._app = app
        self._ends = Ends()
        self._ways: Notify | None = None
        self._poster: Poster | None = None

    def look(self, snapshot: Snapshot) -> None:
        """Tell of the runs that have ended since the last look."""
        ended = self._ends.of(snapshot)
        if ended:
            self._tell(ended)

    def close(self) -> None:
        """Finish what is being sent."""
        if self._poster is not None:
            self._poster.close()

    def _tell(self, ended: Sequence[Row]) -> None:
        from engine.notices import notice

        told = [notice(row) for row in ended]
        ways = self._settings()
        if ways.toast:
            self._toast(told)
        mine = [each for each in told if each.state != "stopped"]  # who stops a run knows that it ends
        if ways.bell and mine:
            self._app.bell()
        if ways.desktop_kind and mine:
            self._show_on_desktop(mine, ways.desktop_kind)
        if ways.posts:
            self._post(mine, ways)

    def _settings(self) -> Notify:
        if self._ways is None:
            from engine.preferences import notify

            try:
                self._ways = notify()
            except SettingsError as error:
                self._app.complain(error)
                self._ways = Notify()
        return self._ways

    def _toast(self, told: Sequence[Notice]) -> None:
        for each in told[:TOASTS]:
            severity: SeverityLevel = "error" if each.bad else "information"
            self._app.notify(each.text, title=each.title, severity=severity, timeout=10)
        if len(told) > TOASTS:
            self._app.notify(f"and {len(told) - TOASTS} more runs have ended", timeout=10)

    def _show_on_desktop(self, told: Sequence[Notice], how: str) -> None:
        from engine.escapes import desktop_notice

        driver = self._app._driver
        if driver is not None and not self._app.is_headless:
            for each in told[:TOASTS]:
                driver.write(desktop_notice(each.title, each.text, os.environ, how))

    def _post(self, told: Sequence[Notice], ways: Notify) -> None:
        from engine.notices import supervisor_tells

        if self._poster is None:
            self._poster = Poster(lambda error: self._app.call_later(self._app.complain, error))
        for each in told:
            if not supervisor_tells(self._app.store.runs.paths(each.run)):
                self._poster.send(each, ways)
