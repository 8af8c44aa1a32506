"""The dialog of the columns: which the list of runs shows, in what order, how wide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec.structs import replace
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.screen import ModalScreen
from textual.widgets import Input

from engine.row_keys import known_keys
from engine.rows import Row
from tui.run_columns import NARROWEST, USUAL, WIDEST, choose_columns
from tui.run_view import Column, View
from tui.text import pad, safe
from tui.theme import Inks, symbol
from tui.widgets.footer import key_display
from tui.widgets.key_list import KeyEntry, KeyInput, KeyList
from tui.widgets.line_list import LineList
from tui.widgets.table import Line, entitle, plain

Changed = Callable[[View], None]


class ColumnList(LineList[Column]):
    """The columns that are shown, from left to right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("K,shift+up", "reorder(-1)", "Left", id="columns.left", tooltip="Move the column to the left"),
        Binding("J,shift+down", "reorder(1)", "Right", id="columns.right", tooltip="Move the column to the right"),
        Binding("plus,l,right,greater_than_sign", "resize(1)", "Wider", id="columns.wider", tooltip="Make it wider"),
        Binding(
            "minus,h,left,less_than_sign", "resize(-1)", "Narrower", id="columns.narrower", tooltip="Make it narrower"
        ),
        Binding("0", "resize(0)", "As needed", id="columns.auto", tooltip="As wide as its values need"),
        Binding("d,delete", "remove", "Take out", id="columns.remove", tooltip="Show the column no more"),
    ]

    def __init__(self, owner: ColumnsScreen) -> None:
        super().__init__(id="shown")
        self.titled = False
        self._owner = owner

    def draw_item(self, item: Column, width: int, ink: Inks) -> Line:
        """The key and its width."""
        said = "as needed" if item.width is None else f"{item.width} cells"
        name = max(0, width - 11)
        return [(pad(safe(item.key), name), ink.text), (pad(said, 11, right=True), ink.muted)]

    def action_reorder(self, by: int) -> None:
        """Move the column under the cursor."""
        self._owner.reorder(self.cursor, by)

    def action_resize(self, by: int) -> None:
        """Make the column under the cursor wider or narrower; by 0 as its values need."""
        self._owner.resize(self.cursor, by)

    def action_remove(self) -> None:
        """Show the column under the cursor no more."""
        self._owner.take_out(self.cursor)


