"""notes.md of a run: what people append to it, in one write; what stands there is never touched."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Appended:
    """A paragraph as it was appended, so that it can be taken back."""

    path: Path
    size: int | None
    """Bytes before it; None where there was no file."""
    content: bytes


def append_note(path: Path, text: str) -> Appended:
    """Add a paragraph to the end of a journal entry, in one write; what is there already is never touched.

    Returns:
        What was appended, and where.

    Raises:
        OSError: it cannot be written whole; then nothing of it is.
    """
    there = path.exists()
    with open(path, "ab+", buffering=0) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 2))
        end = file.read()
        gap = b"" if not end or end.endswith(b"\n\n") else b"\n" if end.endswith(b"\n") else b"\n\n"
        content = gap + text.rstrip().encode("utf-8", "replace") + b"\n"
        size = file.seek(0, os.SEEK_END)
        written = 0
        try:
            written = file.write(content) or 0
        finally:
            if written != len(content):
                file.truncate(size)
        if written != len(content):
            raise OSError(errno.ENOSPC, "no space left on the disk; nothing was appended", str(path))
    return Appended(path, size if there else None, content)


def take_back(note: Appended) -> bool:
    """Remove a paragraph again, where it still is the end of the file and as it was; whether it was.

    Raises:
        OSError: the file cannot be changed.
    """
    start = note.size or 0
    with open(note.path, "rb+") as file:
        file.seek(start)
        if file.read() != note.content:
            return False
        file.truncate(start)
    if note.size is None:
        note.path.unlink()
    return True
