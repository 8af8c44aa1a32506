"""How threads of a parallel loop wait for each other: spinning while the machine is free, asleep when others need it.

libgomp, which torch's loops on the CPU run on, lets threads that wait spin for about five milliseconds. With a core for
every thread that saves a tenth of the time of small steps. With another program on one of the cores a thread that is
put aside keeps all others spinning, at every layer: a LeNet then learns a tenth as fast as with threads that sleep.
Its number of turns is read once, when it is loaded; but where a process holds more threads in teams than there are
cores, it lets them spin a thousand turns only. A second team that does nothing is what that takes.
"""

from __future__ import annotations

import os
import threading
import time

import psutil

SECONDS = 1.0
"""Between two looks at the machine."""
SOON = "2000"
"""Turns after which a thread of a small team goes to sleep."""
BUSY, FREE = 0.3, 0.15
"""Cores that others use from which on threads sleep, and below which they spin again."""


class Spinning:
    """Looks at what other programs use of this process's cores, and has its threads wait accordingly.

    To be made before torch is imported: a team so small that a second one leaves cores over cannot be put to sleep and
    woken so, and sleeps soon from the beginning.

    Args:
        threads: of a team; as many as `OMP_NUM_THREADS` says, or there are cores, where it is None.
        seconds: between two looks.
    """

    def __init__(self, threads: int | None = None, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._cores = _cores()
        if 2 * _team_size(threads, len(self._cores)) - 1 <= len(self._cores):
            os.environ.setdefault("GOMP_SPINCOUNT", SOON)
        self._used, self._own, self._at = _used(self._cores), time.process_time(), time.monotonic()
        self._ended = threading.Event()
        self._team: _IdleTeam | None = None
        self._thread = threading.Thread(target=self._watch, name="spinning", daemon=True)

    def __enter__(self) -> Spinning:
        """Begin to look, at once: what was used while torch was imported counts."""
        import torch  # noqa: F401

        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more, and hold no thread: the end of the interpreter would end one in torch's code by aborting."""
        self._ended.set()
        self._thread.join()

    @property
    def asleep(self) -> bool:
        """Whether threads that wait go to sleep soon."""
        return self._team is not None

    def _watch(self) -> None:
        while True:
            self._decide(self._others())
            if self._ended.wait(self._seconds):
                break
        self._decide(0.0)

    def _others(self) -> float:
        """Cores that other programs used since the last look, on average."""
        used, own, now = _used(self._cores), time.process_time(), time.monotonic()
        passed = max(now - self._at, 1e-3)
        others = (used - self._used - (own - self._own)) / passed
        self._used, self._own, self._at = used, own, now
        return others

    def _decide(self, others: float) -> None:
        if others > BUSY and self._team is None:
            self._team = _IdleTeam()
        elif others < FREE and self._team is not None:
            self._team.end()
            self._team = None


class _IdleTeam:
    """A thread with a team of libgomp's of its own, which waits for its end."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._hold, name="idle-team", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Give the team up."""
        self._ended.set()
        self._thread.join()

    def _hold(self) -> None:
        import torch

        if torch.get_num_threads() > 1:
            torch.zeros(1 << 17).add_(1)  # large enough for torch to share it among threads
            self._ended.wait()


def _team_size(threads: int | None, cores: int) -> int:
    given = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return threads or (int(given) if given.isdecimal() else 0) or cores


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _used(cores: list[int]) -> float:
    """Seconds that programs have computed on some cores since the machine was started."""
    every = psutil.cpu_times(percpu=True)
    return sum(t.user + t.system + getattr(t, "nice", 0.0) for core, t in enumerate(every) if core in cores)