class ColumnsScreen(ModalScreen[None]):
    """Every change shows at once in the list behind the dialog.

    Args:
        view: the present view.
        rows: the runs; every setting and metric that any of them has may be a column.
        changed: told of each change.
    """

    CSS = """
    ColumnsScreen .dialog { width: 96; height: 24; max-height: 100%; }
    ColumnsScreen Horizontal { height: 1fr; }
    ColumnsScreen #keys { width: 3fr; background: $surface; }
    ColumnsScreen #shown {
        width: 2fr; background: $surface; border-left: vkey $border-blurred; padding: 0 0 0 1;
    }
    ColumnsScreen #shown:focus { border-left: vkey $border; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "choose", "add or take out", priority=True, id="columns.choose", tooltip="Show it, or no more"
        ),
        Binding(
            "tab,shift+tab", "swap", "other side", priority=True, id="columns.swap", tooltip="Go to the other side"
        ),
        Binding("ctrl+r", "usual", "usual ones", priority=True, id="columns.usual", tooltip="Show the usual columns"),
        Binding("escape", "close", "done", priority=True, id="columns.close", tooltip="Close; the columns stay so"),
    ]

    keys = getters.query_one("#keys", KeyList)
    shown = getters.query_one("#shown", ColumnList)
    typed = getters.query_one("#typed", KeyInput)

    def __init__(self, view: View, rows: Sequence[Row], changed: Changed) -> None:
        super().__init__()
        self.view = view
        self._rows = rows
        self._changed = changed

    @property
    def columns(self) -> list[Column]:
        """What is shown now."""
        return list(self.view.columns) or [Column(key) for key in USUAL]

    def compose(self) -> ComposeResult:
        """A line to type in; the keys to the left, the columns to the right."""
        with Container(classes="dialog") as dialog:
            dialog.border_title = plain("Columns")
            yield KeyInput("type to find a setting or a metric")
            with Horizontal():
                yield KeyList(self._entries(), self._rows, self._mark)
                yield ColumnList(self)

    def _entries(self) -> list[KeyEntry]:
        known = dict.fromkeys([*USUAL, *known_keys(self._rows)])
        return [KeyEntry(key) for key in known if key not in ("run", "star", "created")] + [KeyEntry("created")]

    def _mark(self, key: str) -> str:
        return symbol("selected") if any(column.key == key for column in self.columns) else ""

    def on_mount(self) -> None:
        self.shown.set_items(self.columns, 0)
        self._say_keys()

    def on_descendant_focus(self) -> None:
        self._say_keys()

    def _say_keys(self) -> None:
        enter = key_display("enter")
        if self.typed.has_focus:
            words = f"{enter} add or take out   tab order and width   ^r usual   esc done"
        else:
            words = "J K order   + - width   0 as needed   d take out   tab keys   esc done"
        entitle(self.query_one(".dialog"), f"Columns {symbol('dot')} {len(self.columns)}", words)

    # typing and choosing

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.keys.narrow(event.value.strip())

    async def on_key(self, event: object) -> None:
        """Up and down move over the keys while one types."""
        name = getattr(event, "key", "")
        by = {"up": -1, "down": 1, "pageup": -12, "pagedown": 12}.get(name)
        if by is not None and self.typed.has_focus:
            self.keys.action_move(by)

    def action_swap(self) -> None:
        """Go to the columns, or back to the keys."""
        self.set_focus(self.shown if self.typed.has_focus else self.typed)

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Show the key under the cursor, or show it no more; among the columns, take out the one under the cursor."""
        if self.shown.has_focus:
            self.take_out(self.shown.cursor)
            return
        current = self.keys.current
        if current is None:
            return
        kept = [column for column in self.columns if column.key != current.key]
        if len(kept) < len(self.columns):
            self._take(kept)
        else:
            self._take([*kept, Column(current.key)], len(kept))

    def action_usual(self) -> None:
        """Show the usual columns."""
        self._take([])

    def action_close(self) -> None:
        """Close."""
        self.dismiss()

    # the columns

    def reorder(self, at: int, by: int) -> None:
        """Move a column by places."""
        columns = self.columns
        to = at + by
        if 0 <= at < len(columns) and 0 <= to < len(columns):
            columns.insert(to, columns.pop(at))
            self._take(columns, to)

    def resize(self, at: int, by: int) -> None:
        """Make a column wider by cells; by 0 as its values need."""
        columns = self.columns
        if not 0 <= at < len(columns):
            return
        column = columns[at]
        width = None
        if by:
            now = column.width if column.width is not None else self._width_of(column.key)
            width = max(NARROWEST, min(WIDEST, now + by))
        columns[at] = Column(column.key, width)
        self._take(columns, at)

    def _width_of(self, key: str) -> int:
        made = choose_columns(self.columns, self._rows, self._rows[-1:])
        return next((column.width for column in made.columns if column.key == key), 8)

    def take_out(self, at: int) -> None:
        """Show a column no more."""
        columns = self.columns
        if 0 <= at < len(columns) and len(columns) > 1:
            del columns[at]
            self._take(columns, at)

    def _take(self, columns: list[Column], at: int | None = None) -> None:
        usual = [Column(key) for key in USUAL]
        self.view = replace(self.view, columns=() if columns == usual else tuple(columns))
        self.shown.set_items(self.columns, at)
        self.shown.forget()
        self.keys.forget()
        self._say_keys()
        self._changed(self.view)
