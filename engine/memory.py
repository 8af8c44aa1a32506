"""How much memory is free, and telling a lack of it from other errors; without importing torch."""

from __future__ import annotations

from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device or the machine has not enough memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in words or "can't allocate memory" in words)


def available_memory() -> int:
    """Bytes that this process may still take: of the machine, or of its control group where that has less."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        own = _CGROUP / Path("/proc/self/cgroup").read_text().strip().rpartition("::/")[2]
        limit, used = (own / "memory.max").read_text().strip(), (own / "memory.current").read_text()
    except OSError:
        return free
    return free if limit == "max" else max(0, min(free, int(limit) - int(used)))
