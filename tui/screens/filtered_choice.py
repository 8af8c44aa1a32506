"""A choice from many things: typing filters, arrows move, enter takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.run_panels import matching
from tui.screens.confirm import Choice, ChoiceList
from tui.widgets.footer import key_display
from tui.widgets.line_input import LineInput
from tui.widgets.line_list import LineList
from tui.widgets.table import plain

T = TypeVar("T")


class FilteredScreen(ModalScreen[T], Generic[T]):
    """Base: an input above a list of what its words match."""

    SCOPED_CSS = False  # the rules are those of subclasses too
    CSS = """
    FilteredScreen .dialog { width: 72; }
    FilteredScreen ChoiceList { height: auto; max-height: 16; min-height: 3; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", show=False, id="filtered.up", tooltip="The entry above"),
        Binding("down", "move(1)", "down", show=False, id="filtered.down", tooltip="The entry below"),
        Binding("pageup", "page(-1)", "page up", show=False, id="filtered.page-up", tooltip="A page up"),
        Binding("pagedown", "page(1)", "page down", show=False, id="filtered.page-down", tooltip="A page down"),
        Binding("escape", "close", "close", id="filtered.close", tooltip="Close"),
    ]

    def __init__(self, title: str, placeholder: str, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._placeholder, self._hints = title, placeholder, keys

    # what subclasses give

    def entries(self) -> list[Choice]:
        """Everything there is to choose from."""
        raise NotImplementedError

    def take(self, choice: Choice) -> None:
        """Do what enter does."""
        raise NotImplementedError

    def action_close(self) -> None:
        """Close without a choice."""
        self.dismiss(None)

    # what it is made of

    def compose(self) -> ComposeResult:
        """An input and a list in a frame."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 60)
            dialog.border_subtitle = plain("   ".join(f"{key_display(key)} {words}" for key, words in self._hints))
            yield LineInput(placeholder=self._placeholder)
            yield from self.between()
            yield ChoiceList([])

    def between(self) -> ComposeResult:
        """What stands between the input and the list."""
        yield from ()

    def on_mount(self) -> None:
        """Show all there is."""
        self.query_one(LineInput).focus()
        self.fill(0)

    @property
    def list(self) -> ChoiceList:
        """The list."""
        return self.query_one(ChoiceList)

    def fill(self, cursor: int | None = None) -> None:
        """Show what matches."""
        words = self.query_one(LineInput).value
        entries = self.entries()
        kept = set(matching([entry.label for entry in entries], words))
        shown = [entry for entry in entries if entry.label in kept]
        self.list.styles.height = max(3, min(16, len(entries), self.size.height - 8))
        self.list.set_items(shown, cursor)
        self.list.forget()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.fill(0)

    @on(Input.Submitted)
    @on(LineList.Chosen)
    def _chosen(self) -> None:
        if self.list.current is not None:
            self.take(self.list.current)

    def action_move(self, by: int) -> None:
        """Another entry."""
        self.list.action_move(by)

    def action_page(self, by: int) -> None:
        """Another page of entries."""
        self.list.action_page(by)


class FilteredChoiceScreen(FilteredScreen[str | None]):
    """Takes one thing; its value, or None."""

    def __init__(self, title: str, choices: Sequence[Choice]) -> None:
        super().__init__(title, "type to filter", (("enter", "choose"), ("escape", "cancel")))
        self._choices = list(choices)

    def entries(self) -> list[Choice]:
        """What can be chosen."""
        return self._choices

    def take(self, choice: Choice) -> None:
        """Close with its value."""
        self.dismiss(choice.value)
