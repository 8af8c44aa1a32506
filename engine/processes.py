"""Telling processes apart: host, boot, and the start time that makes a process id mean one process only."""

from __future__ import annotations

import functools
import os
import signal
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


@functools.cache
def username(uid: int | None = None) -> str:
    """A user's name, the present one's by default; the number where the system knows no name."""
    import pwd

    number = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def process_start(pid: int) -> float | None:
    """When a process started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        fields = stat[stat.rfind(")") + 2 :].split()
        return None if fields[0] in "ZX" else float(fields[19])
    except (OSError, IndexError, ValueError):
        return _portable_start(pid)


def is_process(pid: int | None, start: float | None) -> bool:
    """Whether the process that had this id and start time still lives; with no start time known, never."""
    return pid is not None and pid > 0 and start is not None and process_start(pid) == start


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone or hidden."""
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return content.decode(errors="replace").rstrip("\0").split("\0") if content else []


def owner_of(pid: int) -> str | None:
    """The user a process belongs to; None when it is gone or hidden."""
    try:
        return username(os.stat(f"/proc/{pid}").st_uid)
    except OSError:
        return None


def send_signal(pid: int | None, start: float | None, number: signal.Signals) -> bool:
    """Signal a process if it is still the one that had this id and start time; returns whether it was.

    Raises:
        PermissionError: it belongs to another user.
    """
    if pid is None or not is_process(pid, start):
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except (AttributeError, OSError):  # an older kernel: the check above has to do
        return _kill(pid, number)
    try:
        if not is_process(pid, start):
            return False
        signal.pidfd_send_signal(descriptor, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)


def _kill(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _portable_start(pid: int) -> float | None:
    if Path("/proc/self").is_dir():
        return None
    import psutil  # systems without /proc

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None
