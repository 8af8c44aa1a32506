"""events.jsonl as it grows: what was found in a run, what happened at which step, when it did not run."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from engine.jsonio import number
from tui.run_parts import Stamp, stamp

CHUNK = 1 << 20
"""Bytes of events read at once."""
MOST_FINDINGS = 500
MOST_OF_A_KIND = 1000
"""What happened of each kind is kept so far back."""
KINDS = ("checkpoint", "lr", "finding", "resumed")
"""What is kept with its step, to be marked along the curves; warnings are among the findings."""


class _Event(msgspec.Struct):
    event: str = ""
    time: float = 0.0
    kind: str = ""
    level: str = ""
    message: Any = ""
    epoch: float | None = None
    step: int | None = None
    name: Any = ""
    value: Any = None


@dataclass(frozen=True)
class Finding:
    """Something a diagnosis detected, or a warning of the worker."""

    message: str
    level: str = "warning"
    """warning or error"""
    epoch: float | None = None
    step: int | None = None
    time: float = 0.0


@dataclass(frozen=True)
class Happened:
    """Something that happened at a step, and what is told of it."""

    step: int
    time: float
    label: str


class EventsFile:
    """events.jsonl as it grows: findings and warnings, what happened when, and the pauses between sittings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: Stamp = None
        self._reset()

    def _reset(self) -> None:
        self._offset = 0
        self._findings: deque[Finding] = deque(maxlen=MOST_FINDINGS)
        self._happened: dict[str, deque[Happened]] = {kind: deque(maxlen=MOST_OF_A_KIND) for kind in KINDS}
        self._seen = 0
        self._last_time = 0.0
        self.happened: dict[str, tuple[Happened, ...]] = {}
        """What happened, by kind, the oldest first; a new dictionary with every change."""
        self.findings: tuple[Finding, ...] = ()
        """Newest first."""
        self.count = 0
        """How many there were in all."""
        self.pauses: tuple[tuple[float, float], ...] = ()
        """Unix times between which the run did not run."""
        self.resumes: tuple[tuple[int, float], ...] = ()
        """Step and Unix time of each sitting's start but the first."""

    def update(self) -> bool:
        """Read what was appended; whether it was anything that is shown."""
        now = stamp(self.path)
        if now == self._stamp:
            return False
        before = (self._seen, self.count, self.resumes)
        replaced = self._stamp is not None and (now is None or now[0] != self._stamp[0] or now[1] < self._offset)
        self._stamp = now
        if replaced:
            self._reset()
        if now is not None:
            self._read()
        if (self._seen, self.count, self.resumes) == before:
            return False
        self.findings = tuple(reversed(self._findings))
        self.happened = {kind: tuple(found) for kind, found in self._happened.items() if found}
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
        kind = "finding" if event.event == "warning" else event.event
        if kind in KINDS and event.step is not None:
            self._seen += 1
            self._happened[kind].append(Happened(min(max(0, event.step), 2**62), event.time, _words(kind, event)))
        if event.event in ("finding", "warning"):
            level = "error" if event.level == "error" else "warning"
            text = str(event.message or event.kind)
            self._findings.append(Finding(text, level, event.epoch, event.step, event.time))
            self.count += 1
        self._last_time = event.time or self._last_time


def _words(kind: str, event: _Event) -> str:
    if kind == "checkpoint":
        return f"checkpoint {event.name}".strip()
    if kind == "lr":
        return f"learning rate {number(event.value):.3g}"
    return "resumed" if kind == "resumed" else str(event.message or event.kind)


_DECODER = msgspec.json.Decoder(_Event, strict=False)
