"""What a training costs its machine: the series `system/*`, sampled by a thread of the worker."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

import psutil

from engine import nvml
from engine.records import RunPaths
from engine.series import SeriesWriter

SECONDS = 5.0
"""Between two samples."""

_GIB = 2**30


class MachineWatch:
    """Samples this process and its GPU until it is stopped; a sample that fails is left out.

    Args:
        paths: the run's folder.
        step: how many optimizer steps are done; a step gets one sample at most.
        seconds: between two samples.
    """

    def __init__(self, paths: RunPaths, step: Callable[[], int], seconds: float = SECONDS) -> None:
        self._series = SeriesWriter(paths.series)
        self._step = step
        self._seconds = seconds
        self._last = step()
        self._process = psutil.Process()
        self._gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "").partition(",")[0]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="machine-watch", daemon=True)

    def start(self) -> None:
        """Begin to sample; the first sample comes after one interval."""
        self._process.cpu_percent()  # psutil counts from the call before
        self._thread.start()

    def stop(self) -> None:
        """Sample no more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            step = self._step()
            if step <= self._last:
                continue
            self._last = step
            # a full disk is the training's to report
            with contextlib.suppress(OSError, psutil.Error):
                self._series.log(step, {**self._process_load(), **self._gpu_load()})

    def _process_load(self) -> dict[str, float]:
        """Of the worker alone: percent of one core, and resident memory."""
        with self._process.oneshot():
            return {
                "system/cpu_percent": self._process.cpu_percent(),
                "system/memory_gib": self._process.memory_info().rss / _GIB,
            }

    def _gpu_load(self) -> dict[str, float]:
        """Of the GPU that the worker was given, by its UUID; whatever the driver tells of it."""
        if not self._gpu.startswith(("GPU-", "MIG-")):
            return {}
        found = [gpu for gpu in nvml.ask().gpus if gpu.uuid == self._gpu]
        if not found:
            return {}
        values = {
            "system/gpu_percent": found[0].utilization,
            "system/gpu_memory_gib": None if found[0].memory_used is None else found[0].memory_used / _GIB,
            "system/gpu_temperature_c": found[0].temperature,
            "system/gpu_power_w": found[0].power,
        }
        return {name: value for name, value in values.items() if value is not None}
