"""Leases: who may compute on a GPU, agreed on by all users of the box without a service.

A lease is an flock on a file named after the GPU's UUID in a local, world-writable, sticky folder. The launcher takes
it and hands the open descriptor to the worker; the kernel drops the lock the moment the worker dies, however it dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import NoDeviceError
from engine.jsonio import encode, read_json
from engine.locks import hold, same_file
from engine.processes import boot_id, hostname, username

if TYPE_CHECKING:
    from engine.devices import Device

__all__ = ["acquire", "describe", "folders", "hold", "holder", "holder_words"]

_CANDIDATES = (Path("/run/lock/dltui"), Path("/var/tmp/dltui"))
_NETWORK = (
    "nfs",
    "cifs",
    "smb",
    "lustre",
    "gpfs",
    "beegfs",
    "ceph",
    "afs",
    "9p",
    "fuse.sshfs",
    "glusterfs",
    "fuse.gluster",
)
_PATIENCE = 0.2
"""Seconds to try on: somebody who only asks whether a lease is free holds it for a moment."""


def folders() -> list[Path]:
    """The folders leases may lie in, the one to take new leases in first; made where they are missing."""
    usable = [folder for folder in _candidates() if _usable(folder)]
    return usable[:1] if "DLTUI_LEASES" in os.environ else usable


def _candidates() -> list[Path]:
    named = os.environ.get("DLTUI_LEASES")
    candidates = [Path(named), *_CANDIDATES] if named else list(_CANDIDATES)
    return [folder for folder in candidates if not is_network(folder)]


def _existing() -> list[Path]:
    """The folders leases may lie in, as they are: looking makes nothing."""
    trusted = [folder for folder in _candidates() if _is_trusted(folder)]
    return trusted[:1] if "DLTUI_LEASES" in os.environ else trusted


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=False)
        folder.chmod(0o1777)
    except FileExistsError:
        pass
    except FileNotFoundError:
        return _make_parents(folder)
    except OSError:
        return False
    return _is_trusted(folder)


def _make_parents(folder: Path) -> bool:
    if "DLTUI_LEASES" not in os.environ:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o1777)
    except OSError:
        return False
    return True


def _is_trusted(folder: Path) -> bool:
    """Whether nobody can swap files in it under us: a real folder, sticky where others may write."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
        return False
    return bool(status.st_mode & stat.S_ISVTX) or not status.st_mode & 0o022


@functools.lru_cache(64)
def is_network(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Whether `folder` lies on a file system shared between machines, where a lock says nothing of this box."""
    best, kind = "", ""
    wanted = str(folder.absolute())
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return False
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = before.split(" ")[4].replace("\\040", " ")
        inside = wanted == mount or wanted.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, after.split(" ")[0]
    return kind.startswith(_NETWORK)


def acquire(device: Device, run_id: str, run_folder: Path | str) -> int:
    """Take the lease of a GPU.

    Args:
        device: the GPU; it must have a UUID.
        run_id: what others are told.
        run_folder: likewise.

    Returns:
        The descriptor that holds it, to be handed to the worker and closed here.

    Raises:
        NoDeviceError: somebody else holds it, or there is no folder for leases.
    """
    assert device.uuid is not None
    places = folders()
    if not places:
        raise NoDeviceError(
            "there is no local folder for GPU leases",
            hint="make /var/tmp/dltui with mode 1777, or name a folder in DLTUI_LEASES",
        )
    for other in places[1:]:
        if held := _holder_in(other, device.uuid):
            raise _busy(device, held)
    path = places[0] / device.uuid
    descriptor = _lock_file(path, _PATIENCE)
    if descriptor is None:
        raise _busy(device, _describe(path) or {})
    write_holder(path, run_id, run_folder)
    return descriptor


def describe(device: Device, run_id: str, run_folder: Path | str, pid: int | None = None) -> None:
    """Tell others which run holds a lease that this process, or `pid`, holds."""
    for folder in folders()[:1]:
        write_holder(folder / str(device.uuid), run_id, run_folder, pid)


def _busy(device: Device, held: dict[str, Any]) -> NoDeviceError:
    return NoDeviceError(
        f"{device.name} ({device.title}) is held by {holder_words(held)}", hint="wait for it, or name another device"
    )


def holder_words(held: dict[str, Any]) -> str:
    """A lease's holder in words: `e0042 of anna (process 4711)`."""
    run, user, pid = held.get("run"), held.get("user"), held.get("pid")
    words = [str(run) if run else "another run"]
    if user:
        words.append(f"of {user}")
    if pid:
        words.append(f"(process {pid})")
    return " ".join(words)


def holder(uuid: str) -> dict[str, Any] | None:
    """Who holds the lease of the GPU `uuid`; None when it is free. Empty values where the holder is not known."""
    for folder in _existing():
        if held := _holder_in(folder, uuid):
            return held
    return None


def _holder_in(folder: Path, uuid: str) -> dict[str, Any] | None:
    path = folder / uuid
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _describe(path)
    finally:
        os.close(descriptor)
    return None


def _describe(path: Path) -> dict[str, Any]:
    """What a lease file says of its holder, as far as it can be true."""
    unknown: dict[str, Any] = {"run": None, "user": None, "pid": None}
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return unknown
    if not isinstance(content, dict) or content.get("boot_id") != boot_id():
        return unknown
    return {**unknown, **{key: content.get(key) for key in ("run", "user", "pid", "host", "folder")}}


def write_holder(path: Path, run_id: str, run_folder: Path | str, pid: int | None = None) -> None:
    """Say in a lease's file who holds it, where this user may write there."""
    content = encode(
        {
            "run": run_id,
            "user": username(),
            "pid": pid or os.getpid(),
            "host": hostname(),
            "folder": str(run_folder),
            "boot_id": boot_id(),
        }
    )
    with contextlib.suppress(OSError):  # informational only: the file may be another user's
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.write(descriptor, content)
        finally:
            os.close(descriptor)


def _lock_file(path: Path, patience: float) -> int | None:
    """An exclusive lock on `path`; None when somebody else has held it for `patience` seconds."""
    deadline = time.monotonic() + patience
    while True:
        descriptor = _open_shared(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
            continue
        except BaseException:
            os.close(descriptor)
            raise
        if same_file(descriptor, path):
            return descriptor
        os.close(descriptor)  # removed and made anew between opening and locking


def _open_shared(path: Path) -> int:
    """Open a file that any user may have made.

    Without O_CREAT where it exists: in a sticky folder the kernel refuses O_CREAT on other users' files.
    """
    while True:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            os.fchmod(descriptor, 0o666)
            return descriptor
