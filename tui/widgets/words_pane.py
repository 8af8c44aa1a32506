"""What people wrote in a file, set as Markdown; edited in place, or in an editor of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import TextArea

from engine.errors import EngineError
from engine.text import printable
from engine.words import Saved, Words, read_words, save_words, writing_place
from tui.text import safe
from tui.theme import Inks
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, entitle

if TYPE_CHECKING:
    from tui.app import DltuiApp

SHORT = 6_000
"""Characters of a text that is set at once."""


class WordsEditor(TextArea, inherit_bindings=True):
    """A text field for Markdown: it does not blink, and nothing pasted into it acts on the terminal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save", id="words.save", tooltip="Save the text and go on writing"),
        Binding("escape", "leave", "save and leave", id="words.leave", tooltip="Save the text and stop writing"),
        Binding("tab", "indent", "indent", show=False, id="words.indent", tooltip="Blanks up to the next tab stop"),
    ]
    DEFAULT_CSS = """
    WordsEditor { height: 1fr; background: $background; border: round $border; padding: 0 1; }
    WordsEditor:focus { border: round $border; }
    """

    @dataclass
    class Asked(Message):
        """The text is to be saved."""

        leave: bool

    def __init__(self) -> None:
        super().__init__(tab_behavior="focus", highlight_cursor_line=False)
        self.cursor_blink = False

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        lines = event.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        text = "\n".join(printable(line.replace("\t", "    ")) for line in lines)
        result = self._replace_via_keyboard(text, *self.selection)
        if result is not None:
            self.move_cursor(result.end_location)

    def action_indent(self) -> None:
        """Blanks up to the next tab stop."""
        self._replace_via_keyboard(" " * self._find_columns_to_next_tab_stop(), *self.selection)

    def action_save(self) -> None:
        """Save."""
        self.post_message(self.Asked(leave=False))

    def action_leave(self) -> None:
        """Save, and stop writing."""
        self.post_message(self.Asked(leave=True))


@dataclass(eq=False)
class _Session:
    """A text being edited."""

    base: Words
    """The file as it was read, or last saved from here."""
    loaded: str
    """What the field held then."""
    saving: threading.Lock = field(default_factory=threading.Lock)


