"""state.json of a live worker: rewritten as training goes on, and by a thread while nothing else does it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import Any

from engine.processes import boot_id, hostname, process_start
from engine.records import HEARTBEAT_SECONDS, RunPaths, State, write_state
from engine.runs import load_run

_LEAST = 0.5
"""Seconds between two writes of progress."""


class Heartbeat:
    """Owns the state of a run while its worker lives."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self._lock = threading.Lock()
        self._written = 0.0
        self._ended = threading.Event()
        state = load_run(paths).state
        self.state = State() if state.state == "unreadable" else state
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Write the first state of this sitting, and go on writing."""
        self.write(
            state="starting",
            pid=os.getpid(),
            pid_start=process_start(os.getpid()),
            boot_id=boot_id(),
            host=hostname(),
            cause=None,
            cause_kind=None,
            exit_code=None,
            ended=None,
            started=self.state.started or time.time(),
        )
        self._thread.start()

    def write(self, **changes: Any) -> None:
        """Change the state and write it at once.

        Raises:
            OSError: the disk is full or the folder is not writable.
        """
        with self._lock:
            for name, value in changes.items():
                setattr(self.state, name, value)
            write_state(self._paths, self.state)
            self._written = time.monotonic()

    def due(self) -> bool:
        """Whether progress is worth writing again."""
        return time.monotonic() - self._written >= _LEAST

    def stop(self) -> None:
        """Write no more by itself."""
        self._ended.set()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS / 10):
            if time.monotonic() - self._written < HEARTBEAT_SECONDS * 0.7:
                continue
            # a full disk is the training's to report; the next beat may find room again
            with contextlib.suppress(OSError):
                self.write()
