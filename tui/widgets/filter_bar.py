"""The line that `/` opens: filters as one types, offers what may be written, and marks where a query is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Input, Static

from tui.messages import Replacing
from tui.text import fit, safe
from tui.widgets.completing_input import CompletingInput
from tui.widgets.line_input import LineInput

if TYPE_CHECKING:
    from engine.query_completion import Completion
    from engine.query_words import QueryError
    from tui.widgets.completions import CompletionList

MARK = 3
"""Cells before the text."""
Completer = Callable[[str, int], "Completion"]
"""What may stand at a place of a text; called in a thread."""


class FilterBar(Container):
    """Hidden until opened; tab completes, enter keeps the filter, esc drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "drop", "clear filter", id="filter.drop", tooltip="Drop the filter and go back to the list"),
        Binding("down", "keep", "to the list", id="filter.keep", tooltip="Pick what to complete; else keep the filter"),
        Binding("tab", "complete", "complete", id="filter.complete", tooltip="Take what is offered into the filter"),
    ]

    @dataclass(eq=False, repr=False)
    class Changed(Message):
        """The filter's text is another."""

        text: str

    @dataclass(eq=False, repr=False)
    class Closed(Message):
        """The person is done with the filter."""

        text: str

    @dataclass(eq=False, repr=False)
    class Completed(Replacing):
        """It was found what may be written."""

        text: str
        cursor: int
        completion: Completion

    def __init__(self, placeholder: str, completer: Completer | None = None) -> None:
        super().__init__()
        self._placeholder = placeholder
        self._completer = completer
        self._error: QueryError | None = None
        self._offered_at = ("", 0)
        """The text and the place that the offers are for."""

    def compose(self) -> ComposeResult:
        """A mark, the input, and a line for errors."""
        with Container(id="filter-row"):
            yield Static(" / ", id="filter-mark", markup=False)
            yield CompletingInput(self, placeholder=self._placeholder, id="filter-input")
        yield Static("", id="filter-error", markup=False)

    @property
    def text(self) -> str:
        """The filter as it stands."""
        return self._line.value if self.is_mounted else ""

    @property
    def typing(self) -> bool:
        """Whether the person is at it."""
        return self.is_mounted and self.screen.focused is self._line

    @property
    def _line(self) -> LineInput:
        return self.query_one(LineInput)

    def open(self) -> None:
        """Show the bar and let the person type."""
        self.add_class("-shown")
        # at once, not by `focus()`, which waits a turn: what is typed right after `/` belongs to the filter
        self.screen.set_focus(self._line)

    def show_text(self, text: str) -> None:
        """Hold another filter; shown while there is one."""
        self._line.value = text
        self.set_class(bool(text), "-shown")

    def clear(self) -> None:
        """Empty the filter and hide the bar."""
        self._line.value = ""
        self.say(None)
        self._hide_offers()
        self.remove_class("-shown")

    # what is wrong

    def say(self, error: QueryError | None) -> None:
        """Mark what is wrong with the filter under its place, or nothing."""
        self._error = error
        if not self.is_mounted:
            return
        label = self.query_one("#filter-error", Static)
        label.update("" if error is None else self._marked(error))
        label.set_class(error is not None, "-shown")
        label.set_class(error is not None and self._unfinished(error), "-unfinished")

    def _unfinished(self, error: QueryError) -> bool:
        """Whether it may yet become right: what is not finished yet is not wrong yet."""
        rest = self.text[error.column :]
        return not rest.strip() or (self.typing and " " not in rest)

    def _marked(self, error: QueryError) -> str:
        """`^ what is wrong` under the place; to its left where there is more room."""
        at = max(0, cell_len(self.text[: error.column]) - round(self._line.scroll_offset.x))
        room = max(10, self.size.width - MARK - 1)
        at = min(at, room - 1)
        words = safe(f"column {error.column + 1}: {error.problem}" + (f"; {error.hint}" if error.hint else ""))
        if cell_len(words) + 2 <= room - at or room - at > at:
            return " " * (MARK + at) + "^ " + fit(words, room - at - 2)
        shown = fit(words, at - 1)
        return " " * (MARK + at - 1 - cell_len(shown)) + shown + " ^"

    def on_resize(self) -> None:
        if self._error is not None:
            self.say(self._error)
        offers = self._offers()
        if offers is not None:  # the line of the error came or went below the one that is typed in
            offers.stand(1 + self.size.height)

    # what may be written

    def _offers(self) -> CompletionList | None:
        from tui.widgets.completions import CompletionList

        found = self.screen.query(CompletionList)
        return found.first() if found else None

    def _hide_offers(self) -> None:
        offers = self._offers()
        if offers is not None:
            offers.hide()

    def _ask(self) -> None:
        if self._completer is not None and self.typing:
            self._find(self._completer, self.text, self._line.cursor_position)

    @work(thread=True, exclusive=True, exit_on_error=False, group="complete")
    def _find(self, completer: Completer, text: str, cursor: int) -> None:
        self.post_message(self.Completed(text, cursor, completer(text, cursor)))

    @on(Completed)
    async def _found(self, message: Completed) -> None:
        message.stop()
        if message.text != self.text or message.cursor != self._line.cursor_position or not self.typing:
            return
        self._offered_at = (message.text, message.cursor)
        await self._offer(message.completion)

    async def _offer(self, completion: Completion) -> None:
        from tui.widgets.completions import CompletionList

        offers = self._offers()
        if offers is None:
            offers = CompletionList()
            await self.screen.mount(offers)
        offers.offer(completion, 1 + self.size.height)

    def pick(self, by: int) -> bool:
        """Go to another completion; whether there are any."""
        offers = self._offers()
        return offers is not None and offers.has_class("-shown") and offers.pick(by)

    def complete(self) -> bool:
        """Take the picked completion into the line; whether there was one."""
        if self._completer is None:
            return False
        offers, at = self._offers(), (self.text, self._line.cursor_position)
        if offers is not None and self._offered_at == at and offers.completion is not None:
            completion, picked = offers.completion, offers.picked
        else:  # faster than the thread
            completion, picked = self._completer(*at), 0
        if completion.options:
            self._line.value, self._line.cursor_position = completion.taken(at[0], completion.options[picked])
        return True  # the focus stays in the line all the same

    def take_back(self) -> None:
        """Nothing was entered before."""

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if not event.value:
            self._hide_offers()
        self.post_message(self.Changed(event.value))
        if event.value:
            self._ask()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def on_descendant_blur(self) -> None:
        self._hide_offers()

    def action_complete(self) -> None:
        """Take what is offered; on an empty line offer every key."""
        if not self.text:
            self._ask()

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
