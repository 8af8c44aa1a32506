"""events.jsonl: what happened in a run, one JSON object a line, only ever appended."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Any

import msgspec

from engine.jsonio import encode
from engine.records import RunPaths


def append_event(paths: RunPaths, event: str, **fields: Any) -> None:
    """Add one line to events.jsonl; `time` and `event` come first, the rest as given.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    line = encode({"time": time.time(), "event": event, **fields}) + b"\n"
    descriptor = os.open(paths.events, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # a kill left half a line: keep it apart
        if os.write(descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, f"no space left while writing {paths.events}")
    finally:
        os.close(descriptor)


def read_events(paths: RunPaths, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The events from byte `offset` on, and the offset to go on from; damaged lines are passed over."""
    try:
        with open(paths.events, "rb") as file:
            file.seek(offset)
            content = file.read()
    except OSError:
        return [], offset
    whole = content[: content.rfind(b"\n") + 1]
    events = []
    for line in whole.split(b"\n"):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            event = msgspec.json.decode(line)
            if isinstance(event, dict):
                events.append(event)
    return events, offset + len(whole)
