"""What a running worker can be asked for: by signals, which only wake it, and by files in the run's control folder."""

from __future__ import annotations

import os
import signal
from types import FrameType

from engine.records import RunPaths

STOPPED = 130


class Stopped(BaseException):
    """Raised where a stop is asked for before there is anything to save."""


class Interrupts:
    """The requests of one sitting. No torch here: the handlers are in place before it is imported."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self.stop = False
        """Save, evaluate nothing more, and end."""
        self.checkpoint = False
        """Save now and go on."""
        self.loading = True
        """Nothing is to be saved yet: a stop ends the worker where it stands."""
        self._interrupted = False

    def install(self) -> None:
        """Take the signals over."""
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGUSR2, self._on_wake)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self._interrupted:
                os._exit(STOPPED)  # what is on disk is whole at every moment
            self._interrupted = True
        self.stop = True
        if self.loading:
            raise Stopped

    def _on_wake(self, _number: int, _frame: FrameType | None) -> None:
        self.checkpoint = True

    def begin_training(self) -> None:
        """From now on a stop waits for the loop to notice it.

        Raises:
            Stopped: it was asked for meanwhile.
        """
        self.loading = False
        self.poll()
        if self.stop:
            raise Stopped

    def poll(self) -> None:
        """Look for requests made by files."""
        control = self._paths.control
        if (control / "stop").exists():
            self.stop = True
        if (control / "checkpoint").exists():
            self.checkpoint = True

    def checkpoint_done(self) -> None:
        """The checkpoint that was asked for is written."""
        self.checkpoint = False
        (self._paths.control / "checkpoint").unlink(missing_ok=True)
