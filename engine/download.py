"""Downloads: into a `.partial` file, checked against the published digest, then moved into place in one step."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from engine.errors import DataError

CONNECT_SECONDS = 15.0
"""How long a server may stay silent, at the connect and between two reads."""

_CHUNK = 1 << 16


def digest_of(content: bytes, *, sha256: str = "") -> str:
    """SHA-256 of `content` where one is expected, else MD5 (which tells damage, not malice)."""
    return str(_hasher(sha256, content).hexdigest())


def _hasher(sha256: str, content: bytes = b"") -> Any:
    return hashlib.sha256(content) if sha256 else hashlib.md5(content, usedforsecurity=False)


def damaged(path: Path, kind: str, expected: str, found: str, url: str) -> DataError:
    """The error for a file that is not what its publisher gave out."""
    return DataError(
        f"{path} is damaged: its {kind} is {found}, expected {expected}",
        hint=f"delete it and run again: it is then fetched anew from {url}",
    )


def offline() -> bool:
    """Whether DLTUI_OFFLINE forbids the network."""
    return os.environ.get("DLTUI_OFFLINE", "") not in ("", "0")


def fetch(url: str, path: Path, *, sha256: str = "", md5: str = "", otherwise: str = "") -> None:
    """Download `url` to `path`; progress goes to stderr. Of two processes at once, the second waits and finds it there.

    Args:
        url: http or https.
        path: where the file shall lie; its folder is made.
        sha256: expected digest; or
        md5: the same where the publisher gives no better one.
        otherwise: what to try instead, added to the hint of an error.

    Raises:
        DataError: no network, a refusal, a body cut short, a wrong digest, no room, no right to write.
    """
    if offline():
        raise _unreachable(url, path, "the network is switched off (DLTUI_OFFLINE)", otherwise)
    try:
        with _partial(path) as file:
            if path.is_file():
                return
            _check(_receive(url, path, file, sha256, otherwise), url, path, sha256, md5)
            os.replace(file.name, path)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}",
            hint="set DLTUI_DATA (or data_dir) to a folder that you can write and that has room",
        ) from error


@contextmanager
def _partial(path: Path) -> Iterator[IO[bytes]]:
    """The file beside `path` that is written to, held by this process alone and empty."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    while True:
        with open(partial, "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_still(partial, file):
                continue  # whoever held it has moved it to its final name, or given up
            file.truncate(0)
            try:
                yield file
            finally:
                if _is_still(partial, file):
                    partial.unlink()
            return


def _is_still(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _receive(url: str, path: Path, file: IO[bytes], sha256: str, otherwise: str) -> str:
    """Write the body of `url` to `file`; returns its digest."""
    import http.client
    import urllib.error
    import urllib.request

    try:
        request = urllib.request.Request(url, headers={"User-Agent": "dltui"})
        with urllib.request.urlopen(request, timeout=CONNECT_SECONDS) as response:
            return _copy(response, file, path.name, sha256)
    except urllib.error.HTTPError as error:
        error.close()
        raise _unreachable(url, path, f"the server answered {error.code} {error.reason}", otherwise) from None
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        said = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        raise _unreachable(url, path, said, otherwise) from None


def _copy(response: Any, file: IO[bytes], name: str, sha256: str) -> str:
    from tqdm import tqdm

    length = response.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    hasher, received = _hasher(sha256), 0
    with tqdm(desc=name, total=total, unit="B", unit_scale=True, leave=False) as bar:
        while chunk := _read(response):
            file.write(chunk)
            hasher.update(chunk)
            received += len(chunk)
            bar.update(len(chunk))
    file.flush()
    os.fsync(file.fileno())
    if total is not None and received < total:
        raise ConnectionError(f"the connection ended after {received:,} of {total:,} bytes")
    return str(hasher.hexdigest())


def _read(response: Any) -> bytes:
    try:
        return bytes(response.read(_CHUNK))
    except OSError as error:  # told apart from an OSError of the disk
        raise ConnectionError(str(error) or type(error).__name__) from None


def _check(found: str, url: str, path: Path, sha256: str, md5: str) -> None:
    expected, kind = (sha256, "SHA-256") if sha256 else (md5, "MD5")
    if expected and found != expected:
        raise DataError(
            f"what {url} sent is not {path.name}: its {kind} is {found}, expected {expected}; nothing was kept",
            hint="a proxy or login page may have answered in its place: "
            f"try again, or put the file into {path.parent} by hand",
        )


def _unreachable(url: str, path: Path, reason: str, otherwise: str) -> DataError:
    hint = f"download it elsewhere from {url} and put it into {path.parent}"
    return DataError(
        f"{path.name} is not in {path.parent} and cannot be fetched from {url}: {reason}",
        hint=f"{hint}, or {otherwise}" if otherwise else hint,
    )
