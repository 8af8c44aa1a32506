"""The terminal itself: whether it is still there, or whether another program stands in its place."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL
_GRACE_SECONDS = 2.0


def shown_elsewhere() -> bool:
    """Whether another program shows the screen, such as `dltui serve`: then standard output belongs to it."""
    return bool(os.environ.get("TEXTUAL_DRIVER"))


def end_with_the_other_program() -> None:
    """End this process soon after the program that shows its screen, also when that was killed.

    The app itself cannot be relied on: the first thing it writes then raises, in the middle of whatever it does.
    """
    import threading

    threading.Thread(target=_wait_and_end, daemon=True, name="end").start()


def _wait_and_end() -> None:
    poll = select.poll()
    poll.register(0, 0)
    poll.poll()
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def terminal_is_gone() -> bool:
    """Whether the terminal was hung up: the window closed, the connection dropped.

    A hang-up is usually told by a signal, but not to a session without a controlling terminal; then reading goes on
    at once and for ever, and a program that nobody sees would keep a processor busy.
    """
    try:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else -1, 0)
        return any(events & _GONE for _, events in poll.poll(0))
    except (OSError, ValueError):
        return True


def suspend_in_turn(driver: Driver) -> None:
    """Have a SIGTSTP from outside acted on between two events; to be called in the event loop.

    Textual acts on it wherever the program is: in the middle of a write it would wait for itself to end.
    """
    import asyncio

    stop = signal.getsignal(signal.SIGTSTP)
    if driver.can_suspend and callable(stop):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTSTP, stop, signal.SIGTSTP, None)
