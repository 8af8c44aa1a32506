"""What there is to compute on: the CPU and the GPUs that NVML shows, who uses them, and which one a run gets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import NoDeviceError, UsageError


class Device(msgspec.Struct, kw_only=True):
    """One device as it is now."""

    name: str
    """cpu, or cuda:N: NVML's order, counted within an inherited CUDA_VISIBLE_DEVICES."""
    kind: str
    """cpu | cuda"""
    index: int | None = None
    """NVML's own number, as nvidia-smi shows it."""
    uuid: str | None = None
    title: str = ""
    """NVIDIA H200, or 16 cores."""
    free: bool = True
    why: str = ""
    """Why it is not free."""
    utilization: float | None = None
    """Percent, 0 to 100."""
    memory_used: int | None = None
    """Bytes."""
    memory_total: int | None = None
    """Bytes."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""
    processes: list[dict[str, Any]] = msgspec.field(default_factory=list)
    """{"pid", "user", "name", "run", "memory"} of each process that computes on it."""
    lease: dict[str, Any] | None = None
    """{"run", "user", "pid", …} of the run that holds it."""


def devices(timeout: float = 2.0) -> list[Device]:
    """The CPU, then the GPUs; NVML is asked for `timeout` seconds at most. Never raises."""
    return [_cpu()]


def problem() -> str | None:
    """What stands in the way of using the GPUs, in words; None when nothing does."""
    return None


def choose(spec: str) -> Device:
    """The device that `auto`, `cpu`, `cuda:N` or a GPU's UUID stands for now.

    Raises:
        NoDeviceError: it is busy, or no GPU is free.
        UsageError: there is no such device.
    """
    if spec in ("auto", "cpu"):
        return _cpu()
    raise UsageError(f"there is no device {spec!r}", hint="there are: cpu")


def _cpu() -> Device:
    cores = len(os.sched_getaffinity(0))
    total, available = _memory()
    return Device(
        name="cpu",
        kind="cpu",
        title=f"{cores} core{'' if cores == 1 else 's'}",
        utilization=min(100.0, 100.0 * os.getloadavg()[0] / cores),
        memory_total=total,
        memory_used=None if total is None or available is None else total - available,
    )


def _memory() -> tuple[int | None, int | None]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None, None
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Mem")}
    return found.get("MemTotal"), found.get("MemAvailable")


_ = NoDeviceError
