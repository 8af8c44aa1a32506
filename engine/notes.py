"""notes.md of a run: what people append to it, in one write; what stands there is never touched."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def append_note(path: Path, text: str) -> None:
    """Add a paragraph to the end of a journal entry, in one write; what is there already is never touched.

    Raises:
        OSError: it cannot be written whole; then nothing of it is.
    """
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
