"""The journal: the entries that span runs, beside the one under the cursor, which is read and written here."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from engine.errors import EngineError
from engine.journal import Entry, begin, render
from engine.words import template
from tui.journal_store import JournalSnapshot, JournalStore
from tui.text import age, pad, safe
from tui.theme import Inks, inks
from tui.widgets.footer import Footer
from tui.widgets.line_list import LineList
from tui.widgets.run_tab import notice
from tui.widgets.table import Line, entitle
from tui.widgets.words_pane import WordsPane

if TYPE_CHECKING:
    from tui.app import DltuiApp

SECONDS = 2.0
"""Between two looks at the folder."""


class JournalRead(Message):
    """There is a new snapshot."""

    def __init__(self, snapshot: JournalSnapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Only the newest counts."""
        return isinstance(message, JournalRead)


class EntryList(LineList[Entry]):
    """The entries, the one written last first."""

    def draw_title(self, width: int, ink: Inks) -> Line:
        """Names of the columns."""
        return [(pad("changed", 9), ink.muted), ("title", ink.muted)]

    def draw_item(self, item: Entry, width: int, ink: Inks) -> Line:
        """When, what, and of how many runs."""
        count = len(item.runs)
        runs = f"  {count} {'run' if count == 1 else 'runs'}" if count else ""
        room = max(4, width - 9 - len(runs))
        return [(pad(age(item.changed), 9), ink.muted), (pad(safe(item.title), room), ink.text), (runs, ink.muted)]


