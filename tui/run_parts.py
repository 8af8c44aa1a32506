"""The parts of a run's folder as they change: each reader asks `stat` first, and reads only what is new."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.jsonio import read_json
from engine.records import EVALUATION_FILE

MOST_DOCUMENT = 32 << 20
"""A JSON file larger than this is not read for the screen."""
MOST_NOTES = 1 << 20

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
