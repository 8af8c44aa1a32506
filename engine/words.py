"""What people write themselves, notes.md of a run and journal entries: begun, read, saved whole, never overwritten.

Two people, or two programs of one, may have the same file open. Whoever saves second keeps their words beside it.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from engine.errors import RunError
from engine.text import printable

SECTIONS = ("Motivation", "Results", "Interpretation")
LIMIT = 1 << 20
"""Bytes of a file that is edited in place."""


@dataclass(frozen=True)
class Words:
    """A file as it was read."""

    path: Path
    content: bytes | None
    """None where it was not there."""

    @property
    def text(self) -> str:
        """As text."""
        return (self.content or b"").decode("utf-8", "replace")

    @property
    def uneditable(self) -> str:
        """Why it had better not be changed by a plain text field; empty where it may."""
        content = self.content or b""
        if len(content) > LIMIT:
            return f"it is larger than {LIMIT:,} bytes"
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return "it is not UTF-8"
        if "\r" in text.replace("\r\n", "\n") or any(printable(line) != line for line in _lines(text)):
            return "it holds characters that are not shown as they are"
        return ""


@dataclass(frozen=True)
class Saved:
    """What came of saving."""

    words: Words
    """What the file holds now."""
    beside: Path | None = None
    """Where the text was kept because someone else had changed the file meanwhile."""


def template(title: str, motivation: str = "") -> str:
    """A new entry."""
    return f"# {title}\n\n## Motivation\n\n{motivation}\n\n## Results\n\n\n\n## Interpretation\n\n"


def writing_place(text: str) -> tuple[int, int]:
    """Where one goes on writing, as line and column: in the first section that is still empty, else at the end."""
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if line.startswith("#")]
    for at, following in pairwise([*heads, len(lines)]):
        empty = not any(line.strip() for line in lines[at + 1 : following])
        if empty and lines[at].lstrip("#").strip() in SECTIONS and following > at + 1:
            return min(at + 2, following - 1), 0
    return len(lines) - 1, len(lines[-1])


def read_words(path: Path) -> Words:
    """The file as it is now; one that is not there has no content.

    Raises:
        RunError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return Words(path, file.read(LIMIT + 1))
    except FileNotFoundError:
        return Words(path, None)
    except OSError as error:
        raise RunError(f"{path.name} cannot be read: {error.strerror}") from error


def save_words(before: Words, text: str) -> Saved:
    """Save a text that was begun from `before`, whole or not at all.

    Where the file is no longer what it was, it stays as it is, and the text goes into a file beside it.

    Raises:
        RunError: the folder cannot be written; nothing has changed then.
    """
    content = text.encode("utf-8", "replace")
    now = read_words(before.path)
    if now.content == content:
        return Saved(now)
    try:
        if now.content is not None and now.content != before.content:
            return _keep_beside(now, content)
        return _replace(before, content)
    except OSError as error:
        raise RunError(f"{before.path} cannot be saved: {error.strerror}",
                       hint="the text is still in the editor") from error  # fmt: skip


def _replace(before: Words, content: bytes) -> Saved:
    path = before.path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        now = read_words(path)  # looked at once more: writing took a moment
        if now.content is not None and now.content != before.content:
            return _keep_beside(now, content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return Saved(Words(path, content))


def _keep_beside(now: Words, content: bytes) -> Saved:
    """The text in a file of its own, named after the moment."""
    stem, number = f"{now.path.stem}-{time.strftime('%Y-%m-%d-%H%M%S')}", 1
    while True:
        name = f"{stem}.md" if number == 1 else f"{stem}-{number}.md"
        beside = now.path.with_name(name)
        try:
            with open(beside, "xb") as file:
                file.write(content)
            return Saved(now, beside)
        except FileExistsError:
            number += 1


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\t", " ").split("\n")
