"""The parts of a run's folder as they change: each reader asks `stat` first, and reads only what is new."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.jsonio import read_json
from engine.records import EVALUATION_FILE

CHUNK = 1 << 20
"""Bytes of events read at once."""
MOST_DOCUMENT = 32 << 20
"""A JSON file larger than this is not read for the screen."""
MOST_NOTES = 1 << 20
MOST_FINDINGS = 500

Stamp = tuple[int, ...] | None


def stamp(path: Path) -> Stamp:
    """What changes when a file or folder does; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


@dataclass(frozen=True, eq=False)
class Document:
    """A file of the run as it was read: its content, or why there is none."""

    content: Any = None
    problem: str = ""
    """Why it cannot be shown; empty when it can, and when it is not there yet."""

    @property
    def missing(self) -> bool:
        """Whether the file is not there (yet)."""
        return self.content is None and not self.problem

    @property
    def table(self) -> dict[str, Any]:
        """The content as an object; empty when it is none."""
        return self.content if isinstance(self.content, dict) else {}


MISSING = Document()


def read_document(path: Path) -> Document:
    """A JSON object; what is not one carries its problem."""
    try:
        size = os.stat(path).st_size
        if size > MOST_DOCUMENT:
            return Document(problem=f"{path.name} is too large to be shown ({size:,} bytes)")
        content = read_json(path)
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return Document(problem=f"{path.name} cannot be read: {error.strerror}")
    except ValueError:
        return Document(problem=f"{path.name} is damaged: it is not readable as JSON")
    if not isinstance(content, dict):
        return Document(problem=f"{path.name} is not as it should be: no JSON object")
    return Document(content)


def read_text(path: Path) -> Document:
    """A text file's beginning."""
    try:
        with open(path, "rb") as file:
            return Document(file.read(MOST_NOTES).decode(errors="replace"))
    except FileNotFoundError:
        return MISSING
    except OSError as error:
        return Document(problem=f"{path.name} cannot be read: {error.strerror}")


class WatchedFile:
    """One file, read again when it changed."""

    def __init__(self, path: Path, read: Callable[[Path], Document] = read_document) -> None:
        self.path = path
        self.document = MISSING
        self._read = read
        self._stamp: Stamp | tuple[()] = ()

    def update(self) -> bool:
        """Read it if it changed; whether it did."""
        now = stamp(self.path)
        if now == self._stamp:
            return False
        first, self._stamp = self._stamp == (), now
        if now is None and first:
            return False
        self.document = self._read(self.path)
        return True


class _Event(msgspec.Struct):
    event: str = ""
    time: float = 0.0
    kind: str = ""
    level: str = ""
    message: Any = ""
    epoch: float | None = None
    step: int | None = None


@dataclass(frozen=True)
class Finding:
    """Something a diagnosis detected, or a warning of the worker."""

    message: str
    level: str = "warning"
    """warning or error"""
    epoch: float | None = None
    step: int | None = None
    time: float = 0.0


class EventsFile:
    """events.jsonl as it grows: findings and warnings, and the pauses between sittings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp = None
        self._reset()

    def _reset(self) -> None:
        self._offset = 0
        self._findings: deque[Finding] = deque(maxlen=MOST_FINDINGS)
        self._last_time = 0.0
        self.findings: tuple[Finding, ...] = ()
        """Newest first."""
        self.count = 0
        """How many there were in all."""
        self.pauses: tuple[tuple[float, float], ...] = ()
        """Unix times between which the run did not run."""
        self.resumes: tuple[tuple[int, float], ...] = ()
        """Step and Unix time of each sitting's start but the first."""

    def update(self) -> bool:
        """Read what was appended; whether findings or pauses changed."""
        now = stamp(self.path)
        if now == self._stamp:
            return False
        before = (self.count, self.resumes)
        replaced = self._stamp is not None and (now is None or now[0] != self._stamp[0] or now[1] < self._offset)
        self._stamp = now
        if replaced:
            self._reset()
        if now is not None:
            self._read()
        if (self.count, self.resumes) == before:
            return False
        self.findings = tuple(reversed(self._findings))
        return True

    def _read(self) -> None:
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                while self._take(file.read(CHUNK)):
                    file.seek(self._offset)
        except OSError:
            return

    def _take(self, content: bytes) -> bool:
        """The whole lines of a chunk; whether to go on."""
        end = content.rfind(b"\n") + 1
        if not end:
            # a line longer than a chunk is no event: pass over it
            self._offset += len(content) if len(content) == CHUNK else 0
            return len(content) == CHUNK
        self._offset += end
        for line in content[:end].splitlines():
            self._event(line)
        return len(content) == CHUNK

    def _event(self, line: bytes) -> None:
        try:
            event = _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if event.event == "resumed":
            self.resumes = (*self.resumes[-200:], (min(max(0, event.step or 0), 2**62), event.time))
            if 0 < self._last_time < event.time:
                self.pauses = (*self.pauses[-200:], (self._last_time, event.time))
        if event.event in ("finding", "warning"):
            level = "error" if event.level == "error" else "warning"
            text = str(event.message or event.kind)
            self._findings.append(Finding(text, level, event.epoch, event.step, event.time))
            self.count += 1
        self._last_time = event.time or self._last_time


_DECODER = msgspec.json.Decoder(_Event, strict=False)


@dataclass(frozen=True, order=True)
class EvaluationKey:
    """One evaluation of a run: which split, after which step."""

    step: int
    split: str
    name: str
    """Its file's name."""


class EvaluationsFolder:
    """The evaluations that are there, and the one that is looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: tuple[EvaluationKey, ...] = ()
        """By step, then split."""
        self.chosen: EvaluationKey | None = None
        self.document = MISSING
        self._stamp: Stamp = None
        self._file: WatchedFile | None = None

    def update(self, wanted: EvaluationKey | None) -> bool:
        """List anew if the folder changed, and read the wanted one (the newest when None); whether anything changed."""
        changed = False
        now = stamp(self.folder)
        if now != self._stamp:
            self._stamp = now
            keys = self._list()
            changed, self.keys = keys != self.keys, keys
        chosen = wanted if wanted in self.keys else (self.keys[-1] if self.keys else None)
        if chosen != self.chosen:
            self.chosen, changed = chosen, True
            self._file = None if chosen is None else WatchedFile(self.folder / chosen.name)
            self.document = MISSING
        if self._file is not None and self._file.update():
            self.document, changed = self._file.document, True
        return changed

    def _list(self) -> tuple[EvaluationKey, ...]:
        try:
            names = os.listdir(self.folder)
        except OSError:
            return ()
        found = [(match, name) for name in names if (match := EVALUATION_FILE.fullmatch(name))]
        return tuple(sorted(EvaluationKey(int(match[2]), match[1], name) for match, name in found))
