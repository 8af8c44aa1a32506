"""Load and memory of each device over the last minutes, kept while the program is open."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from engine.devices import Device

MINUTES = 5.0
"""How far back it is kept."""


class Sample(NamedTuple):
    """A device at one moment; shares from 0 to 1."""

    time: float
    """Of the monotonic clock."""
    load: float
    memory: float


class DeviceHistory:
    """Filled by one thread, read by another: a deque's own operations are atomic."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[Sample]] = {}

    def add(self, devices: Iterable[Device], now: float | None = None) -> None:
        """Note the devices as they are now; what is older than some minutes is forgotten."""
        now = time.monotonic() if now is None else now
        for device in devices:
            samples = self._samples.setdefault(_key(device), deque(maxlen=1_000))
            share = (device.memory_used or 0) / device.memory_total if device.memory_total else 0.0
            samples.append(Sample(now, (device.utilization or 0.0) / 100, share))
            while samples and now - samples[0].time > 60 * MINUTES:
                samples.popleft()

    def newest(self, device: Device, count: int) -> tuple[float, ...]:
        """The last few loads of a device."""
        return tuple(round(sample.load, 2) for sample in list(self._samples.get(_key(device), ()))[-count:])

    def columns(self, device: Device, count: int, now: float | None = None) -> tuple[Sample, ...]:
        """The last minutes in `count` columns of equal time, the newest last, each the mean of what fell into it.

        A column into which nothing fell repeats the one before; what lies before the first sample is left out.
        """
        samples = list(self._samples.get(_key(device), ()))
        now = time.monotonic() if now is None else now
        width = 60 * MINUTES / max(1, count)
        found: list[list[Sample]] = [[] for _ in range(count)]
        for sample in samples:
            # columns stand on fixed marks of the clock: what was drawn once moves, and is not drawn otherwise
            place = count - 1 - (int(now / width) - int(sample.time / width))
            if 0 <= place < count:
                found[place].append(sample)
        return _filled(found)


def _filled(found: list[list[Sample]]) -> tuple[Sample, ...]:
    columns: list[Sample] = []
    for samples in found:
        if samples:
            columns.append(_mean(samples))
        elif columns:
            columns.append(columns[-1])
    return tuple(columns)


def _mean(samples: list[Sample]) -> Sample:
    count = len(samples)
    return Sample(
        samples[-1].time,
        sum(sample.load for sample in samples) / count,
        sum(sample.memory for sample in samples) / count,
    )


def _key(device: Device) -> str:
    return device.uuid or device.name
