"""A few things that are on or off: space turns the one under the cursor, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from tui.text import pad, safe
from tui.theme import Inks, symbol
from tui.widgets.footer import key_display
from tui.widgets.line_list import LineList
from tui.widgets.table import Line, plain


@dataclass(frozen=True)
class Check:
    """One thing that is on or off."""

    value: str
    label: str
    sign: str = ""
    hint: str = ""


class CheckList(LineList[Check]):
    """The things, those that are on ticked."""

    def __init__(self) -> None:
        super().__init__()
        self.titled = False
        self.on: frozenset[str] = frozenset()

    def version(self, item: Check) -> int:
        """Another one when it was turned."""
        return int(item.value in self.on)

    def draw_item(self, item: Check, width: int, ink: Inks) -> Line:
        """Tick, symbol, label, hint."""
        on = item.value in self.on
        label = max(len(check.label) for check in self.items) + 3
        return [
            (pad(symbol("finished") if on else "", 3), ink.good),
            (pad(item.sign, 3), ink.accent if on else ink.faint),
            (pad(safe(item.label), min(label, max(0, width - 6))), ink.text if on else ink.muted),
            (safe(item.hint, max(0, width - 6 - label)), ink.muted),
        ]


class ChecksScreen(ModalScreen[None]):
    """Says at every turn which things are on."""

    CSS = """
    ChecksScreen .dialog { width: 60; }
    ChecksScreen CheckList { height: auto; max-height: 16; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,enter", "turn", "on or off", id="checks.turn", tooltip="Turn the one under the cursor"),
        Binding("a", "all", "all or none", id="checks.all", tooltip="All on; where they are, all off"),
        Binding("escape,q", "close", "done", id="checks.close", tooltip="Close"),
    ]

    def __init__(
        self, title: str, checks: Sequence[Check], on: frozenset[str], turned: Callable[[frozenset[str]], None]
    ) -> None:
        super().__init__()
        self._title, self._checks, self._on, self._turned = title, list(checks), on, turned

    def compose(self) -> ComposeResult:
        """The list in a frame."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain(self._title, 48)
            dialog.border_subtitle = plain(f"{key_display('space')} on or off   a all or none   esc done")
            yield CheckList()

    def on_mount(self) -> None:
        """Fill the list."""
        checks = self.query_one(CheckList)
        checks.on = self._on
        checks.styles.height = min(16, len(self._checks))
        checks.set_items(self._checks, 0)

    @on(LineList.Chosen)
    def action_turn(self) -> None:
        """Turn the one under the cursor."""
        current = self.query_one(CheckList).current
        if current is not None:
            self._set(self._on ^ {current.value})

    def action_all(self) -> None:
        """All, or none where all are on."""
        everything = frozenset(check.value for check in self._checks)
        self._set(frozenset() if self._on == everything else everything)

    def _set(self, on: frozenset[str]) -> None:
        self._on = on
        checks = self.query_one(CheckList)
        checks.on = on
        checks.forget()
        self._turned(on)

    def action_close(self) -> None:
        """Close; what was turned stays so."""
        self.dismiss(None)
