"""The journal as the screen shows it, read without Textual: its entries, and the text of the one under the cursor."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.journal import Entry, entries, folder_of
from engine.runs import RunsFolder
from tui.run_parts import MISSING, Document, Stamp, WatchedFile, read_text, stamp


@dataclass(frozen=True, eq=False)
class JournalSnapshot:
    """One moment."""

    entries: tuple[Entry, ...] = ()
    chosen: Path | None = None
    """The entry whose text was read."""
    document: Document = MISSING
    page: str = ""
    """Its HTML page; empty where there is none."""


class JournalStore:
    """Reads runs/journal; `tick` is called from one thread."""

    def __init__(self, runs: RunsFolder) -> None:
        self.runs = runs
        self.folder = folder_of(runs)
        self.snapshot = JournalSnapshot()
        self._stamps: dict[str, Stamp] | None = None
        self._file: WatchedFile | None = None

    def tick(self, wanted: Path | None) -> JournalSnapshot | None:
        """Look again; the snapshot if anything changed.

        Args:
            wanted: the entry to read; the first one where it is not there.
        """
        changed = False
        listed = self.snapshot.entries
        stamps = self._look()
        if stamps != self._stamps:
            self._stamps, listed, changed = stamps, tuple(entries(self.runs)), True
        paths = [entry.path for entry in listed]
        chosen = wanted if wanted in paths else (paths[0] if paths else None)
        if chosen != self.snapshot.chosen:
            self._file, changed = None if chosen is None else WatchedFile(chosen, read_text), True
        if self._file is not None and self._file.update():
            changed = True
        if changed:
            document = MISSING if self._file is None else self._file.document
            page = None if chosen is None else chosen.with_suffix(".html")
            self.snapshot = JournalSnapshot(listed, chosen, document, str(page) if page and page.exists() else "")
        return self.snapshot if changed else None

    def _look(self) -> dict[str, Stamp]:
        try:
            names = os.listdir(self.folder)
        except OSError:
            return {}
        return {name: stamp(self.folder / name) for name in names if name.endswith((".md", ".html"))}
