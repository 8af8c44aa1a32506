"""The dialogs that ask what runs are sorted or gathered by; typing narrows the keys down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.row_keys import kind_of, known_keys
from engine.rows import Row
from tui.run_view import BEST, NEWEST, TEST, View
from tui.theme import symbol
from tui.widgets.footer import key_display
from tui.widgets.key_list import KeyEntry, KeyInput, KeyList
from tui.widgets.line_list import LineList
from tui.widgets.table import plain

AGE = "age: when it was launched"
USUAL_ORDERS = (NEWEST, BEST, TEST, "experiment", "state", "time", "device")
USUAL_GROUPS = ("experiment", "state", "tags", "data", "model", "optimizer.name", "device", "seed")


class KeyScreen(ModalScreen[View | None]):
    """Offers keys: enter takes the one under the cursor alone, space takes several; the view changed so, or None."""

    CSS = """
    .dialog { width: 76; }
    KeyList { height: 14; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", priority=True, id="keys.choose", tooltip="Take the key under the cursor"),
        Binding("space", "also", "and this", priority=True, id="keys.also", tooltip="Take this key too, or not"),
        Binding("up", "move(-1)", "Up", show=False, priority=True, id="keys.up", tooltip="Move the cursor up"),
        Binding("down", "move(1)", "Down", show=False, priority=True, id="keys.down", tooltip="Move the cursor down"),
        Binding("pageup", "move(-12)", "Page up", show=False, priority=True, id="keys.page-up", tooltip="A page up"),
        Binding(
            "pagedown", "move(12)", "Page down", show=False, priority=True, id="keys.page-down", tooltip="A page down"
        ),
        Binding("escape", "cancel", "cancel", id="keys.cancel", tooltip="Close without a change"),
    ]
    TITLE_WORDS = ""
    SPACE_WORDS = "and this"

    keys = getters.query_one("#keys", KeyList)

    def __init__(self, view: View, rows: Sequence[Row]) -> None:
        super().__init__()
        self.view = view
        self._rows = rows
        self._several = False
        """Whether keys were taken one by one."""

    def compose(self) -> ComposeResult:
        """A line to type in, the keys below it."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self.TITLE_WORDS, 40)
            enter = key_display("enter")
            dialog.border_subtitle = plain(f"{enter} choose   space {self.SPACE_WORDS}   esc cancel")
            yield KeyInput("type to find a key")
            yield KeyList(self.entries(), self._rows, self.mark)

    def entries(self) -> list[KeyEntry]:
        """What is offered, those in force first."""
        raise NotImplementedError

    def mark(self, key: str) -> str:
        """What stands before a key."""
        raise NotImplementedError

    def alone(self, key: str) -> View:
        """The view with this key alone."""
        raise NotImplementedError

    def also(self, key: str) -> View:
        """The view with this key too, or without it."""
        raise NotImplementedError

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.keys.narrow(event.value.strip())

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Take the key under the cursor, or those that were taken one by one."""
        current = self.keys.current
        if self._several:
            self.dismiss(self.view)
        elif current is not None:
            self.dismiss(self.alone(current.key))

    def action_also(self) -> None:
        """Take the key under the cursor too, or not any more."""
        current = self.keys.current
        if current is not None and current.key:
            self.view, self._several = self.also(current.key), True
            self.keys.forget()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self.keys.action_move(by)

    def action_cancel(self) -> None:
        """Close without a change."""
        self.dismiss(None)


class SortScreen(KeyScreen):
    """What comes first, then second."""

    TITLE_WORDS = "Sort by"
    SPACE_WORDS = "then by; again turns it round"

    def entries(self) -> list[KeyEntry]:
        """The orders in force, the usual ones, then all keys."""
        first = [order.key for order in self.view.orders] + list(USUAL_ORDERS)
        keys = dict.fromkeys([*first, *(key for key in known_keys(self._rows) if key not in ("age", "created"))])
        return [KeyEntry(key, AGE if key == NEWEST else "") for key in keys]

    def mark(self, key: str) -> str:
        """Its rank and direction."""
        orders = self.view.orders
        at = next((i for i, order in enumerate(orders) if order.key == key), None)
        if at is None:
            return ""
        arrow = symbol("down" if orders[at].descending else "up")
        return f"{at + 1} {arrow}" if len(orders) > 1 else arrow

    def alone(self, key: str) -> View:
        """By this key; by the one key it was, the other way round."""
        return self.view.sorted_by(key, self._rows)

    def also(self, key: str) -> View:
        """By this key among runs alike so far; once more turned round, then not any more."""
        return self.view.then_by(key, self._rows)


class GroupScreen(KeyScreen):
    """What runs under one heading have in common."""

    TITLE_WORDS = "Gather the runs by"

    def entries(self) -> list[KeyEntry]:
        """The keys in force, the usual ones, then all facts and settings that are no measurements."""
        known = known_keys(self._rows, aspects=False)
        kinds = ("text", "texts", "state", "yes or no", "count", "setting")
        keys = dict.fromkeys([*self.view.groups, *(key for key in USUAL_GROUPS if key in known)])
        keys.update(dict.fromkeys(key for key in known if kind_of(key) in kinds and key != "note"))
        single = [KeyEntry("", "nothing: one by one")] if self.view.groups else []
        return [*single, *map(KeyEntry, keys)]

    def mark(self, key: str) -> str:
        """Its rank."""
        groups = self.view.groups
        return "" if key not in groups else str(groups.index(key) + 1) if len(groups) > 1 else symbol("selected")

    def alone(self, key: str) -> View:
        """By this key; by nothing where it was this one alone."""
        return replace(self.view, groups=() if not key or self.view.groups == (key,) else (key,))

    def also(self, key: str) -> View:
        """By this key too, or without it."""
        return self.view.grouped_by(key)
