"""The CPU and the memory: how busy each core is, the load average, what is taken, read from /proc."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

_Ticks = tuple[int, int]
"""(all ticks, idle ones) of a core since the start of the machine."""

_last: dict[str, _Ticks] = {}


class CpuLoad(NamedTuple):
    """How busy the CPU was since the last question."""

    whole: float | None
    """Percent of all cores; from the load average at the first question."""
    cores: tuple[float, ...]
    """Percent of each core that this process may use; empty at the first question."""
    average: float | None
    """The load average over a minute: how many processes ran or waited."""


def core_count() -> int:
    """The cores that this process may use."""
    return len(_own_cores()) or os.cpu_count() or 1


def cpu_load() -> CpuLoad:
    """How busy the CPU was since this was last asked."""
    global _last
    average = _load_average()
    before, _last = _last, _ticks()
    whole = _busy(before.get("cpu"), _last.get("cpu"))
    if whole is None and average is not None:
        whole = min(100.0, 100.0 * average / core_count())
    shares = [_busy(before.get(f"cpu{core}"), _last.get(f"cpu{core}")) for core in _own_cores()]
    known = tuple(share for share in shares if share is not None)
    return CpuLoad(whole, known if len(known) == len(shares) else (), average)


def memory() -> tuple[int | None, int | None]:
    """(all memory, what is taken of it) in bytes; None where nobody can say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Mem")}
    except (OSError, ValueError, IndexError):
        return None, None
    total, available = found.get("MemTotal"), found.get("MemAvailable")
    return total, None if total is None or available is None else total - available


def _own_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _load_average() -> float | None:
    with contextlib.suppress(OSError):
        return os.getloadavg()[0]
    return None


def _ticks() -> dict[str, _Ticks]:
    found: dict[str, _Ticks] = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/stat").read_text().splitlines():
            name, *numbers = line.split()
            if not name.startswith("cpu"):
                break
            fields = [int(number) for number in numbers[:8]]
            found[name] = (sum(fields), fields[3] + fields[4])
    return found


def _busy(before: _Ticks | None, now: _Ticks | None) -> float | None:
    if before is None or now is None or now[0] <= before[0]:
        return None
    return max(0.0, min(100.0, 100.0 * (1 - (now[1] - before[1]) / (now[0] - before[0]))))
