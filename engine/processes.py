"""Telling processes apart: host, boot, and the start time that makes a process id mean one process only."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path


@functools.cache
def hostname() -> str:
    """This machine's name."""
    return socket.gethostname()


@functools.cache
def boot_id() -> str:
    """An identifier of the kernel's present boot; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_start(pid: int) -> float | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _portable_start(pid)
    fields = stat[stat.rfind(")") + 2 :].split()
    return None if fields[0] in "ZX" else float(fields[19])


def _portable_start(pid: int) -> float | None:
    if os.path.isdir("/proc/self"):
        return None
    import psutil  # systems without /proc

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
