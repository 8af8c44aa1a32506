"""The line that `/` opens: filters as one types; below it stands what is wrong with the filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input, Static

from tui.text import safe
from tui.widgets.line_input import LineInput


class FilterBar(Container):
    """Hidden until opened; enter keeps the filter, esc drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "clear filter", id="filter.drop", tooltip="Drop the filter and go back to the list"),
        Binding("down", "keep", "to the list", id="filter.keep", tooltip="Keep the filter and go back to the list"),
    ]

    @dataclass
    class Changed(Message):
        """The filter's text is another."""

        text: str

    @dataclass
    class Closed(Message):
        """The person is done with the filter."""

        text: str

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        """A mark, the input, and a line for errors."""
        with Container(id="filter-row"):
            yield Static(" / ", id="filter-mark", markup=False)
            yield LineInput(placeholder=self._placeholder, id="filter-input")
        yield Static("", id="filter-error", markup=False)

    @property
    def text(self) -> str:
        """The filter as it stands."""
        return self.query_one(LineInput).value if self.is_mounted else ""

    def open(self) -> None:
        """Show the bar and let the person type."""
        self.add_class("-shown")
        # at once, not by `focus()`, which waits a turn: what is typed right after `/` belongs to the filter
        self.screen.set_focus(self.query_one(LineInput))

    def say(self, error: str) -> None:
        """Show what is wrong with the filter, or nothing."""
        label = self.query_one("#filter-error", Static)
        label.update(safe(error))
        label.set_class(bool(error), "-shown")

    def clear(self) -> None:
        """Empty the filter and hide the bar."""
        self.query_one(LineInput).value = ""
        self.say("")
        self.remove_class("-shown")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def action_keep(self) -> None:
        """Close, keeping the filter."""
        text = self.text
        if not text:
            self.remove_class("-shown")
        self.post_message(self.Closed(text))

    def action_drop(self) -> None:
        """Close, dropping the filter."""
        self.clear()
        self.post_message(self.Closed(""))
