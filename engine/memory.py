"""Telling a lack of memory from other errors, without importing torch."""

from __future__ import annotations


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device or the machine has not enough memory."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in words or "can't allocate memory" in words)
