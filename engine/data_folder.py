"""Where data files lie, and how one that is missing gets there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def data_root(data_dir: str | None = None) -> Path:
    """The data folder: DLTUI_DATA, else `data_dir` of the settings, else the user's cache. It need not exist yet."""
    named = os.environ.get("DLTUI_DATA") or data_dir
    if named:
        return expanded(named).absolute()
    return user_cache() / "data"


def user_cache() -> Path:
    """This program's folder in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else expanded("~/.cache")) / "dltui"


def locate(path: str, *folders: Path) -> Path | None:
    """Where a path from the settings leads: absolute, or the first of `folders` that has it; None when none does."""
    if not path.strip():
        return None
    for folder in folders:
        found = folder / expanded(path)
        with contextlib.suppress(OSError, ValueError):  # a name too long, or with a null byte
            if found.exists():
                return found.absolute()
    return None


def absent(what: str, path: str, root: Path) -> str:
    """The sentence for a path of the settings that `locate` did not find.

    Args:
        what: "file" or "folder".
        path: as the settings have it.
        root: the data folder.
    """
    return f"no {what} {path!r} beside the file of experiments, nor in the data folder {root}"


def expanded(path: str) -> Path:
    """`path` with its ~ replaced; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def require(root: Path, relative: str, url: str, *, sha256: str = "", md5: str = "", otherwise: str = "") -> Path:
    """The path of a data file, downloaded first when it is absent.

    Args:
        root: the data folder.
        relative: the file's path in it.
        url: where it is fetched from.
        sha256: expected digest, hexadecimal; or
        md5: the same where the publisher gives no better one.
        otherwise: what to try instead, for the hint of the error.

    Raises:
        DataError: it is absent and cannot be downloaded, or what came is not the file.
    """
    path = root / relative
    if not path.is_file():
        from engine.download import fetch

        fetch(url, path, sha256=sha256, md5=md5, otherwise=otherwise)
    return path


def verify(path: Path, content: bytes, url: str, *, sha256: str = "", md5: str = "") -> None:
    """Check what was read from a data file against its published digest.

    Raises:
        DataError: it differs; the message names the file and both digests.
    """
    from engine.download import damaged, digest_of

    found = digest_of(content, sha256=sha256)
    if found != (sha256 or md5):
        raise damaged(path, "SHA-256" if sha256 else "MD5", sha256 or md5, found, url)
