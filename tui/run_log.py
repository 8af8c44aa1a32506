"""log.txt of any size: a bounded window of it as clean lines, moved at need; a search that reads piece by piece."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

WINDOW = 384 << 10
"""Bytes of the log held as lines."""
PIECE = 1 << 20
"""Bytes searched at once."""
MOST_LINE = 4000
"""Characters shown of one line."""
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
"""Terminal sequences: colours, cursor movements, titles."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log, and where it begins in the file."""

    offset: int
    text: str


def clean(raw: bytes) -> str:
    """A line as a terminal would show it in the end: no colour sequences, only the last state of a progress bar."""
    text = raw[: 4 * MOST_LINE * 4].decode(errors="replace") if b"\r" not in raw else _last_state(raw)
    if "\x1b" in text:
        text = _SEQUENCE.sub("", text)
    text = text.expandtabs(4).rstrip()
    return text if len(text) <= MOST_LINE else text[:MOST_LINE] + "…"


def _last_state(raw: bytes) -> str:
    states = [part for part in raw.rsplit(b"\r", 8)[-8:] if part.strip()]
    return states[-1][: 4 * MOST_LINE].decode(errors="replace") if states else ""


class LogWindow:
    """A part of the log, whole lines, its end growing with the file while it follows."""

    def __init__(self, path: Path, window: int = WINDOW) -> None:
        self.path = path
        self.window = window
        self.lines: list[LogLine] = []
        self.start = 0
        """Offset of the first line held."""
        self.end = 0
        """Offset after the last byte held."""
        self.size = 0
        """Bytes of the file when it was last looked at."""
        self.version = 0
        """Grows with every change."""
        self.appended = 0
        """How many of `lines` are new since the last change; -1 when all may be others."""
        self._rest = b""
        self._inode = 0

    @property
    def follows(self) -> bool:
        """Whether the window reaches to the end of the file."""
        return self.end >= self.size

    def update(self) -> bool:
        """Look at the file; while the window is at its end, take what was appended. Whether anything changed."""
        try:
            status = os.stat(self.path)
        except OSError:
            return self._clear(0) if self.lines or self.size else False
        if status.st_ino != self._inode or status.st_size < self.end:
            self._clear(status.st_ino)
        if status.st_size == self.size:
            return False
        following = self.follows
        self.size = status.st_size
        if following:
            self._grow()
        self.version += 1
        return True

    def _clear(self, inode: int) -> bool:
        self.lines, self._rest, self._inode = [], b"", inode
        self.start = self.end = self.size = 0
        self.appended = -1
        self.version += 1
        return True

    def _grow(self) -> None:
        if self.size - self.end > self.window:
            self._load(self.size - self.window)
            return
        before = len(self.lines) - bool(self._rest)
        content = self._rest + self._pread(self.end, self.size - self.end)
        begin = self.end - len(self._rest)
        del self.lines[before:]
        self._append(begin, content)
        self.appended = len(self.lines) - before
        self._forget()

    def _append(self, begin: int, content: bytes) -> None:
        at = begin
        *whole, rest = content.split(b"\n")
        for raw in whole:
            self.lines.append(LogLine(at, clean(raw)))
            at += len(raw) + 1
        if rest:
            self.lines.append(LogLine(at, clean(rest)))
        self._rest = rest if len(rest) < self.window else rest[-self.window :]
        self.end = begin + len(content)

    def _forget(self) -> None:
        """Drop lines from the front once there are more than two windows of them."""
        if self.end - self.start <= 2 * self.window:
            return
        del self.lines[: self.index_at(self.end - self.window)]
        self.start = self.lines[0].offset if self.lines else self.end
        self.appended = -1

    def show(self, offset: int) -> None:
        """Move the window so that the line at `offset` is about its middle."""
        self._load(max(0, min(offset - self.window // 2, self.size - self.window)))
        self.version += 1

    def show_end(self) -> None:
        """Move the window to the end of the file."""
        self._load(max(0, self.size - self.window))
        self.version += 1

    def show_start(self) -> None:
        """Move the window to the beginning of the file."""
        self._load(0)
        self.version += 1

    def _load(self, begin: int) -> None:
        end = min(self.size, begin + self.window)
        content = self._pread(begin, end - begin)
        if begin:
            cut = content.find(b"\n") + 1
            begin, content = begin + cut, content[cut:]
        if begin + len(content) < self.size:
            whole = content.rfind(b"\n") + 1
            content = content[:whole] if whole else content
        self.lines, self._rest, self.start = [], b"", begin
        self._append(begin, content)
        self.appended = -1

    def _pread(self, offset: int, count: int) -> bytes:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return os.pread(descriptor, count, offset)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def index_at(self, offset: int) -> int:
        """The index in `lines` of the line that holds `offset`."""
        low, high = 0, len(self.lines)
        while low < high:
            middle = (low + high) // 2
            if self.lines[middle].offset <= offset:
                low = middle + 1
            else:
                high = middle
        return max(0, low - 1)


def last_lines(path: Path, count: int = 4, most: int = 16 << 10) -> tuple[str, ...]:
    """The last lines of a log that are not blank."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            content = file.read(most)
    except OSError:
        return ()
    lines = content.split(b"\n")
    if size > most:
        lines = lines[1:] or lines
    shown = [text for raw in lines if (text := clean(raw))]
    return tuple(shown[-count:])


def matcher(text: str) -> re.Pattern[bytes]:
    """What finds `text` in the log: letters of either case unless one of them is a capital."""
    flags = 0 if text != text.lower() else re.IGNORECASE
    return re.compile(re.escape(text.encode()), flags)


def find(
    path: Path, text: str, start: int, *, forward: bool = True, cancelled: Callable[[], bool] = lambda: False
) -> int | None:
    """The offset of the nearest match after `start` (before it when not `forward`), going round at the end of the file.

    Args:
        cancelled: asked between pieces; the search ends with None when it says so.
    """
    if not text:
        return None
    pattern = matcher(text)
    overlap = max(0, len(text.encode()) - 1)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.fstat(descriptor).st_size
        for begin, end in _pieces(start, size, overlap, forward):
            if cancelled():
                return None
            hits = [m.start() for m in pattern.finditer(os.pread(descriptor, end - begin, begin))]
            if hits:
                return begin + (hits[0] if forward else hits[-1])
    finally:
        os.close(descriptor)
    return None


def _pieces(start: int, size: int, overlap: int, forward: bool) -> Iterator[tuple[int, int]]:
    """Parts of the file in the order they are to be searched: from `start` to one end, then from the other."""
    start = max(0, min(start, size))
    if forward:
        for low, high in ((start, size), (0, min(size, start + overlap))):
            for begin in range(low, high, PIECE):
                yield begin, min(high, begin + PIECE + overlap)
        return
    for low, high in ((0, min(size, start + overlap)), (start, size)):
        for end in range(high, low, -PIECE):
            yield max(low, end - PIECE - overlap), end
