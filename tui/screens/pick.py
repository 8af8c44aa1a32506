"""Picking one of many by typing: the list narrows to what holds all the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.text import pad, safe
from tui.theme import Inks, inks
from tui.widgets.footer import key_display
from tui.widgets.line_input import LineInput
from tui.widgets.line_list import LineList
from tui.widgets.table import Line, plain

MOST = 14
"""Lines of the list."""


@dataclass(frozen=True)
class Item:
    """One thing to pick; what is typed is looked for in label and hint."""

    value: str
    label: str
    hint: str = ""

    def holds(self, words: Sequence[str]) -> bool:
        """Whether all words stand in it."""
        text = f"{self.label} {self.hint}".casefold()
        return all(word in text for word in words)


class PickList(LineList[Item]):
    """The items that hold what was typed."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__()
        self.titled = False
        self.label = 10

    def draw_item(self, item: Item, width: int, ink: Inks) -> Line:
        """The label, and the hint to the right of it."""
        room = min(self.label, width)
        return [
            (pad(safe(item.label), room) + "  ", ink.text),
            (safe(item.hint, max(0, width - room - 2)), ink.muted),
        ]


class PickScreen(ModalScreen[str | None]):
    """Offers many things; the value of the picked one, or None."""

    CSS = """
    PickScreen .dialog { width: 84; }
    PickScreen PickList { background: $surface; }
    """
    AUTO_FOCUS = "LineInput"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "pick", "pick", priority=True, id="pick.pick", tooltip="Take the line under the cursor"),
        Binding("escape", "cancel", "cancel", id="pick.cancel", tooltip="Close without a change"),
        Binding("up", "move(-1)", "Up", show=False, priority=True, id="pick.up", tooltip="Move the cursor up"),
        Binding("down", "move(1)", "Down", show=False, priority=True, id="pick.down", tooltip="Move the cursor down"),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True, id="pick.page-up", tooltip="Up by a page"),
        Binding(
            "pagedown", "page(1)", "Page down", show=False, priority=True, id="pick.page-down", tooltip="Down by a page"
        ),
    ]

    listing = getters.query_one(PickList)

    def __init__(self, title: str, items: Sequence[Item], *, placeholder: str = "", verb: str = "pick") -> None:
        super().__init__()
        self._title, self._items = title, list(items)
        self._placeholder, self._verb = placeholder, verb

    def compose(self) -> ComposeResult:
        """An input, below it what fits."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 60)
            dialog.border_subtitle = plain(f"type to filter   {key_display('enter')} {self._verb}   esc cancel")
            yield LineInput(placeholder=self._placeholder)
            yield PickList()

    def on_mount(self) -> None:
        self.listing.label = min(40, max([len(item.label) for item in self._items], default=10))
        self._filter("")

    def on_resize(self, event: events.Resize) -> None:
        self.listing.styles.height = max(1, min(MOST, len(self._items), event.size.height - 3))

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        found = [item for item in self._items if item.holds(words)]
        ink = inks(self.app)
        self.listing.empty = [[(" Nothing holds ", ink.muted), (safe(text, 60), ink.text)]]
        self.listing.set_items(found, 0)
        self.listing.forget()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(event.value)

    def action_move(self, by: int) -> None:
        """Move the cursor of the list."""
        self.listing.action_move(by)

    def action_page(self, by: int) -> None:
        """Move it by pages."""
        self.listing.action_page(by)

    @on(LineList.Chosen)
    def action_pick(self) -> None:
        """Close with the line under the cursor."""
        current = self.listing.current
        if current is not None:
            self.dismiss(current.value)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)
