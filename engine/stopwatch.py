"""How long each part of the training takes: data, forward, backward, update, evaluation, checkpoint."""

from __future__ import annotations

import time

import torch

from engine.time_split import PARTS

_SAMPLED = 50
"""On a GPU the parts of every so-manieth step are timed, and stand for the others."""


class Stopwatch:
    """Seconds by part. On a GPU work is only queued, and each lap of a timed step waits for it; other steps do not."""

    def __init__(self, device: torch.device) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._last = time.perf_counter()
        self._waits = device.type == "cuda"
        self._device = device
        self._steps = 0
        self._weight = 1.0

    def begin_step(self) -> None:
        """A step begins now; on a GPU one in fifty is timed."""
        if self._waits:
            self._steps += 1
            self._weight = float(_SAMPLED) if self._steps % _SAMPLED == 1 else 0.0
            if self._weight:
                torch.cuda.synchronize(self._device)
        self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """What was done since the last lap was `part`."""
        if self._waits:
            if not self._weight:
                return
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.seconds[part] += self._weight * (now - self._last)
        self._last = now

    def restart(self) -> None:
        """What was done since the last lap counts for nothing; what comes next is timed on any device."""
        self._weight = 1.0
        if self._waits:
            torch.cuda.synchronize(self._device)
        self._last = time.perf_counter()
