"""Where the `engine` command begins: an interrupt is quiet even before the command itself is imported."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)


def main() -> int:
    """Run the command; returns its exit code."""
    signal.signal(signal.SIGINT, _leave)
    from engine.cli.main import main as run

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return run()
    except KeyboardInterrupt:  # in the instants around the command's own handling of it
        return INTERRUPTED
