"""The terminal itself: whether it is still there."""

from __future__ import annotations

import select
import sys

_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


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
