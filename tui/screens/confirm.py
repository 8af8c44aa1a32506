"""Small dialogs: a question, a line to type, a choice from a few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import pad, safe, wrap
from tui.theme import Inks
from tui.widgets.footer import key_display
from tui.widgets.line_input import LineInput
from tui.widgets.line_list import LineList
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line, plain

_FRAME = 6
"""Cells of a dialog's frame, its padding and the scroll bar."""


class ConfirmScreen(ModalScreen[bool]):
    """Asks; yes or no."""

    CSS = """
    ConfirmScreen .dialog { width: 64; }
    ConfirmScreen LinesPane { height: auto; max-height: 12; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "yes", id="confirm.yes", tooltip="Do it"),
        Binding("escape,n,q", "answer(False)", "no", id="confirm.no", tooltip="Leave everything as it is"),
    ]

    def __init__(self, question: str, explanation: str = "", *, yes: str = "yes") -> None:
        super().__init__()
        self._question = question
        self._explanation = explanation
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The question in a frame, the keys in its lower edge."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self._question, 56)
            dialog.border_subtitle = plain(f"{key_display('enter')} {safe(self._yes)}   esc no")
            yield LinesPane(self._lines)

    def _lines(self, width: int, ink: Inks) -> list[Line]:
        lines: list[Line] = []
        for text in self._explanation.splitlines():
            lines += [[(line, ink.text)] for line in wrap(safe(text), width)]
        return lines or [[]]

    def action_answer(self, answer: bool) -> None:
        """Close with the answer."""
        self.dismiss(answer)


class PromptScreen(ModalScreen[str | None]):
    """Asks for a line of text; None when the person thinks better of it."""

    CSS = """
    PromptScreen .dialog { width: 64; }
    PromptScreen LinesPane { height: auto; max-height: 4; background: $surface; display: none; }
    PromptScreen LinesPane.-shown { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", id="prompt.cancel", tooltip="Close without a change"),
    ]

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        placeholder: str = "",
        note: str = "",
        problem: Callable[[str], str] | None = None,
    ) -> None:
        """With the line as it stands at first.

        Args:
            note: what is to be known before it is answered.
            problem: says what is wrong with a line, or nothing; the line stays open until nothing is.
        """
        super().__init__()
        self._title = title
        self._value = value
        self._placeholder = placeholder
        self._problem = problem
        self._note, self._wrong = note, ""

    def compose(self) -> ComposeResult:
        """An input in a frame."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 56)
            dialog.border_subtitle = plain(f"{key_display('enter')} set   esc cancel")
            yield LineInput(self._value, placeholder=self._placeholder)
            yield LinesPane(self._lines, classes="-shown" if self._note else "")

    def _lines(self, width: int, ink: Inks) -> list[Line]:
        text, style = (self._wrong, ink.bad) if self._wrong else (self._note, ink.warning)
        return [[(line, style)] for line in wrap(safe(text), width, 4)]

    def on_mount(self) -> None:
        # what is typed takes the place of what is suggested
        self.query_one(LineInput).select_all()
        self.query_one(LinesPane).can_focus = False

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        self._wrong = self._problem(text) if self._problem is not None else ""
        if not self._wrong:
            self.dismiss(text)
            return
        pane = self.query_one(LinesPane)
        pane.add_class("-shown")
        pane.show(self._lines)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)


@dataclass(frozen=True)
class Choice:
    """One entry of a choice: a key of its own, and what it does."""

    value: str
    label: str
    key: str = ""
    hint: str = ""


class ChoiceList(LineList[Choice]):
    """The entries of a choice."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.titled = False
        self.items = choices

    def draw_item(self, item: Choice, width: int, ink: Inks) -> Line:
        """The key, the label, and a hint to the right of it."""
        label = max(len(choice.label) for choice in self.items) + 3
        return [
            (pad(key_display(item.key) if item.key else "", 3), ink.key),
            (pad(safe(item.label), min(label, width - 3)), ink.text),
            (safe(item.hint, max(0, width - 3 - label)), ink.muted),
        ]


class ChoiceScreen(ModalScreen[str | None]):
    """Offers a few things; the value of the chosen one, or None."""

    SCOPED_CSS = False  # the rules are those of subclasses too
    CSS = """
    ChoiceScreen ChoiceList { height: auto; max-height: 16; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", id="choice.choose", tooltip="Take the entry under the cursor"),
        Binding("escape,q", "cancel", "cancel", id="choice.cancel", tooltip="Close without a change"),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], current: str = "") -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._current = current

    def compose(self) -> ComposeResult:
        """The entries in a frame, wide enough for the longest."""
        with Container(classes="dialog") as dialog:
            dialog.styles.width = self._width()
            dialog.border_title = plain(self._title, self._width() - 8)
            dialog.border_subtitle = plain(f"{key_display('enter')} choose   esc cancel")
            yield ChoiceList(self._choices)

    def _width(self) -> int:
        label = max((cell_len(choice.label) for choice in self._choices), default=0)
        hint = max((cell_len(choice.hint) for choice in self._choices), default=0)
        return max(56, min(3 + label + 3 + hint + _FRAME, 110))

    def on_mount(self) -> None:
        choices = self.query_one(ChoiceList)
        choices.styles.height = min(16, len(self._choices))
        at = next((i for i, choice in enumerate(self._choices) if choice.value == self._current), 0)
        choices.set_items(self._choices, at)

    async def on_key(self, event: events.Key) -> None:
        """An entry's own key takes it at once."""
        found = next((c for c in self._choices if c.key and c.key in (event.key, event.character)), None)
        if found is not None:
            event.stop()
            event.prevent_default()
            self.dismiss(found.value)

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Take the entry under the cursor."""
        current = self.query_one(ChoiceList).current
        self.dismiss(current.value if current else None)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)