class WordsPane(Container):
    """A file's text, or the field it is edited in."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "edit", id="words.edit", tooltip="Write here; esc saves"),
        Binding("E", "external", "$EDITOR", id="words.external", tooltip="Write in your own editor ($EDITOR)"),
    ]
    DEFAULT_CSS = """
    WordsPane { height: 1fr; width: 1fr; background: $background; }
    WordsPane WordsEditor { display: none; }
    WordsPane.-editing WordsEditor { display: block; }
    WordsPane.-editing LinesPane { display: none; }
    """

    @dataclass
    class Stored(Message):
        """A text was saved; `beside` it where someone else had changed the file."""

        path: Path
        beside: Path | None

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.path: Path | None = None
        self.template = ""
        """What an empty file begins with."""
        self.framed = False
        """Whether it has a border of its own; the field has one while it is edited."""
        self.refused: Callable[[], str] = str
        """Asked why the file must not be changed; an empty answer means that it may."""
        self._builder: Callable[[int, Inks], list[Line]] = lambda _width, _ink: []
        self._text = ""
        self._set: tuple[tuple[str, int, Inks] | None, list[Line]] = (None, [])
        """The lines of a long text, and what they were made of."""
        self._session: _Session | None = None
        """What is being edited; None while nothing is."""

    @property
    def dltui(self) -> DltuiApp:
        """The app, typed."""
        return cast("DltuiApp", self.app)

    @property
    def editing(self) -> bool:
        """Whether the text is being edited."""
        return self._session is not None

    def compose(self) -> ComposeResult:
        """The text, and the field."""
        self.pane, self.editor = LinesPane(), WordsEditor()
        yield self.pane
        yield self.editor

    def show(self, path: Path | None, text: str, builder: Callable[[int, Inks], list[Line]] | None = None) -> None:
        """Show a file's text, unless it is being edited.

        Args:
            text: as Markdown.
            builder: draws something else in its place, such as why there is none.
        """
        if self.editing and path != self.path:
            self.leave()
        moved, self.path, self._text = path != self.path, path, text
        if self._session is not None:
            self._tell_change(self._session, text)
            return
        self._builder = builder or self._markdown
        self.pane.show(self._builder, top=moved)

    def _markdown(self, width: int, ink: Inks) -> list[Line]:
        """The text, set; a long one by a thread, until when what was set before stands there."""
        from tui.markdown_lines import markdown_lines

        if len(self._text) <= SHORT:
            return markdown_lines(self._text, width, ink)
        wanted = (self._text, width, ink)
        if self._set[0] != wanted:
            self._set_later(*wanted)
        return self._set[1] if self._set[0] is not None and self._set[0][0] == self._text else []

    @work(thread=True, exclusive=True, exit_on_error=False, group="words-set")
    def _set_later(self, text: str, width: int, ink: Inks) -> None:
        from tui.markdown_lines import markdown_lines

        lines = markdown_lines(text, width, ink)
        self.app.call_from_thread(self._take_set, (text, width, ink), lines)

    def _take_set(self, of: tuple[str, int, Inks], lines: list[Line]) -> None:
        if of[0] == self._text and self.is_mounted:
            self._set = of, lines
            self.pane.show(self._builder, top=False)

    def _tell_change(self, session: _Session, text: str) -> None:
        changed = text not in (session.base.text, self.editor.text)
        words = "changed by someone else meanwhile: saving keeps both" if changed else "esc saves"
        entitle(self.editor, self.path.name if self.path else "", words)

    # writing here

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While it is edited, letters are letters."""
        return self.path is not None and not self.editing if action in ("edit", "external") else True

    def action_edit(self) -> None:
        """Begin to write."""
        if self.path is None or self._is_refused():
            return
        try:
            words = read_words(self.path)
        except EngineError as error:
            self.dltui.complain(error)
            return
        if reason := words.uneditable:
            self.app.notify(f"{reason}: E opens your own editor", title=f"{self.path.name} is not edited here",
                            severity="warning")  # fmt: skip
            return
        self._edit(words, words.text if words.text.strip() else self.template)

    def _edit(self, base: Words, text: str) -> None:
        self.editor.load_text(text)
        self._session = _Session(base, self.editor.text)
        self.set_class(True, "-editing")
        self.set_class(False, "panel")
        self._tell_change(self._session, base.text)
        self.editor.focus()
        self.editor.move_cursor(writing_place(self.editor.text))
        self.editor.call_after_refresh(self.editor.scroll_cursor_visible, center=True, animate=False)
        self.refresh_bindings()

    def _is_refused(self) -> bool:
        reason = self.refused()
        if reason:
            self.app.notify(reason, title="Read-only", severity="warning")
        return bool(reason)

    @on(WordsEditor.Asked)
    def _asked(self, message: WordsEditor.Asked) -> None:
        message.stop()
        if message.leave:
            self.leave()
        else:
            self._store_later(leave=False)

    def leave(self) -> None:
        """Stop writing; what was written is saved."""
        if self._session is not None:
            self._store_later(leave=True)

    def _store_later(self, *, leave: bool) -> None:
        session, text = self._session, self.editor.text
        if session is None:
            return
        changed = text != session.loaded
        if leave:
            self._stop(text if changed else session.base.text)
        if changed:
            self._store(session, text, leave)

    def _stop(self, text: str) -> None:
        """Show the text instead of the field."""
        focused = self.editor.has_focus
        self._session = None
        self.set_class(False, "-editing")
        self.set_class(self.framed, "panel")
        self._text = text
        if text.strip():
            self._builder = self._markdown
        self.pane.show(self._builder, top=False)
        if focused:
            self.pane.focus(scroll_visible=False)
        self.refresh_bindings()

    @work(thread=True, exit_on_error=False, group="words")
    def _store(self, session: _Session, text: str, leave: bool) -> None:
        try:
            saved = _save(session, text)
        except EngineError as error:
            self.app.call_from_thread(self._failed, session, text, leave, error)
        else:
            self.app.call_from_thread(self._stored, session, leave, saved)

    def _failed(self, session: _Session, text: str, leave: bool, error: EngineError) -> None:
        """The text goes back into the field: it is nowhere else."""
        self.dltui.complain(error)
        if leave and self.is_mounted and not self.editing and session.base.path == self.path:
            self._edit(session.base, text)
            session = cast("_Session", self._session)
            session.loaded = ""

    def _stored(self, session: _Session, leave: bool, saved: Saved) -> None:
        if saved.beside is not None:
            said = f"It was changed by someone else meanwhile and stays so; your text is in\n{safe(saved.beside.name)}"
            self.app.notify(said, title=f"{saved.words.path.name}: both are kept", severity="warning", timeout=12)
            if self._session in (None, session) and self.is_mounted and saved.words.path == self.path:
                self._stop(saved.words.text)
        elif not leave:
            self.app.notify("saved", timeout=2)
        self.post_message(self.Stored(saved.words.path, saved.beside))

    def on_hide(self) -> None:
        """Another tab is shown: what was written is saved."""
        self.leave()

    def on_unmount(self) -> None:
        """The screen is left, or the program: there is no later."""
        session, self._session = self._session, None
        if session is not None and self.editor.text != session.loaded:
            try:
                _save(session, self.editor.text)
            except EngineError as error:
                self.dltui.complain(error)

    # writing elsewhere

    def action_external(self) -> None:
        """Give the terminal to the person's own editor."""
        from tui.editing import editor, run_editor

        if self.path is None or self._is_refused():
            return
        try:
            run_editor(self.dltui, editor(), self.path)
        except EngineError as error:
            self.dltui.complain(error)
        self.post_message(self.Stored(self.path, None))


def _save(session: _Session, text: str) -> Saved:
    """Save, after what is being saved of the same session already.

    Raises:
        RunError: it cannot be written.
    """
    with session.saving:
        saved = save_words(session.base, text)
        session.base, session.loaded = saved.words, text
        return saved
