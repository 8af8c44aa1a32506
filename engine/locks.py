"""A run's lock, one worker a run: held by launcher, supervisor and worker in turn, dropped by their deaths."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from engine.errors import RunError
from engine.jsonio import encode, read_json
from engine.processes import hostname, is_process, process_start, username
from engine.records import RunPaths

LOCK_VARIABLE = "DLTUI_LOCK_FD"
LEASE_VARIABLE = "DLTUI_LEASE_FD"

_held: list[int] = []
_at_fork = False


def lock_run(paths: RunPaths) -> int:
    """Take the lock of a run: whoever holds it may start its worker.

    Returns:
        The descriptor that holds it.

    Raises:
        RunError: another process holds it, or the folder cannot be written.
    """
    try:
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RunError(
            f"{paths.id} cannot be locked: {error.strerror}", hint="is its folder yours and writable?"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RunError(
            f"{paths.id} is held by {lock_holder(paths)}", hint=f"engine log {paths.id} -f follows it"
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL):
            os.close(descriptor)
            raise
        # a file system without locks: go on, as the checks on living processes still hold
    write_lock_holder(descriptor)
    return descriptor


def write_lock_holder(descriptor: int) -> None:
    """Record this process in the lock file it holds, for whoever finds it locked."""
    content = encode(
        {"pid": os.getpid(), "pid_start": process_start(os.getpid()), "host": hostname(), "user": username()}
    )
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content, 0)


def lock_holder(paths: RunPaths) -> str:
    """Who holds a run's lock, in words, as far as the lock file tells."""
    try:
        content = read_json(paths.lock)
    except (OSError, ValueError):
        return "another process"
    if not isinstance(content, dict):
        return "another process"
    gone = content.get("host") == hostname() and not is_process(content.get("pid"), content.get("pid_start"))
    return (
        f"another process on {content.get('host')}"
        if gone
        else f"process {content.get('pid')} on {content.get('host')}"
    )


def hold(paths: RunPaths) -> None:
    """Called once by a worker as it starts: hold the run's lock and the GPU's lease for as long as this process lives.

    Takes over the descriptors it was handed; without any (a worker started by hand) it takes the run's lock itself.
    Children forked later close them.

    Raises:
        RunError: another worker holds the run.
    """
    lock = _inherited(LOCK_VARIABLE)
    if lock is None or not same_file(lock, paths.lock):
        lock = lock_run(paths)
    write_lock_holder(lock)
    keep(lock)
    lease = _inherited(LEASE_VARIABLE)
    if lease is not None:
        keep(lease)
        _say_who_holds(lease, paths)


def _say_who_holds(lease: int, paths: RunPaths) -> None:
    from engine.leases import write_holder

    with contextlib.suppress(OSError):
        write_holder(Path(f"/proc/self/fd/{lease}").readlink(), paths.id, paths.folder)


def _inherited(variable: str) -> int | None:
    value = os.environ.pop(variable, "")
    if not value.isdigit():
        return None
    try:
        os.fstat(int(value))
    except OSError:
        return None
    return int(value)


def keep(descriptor: int) -> None:
    """Keep a lock's descriptor until this process ends, in this process alone."""
    global _at_fork
    os.set_inheritable(descriptor, False)
    _held.append(descriptor)
    if not _at_fork:
        os.register_at_fork(after_in_child=_close_held)
        _at_fork = True


def _close_held() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


def same_file(descriptor: int, path: Path) -> bool:
    """Whether `path` still leads to the file that is open."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