class JournalScreen(Screen[None]):
    """The entries in runs/journal."""

    AUTO_FOCUS = "EntryList"
    WIDGET_KEYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right,l", "read", "read", id="journal.read", tooltip="Go to the text, to scroll in it"),
        Binding("e", "edit", "edit", id="journal.edit", tooltip="Write in the entry under the cursor; esc saves"),
        Binding("E", "external", "$EDITOR", id="journal.external", tooltip="Write in your own editor ($EDITOR)"),
        Binding("n", "new", "new", id="journal.new", tooltip="Begin an entry of your own"),
        Binding("y", "copy", "copy path", id="journal.copy", tooltip="Copy the path of the entry's HTML page"),
        Binding("escape,left,h,backspace", "leave", "back", show=False, id="journal.back",
                tooltip="Go back to the list, then to where you came from"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    JournalScreen #journal { height: 1fr; layout: vertical; }
    JournalScreen.-wide #journal { layout: horizontal; }
    JournalScreen EntryList { height: 2fr; width: 1fr; }
    JournalScreen.-wide EntryList { height: 1fr; width: 1fr; max-width: 70; }
    JournalScreen WordsPane { height: 3fr; width: 1fr; }
    JournalScreen.-wide WordsPane { height: 1fr; width: 2fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._wanted: Path | None = None
        self._begun: Path | None = None
        """An entry that was just begun: it is written in as soon as it is shown."""
        self._leaving, self._wake = threading.Event(), threading.Event()

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    def compose(self) -> ComposeResult:
        """The list, the text, keys."""
        self.store = JournalStore(self.dltui.store.runs)
        self.listing, self.words = EntryList(classes="panel"), WordsPane()
        with Container(id="journal"):
            yield self.listing
            yield self.words
        yield Footer()

    def on_mount(self) -> None:
        self.words.framed = True
        self.words.add_class("panel")
        entitle(self.listing, "Journal")
        self.watch_journal()

    def on_unmount(self) -> None:
        self._leaving.set()
        self._wake.set()

    @work(thread=True, exclusive=True, exit_on_error=False, group="journal")
    def watch_journal(self) -> None:
        """Look at the folder every two seconds."""
        while not self._leaving.is_set():
            found = self.store.tick(self._wanted)
            if found is not None and not self._leaving.is_set():
                self.post_message(JournalRead(found))
            self._wake.wait(SECONDS)
            self._wake.clear()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What a thread died of is said."""
        if event.state is WorkerState.ERROR:
            error = event.worker.error
            self.dltui.notify(f"{type(error).__name__}: {error}", title="The journal", severity="error")

    # what is shown

    @on(JournalRead)
    def _take(self, message: JournalRead) -> None:
        message.stop()
        found = message.snapshot
        ink, folder = inks(self.app), safe(self.store.folder)
        self.listing.empty = [
            [(" No entries yet", ink.muted), (f" in {folder}", ink.muted)],
            [],
            [(" n", ink.key), (" begins one; ", ink.muted), ("B", ink.key), (" on runs writes their page", ink.muted)],
        ]
        paths = [entry.path for entry in found.entries]
        place = paths.index(found.chosen) if found.chosen in paths else None
        if self._wanted in paths and self._wanted != found.chosen:
            place = paths.index(self._wanted)  # the cursor has moved on since
        self.listing.set_items(found.entries, place)
        self._show(found)
        if self._begun is not None and self._begun == found.chosen:
            self._begun = None
            self.words.action_edit()

    def _show(self, found: JournalSnapshot) -> None:
        text = str(found.document.content or "")
        problem = found.document.problem

        def empty(width: int, ink: Inks) -> list[Line]:
            if problem or found.chosen is None:
                return notice(problem, width, ink, bad=True) if problem else []
            return notice("Nothing is written here yet: e begins.", width, ink)

        title = next((entry.title for entry in found.entries if entry.path == found.chosen), "")
        self.words.template = template(title or "Journal")
        self.words.show(found.chosen, text, None if text.strip() else empty)
        below = (
            str(found.chosen.with_suffix(".html"))
            if found.chosen and found.chosen.with_suffix(".html").exists()
            else ""
        )
        entitle(self.words, found.chosen.name if found.chosen else "", below, 80)
        self.refresh_bindings()

    @on(LineList.Highlighted)
    def _moved(self, message: LineList.Highlighted) -> None:
        message.stop()
        current = self.listing.current
        self._wanted = current.path if current is not None else None
        self._wake.set()

    # keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is written in, and where there is none, what means an entry has no key."""
        if action in ("read", "edit", "external", "copy"):
            return bool(self.listing.items) and not self.words.editing
        return not self.words.editing if action == "new" else True

    @on(LineList.Chosen)
    def action_read(self) -> None:
        """Go to the text."""
        self.words.pane.focus(scroll_visible=False)

    def action_leave(self) -> None:
        """From the text to the list; from there back."""
        if self.listing.has_focus:
            self.call_later(self.dltui.action_back)
        else:
            self.words.leave()
            self.listing.focus()

    def action_edit(self) -> None:
        """Write in the entry."""
        self.words.action_edit()

    def action_external(self) -> None:
        """Write in the person's own editor."""
        self.words.action_external()

    def action_copy(self) -> None:
        """Copy the path of the page, through the terminal (OSC 52)."""
        current = self.listing.current
        if current is not None:
            path = current.html if current.html.exists() else current.path
            self.app.copy_to_clipboard(str(path.absolute()))
            self.dltui.notify(f"copied: {path}", timeout=3)

    def action_new(self) -> None:
        """Ask for a title, begin the entry."""
        from tui.screens.confirm import PromptScreen

        def answered(title: str | None) -> None:
            if title:
                self._begin(title)

        self.app.push_screen(PromptScreen("Title of the entry", placeholder="Does weight decay help?"), answered)

    def _begin(self, title: str) -> None:
        try:
            self._wanted = self._begun = begin(self.dltui.store.runs, title)
        except EngineError as error:
            self.dltui.complain(error)
        self._wake.set()

    # the page of an entry

    @on(WordsPane.Stored)
    def _stored(self, message: WordsPane.Stored) -> None:
        message.stop()
        self._make_page(message.path)

    @work(thread=True, exit_on_error=False, group="journal-page")
    def _make_page(self, path: Path) -> None:
        """Its HTML page is made of what it says now."""
        try:
            render(path)
        except EngineError as error:
            self.app.call_from_thread(self.dltui.complain, error)
        self._wake.set()
