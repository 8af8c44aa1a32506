"""The entries in runs/journal: listed, begun, and made HTML of again once they were edited."""

from __future__ import annotations

import re
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from engine.errors import NotFoundError, RunError, UsageError, nearest
from engine.jsonio import write_bytes
from engine.runs import RunsFolder
from engine.words import template

FOLDER = "journal"
"""Of the runs folder: entries that span runs."""
LONGEST = 60
"""Characters of a title in a file's name."""
_HEAD = 8192
_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_RUN = re.compile(r"\be\d{4,18}\b")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>|#~])")


@dataclass(frozen=True)
class Entry:
    """An entry of the journal."""

    path: Path
    title: str
    runs: tuple[str, ...]
    """The runs that its beginning names."""
    changed: float
    """When it was last written, in Unix seconds."""

    @property
    def html(self) -> Path:
        """The same as a page that needs nothing beside it."""
        return self.path.with_suffix(".html")


def folder_of(runs: RunsFolder) -> Path:
    """Where the entries are."""
    return runs.root / FOLDER


def entries(runs: RunsFolder) -> list[Entry]:
    """All entries, the one written last first; a file that cannot be read is left out."""
    found = []
    try:
        paths = [path for path in folder_of(runs).iterdir() if path.suffix == ".md" and not path.name.startswith(".")]
    except OSError:
        return []
    for path in paths:
        try:
            with open(path, "rb") as file:
                head = file.read(_HEAD).decode("utf-8", "replace")
            found.append(_entry(path, head, path.stat().st_mtime))
        except OSError:
            continue
    return sorted(found, key=lambda entry: (-entry.changed, entry.path.name))


def _entry(path: Path, head: str, changed: float) -> Entry:
    title = _TITLE.search(head)
    text = _ESCAPED.sub(r"\1", title[1]) if title else path.stem
    return Entry(path, text, tuple(dict.fromkeys(_RUN.findall(head)))[:100], changed)


def find_entry(runs: RunsFolder, name: str) -> Entry:
    """The entry of a file's name, with or without its day and its ending.

    Raises:
        NotFoundError: there is none.
        UsageError: several entries are called so.
    """
    known = {entry.path.stem: entry for entry in entries(runs)}
    stem = Path(name).name.removesuffix(".md").removesuffix(".html")
    called = [one for one in known if one.partition("-")[2].endswith(f"-{stem}")]
    if stem not in known and len(called) > 1:
        raise UsageError(f"{len(called)} entries are called {name!r}", hint=", ".join(called[:10]))
    stem = called[0] if stem not in known and called else stem
    if stem not in known:
        raise NotFoundError(f"there is no journal entry {name!r} in {folder_of(runs)}", hint=nearest(stem, list(known)))
    return known[stem]


def begin(runs: RunsFolder, title: str) -> Path:
    """Begin an entry of no run yet; the file.

    Raises:
        UsageError: the title is empty.
        RunError: it cannot be written.
    """
    if not title.strip():
        raise UsageError("the title is empty", hint='engine journal "Does weight decay help?" e0001 e0002')
    path = free(folder_of(runs), stem_of(title))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, template(" ".join(title.split())).encode("utf-8", "replace"))
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from error
    return path


def render(path: Path) -> Path:
    """Make the HTML page of an entry anew, figures inside; the file.

    Raises:
        RunError: the entry cannot be read, or the page not written.
    """
    from engine.report.html import as_html

    target = path.with_suffix(".html")
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        title = _entry(path, text[:_HEAD], 0.0).title
        write_bytes(target, as_html(text, title, path.parent).encode("utf-8", "replace"))
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror}") from error
    return target


def stem_of(title: str, otherwise: str = "entry") -> str:
    """The name of an entry's file: the day and its title."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    named = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST].strip("-")
    return f"{time.strftime('%Y-%m-%d')}-{named or otherwise}"


def free(folder: Path, stem: str) -> Path:
    """A name that is not taken yet."""
    path, number = folder / f"{stem}.md", 1
    while path.exists() or path.with_suffix(".html").exists():
        number += 1
        path = folder / f"{stem}-{number}.md"
    return path
