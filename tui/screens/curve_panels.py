"""The editor of a run's panels: which there are, and which series stand in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from tui.panel_edit import PanelEdit
from tui.screens.confirm import Choice
from tui.screens.filtered_choice import FilteredScreen
from tui.text import safe
from tui.theme import inks, symbol
from tui.widgets.table import Line, to_strip

NEW = "a new panel"
_KEYS = (("enter", "in, out"), ("tab", "panel"), ("ctrl+d", "remove it"), ("ctrl+r", "as at first"), ("escape", "done"))


class PanelLine(Widget):
    """The panels in a row, the one that series go into set apart."""

    DEFAULT_CSS = "PanelLine { height: 1; background: $surface; }"

    def __init__(self) -> None:
        super().__init__()
        self._titles: tuple[tuple[str, ...], int] = ((), 0)

    @property
    def plain(self) -> str:
        """The panel that series go into."""
        titles, at = self._titles
        return titles[at] if titles else ""

    def show(self, titles: tuple[str, ...], at: int) -> None:
        """Show other panels."""
        self._titles = (titles, at)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The chosen one always in sight, as many before it as there is room for."""
        titles, at = self._titles
        width, ink = self.size.width, inks(self.app)
        first, used = at, 0
        while first > 0 and used + len(titles[first - 1]) + 3 + len(titles[at]) < width * 2 // 3:
            first -= 1
            used += len(titles[first]) + 3
        line: Line = [("into ", ink.faint), ("… " if first else "", ink.faint)]
        for index in range(first, len(titles)):
            chosen = index == at
            words = f"{symbol('cursor')}{safe(titles[index], 30)} " if chosen else f" {safe(titles[index], 30)} "
            line.append((f"{words} ", ink.accent if chosen else ink.muted))
        return to_strip(line if y == 0 else [], width, self.rich_style)


class PanelsScreen(FilteredScreen[None]):
    """Changes are seen at once behind it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "turn(1)", "next panel", id="panels.next", priority=True, tooltip="The next panel"),
        Binding("shift+tab", "turn(-1)", "panel before", id="panels.before", priority=True,
                tooltip="The panel before"),
        Binding("ctrl+d", "drop", "remove", id="panels.drop", priority=True, tooltip="Take the panel away"),
        Binding("ctrl+r", "reset", "as at first", id="panels.reset", priority=True,
                tooltip="The panels that there were at first"),
    ]  # fmt: skip

    def __init__(self, edit: PanelEdit, marked: str | None, edited: Callable[[], None]) -> None:
        """Edit panels.

        Args:
            marked: the panel to begin with; a new one when there is none of that title.
            edited: called after each change.
        """
        super().__init__("Panels", "filter the metrics", _KEYS)
        self.edit, self._edited = edit, edited
        self.target = marked if marked is not None and edit.panel(marked) is not None else NEW

    def between(self) -> ComposeResult:
        """The panels."""
        yield PanelLine()

    def entries(self) -> list[Choice]:
        """The series: those in the chosen panel ticked, of the others where they stand; what stands nowhere first."""
        panels = self.edit.panels
        self.query_one(PanelLine).show(*self._line())
        where = {name: ", ".join(panel.title for panel in panels if name in panel.series) for name in self.edit.known}
        chosen = self.edit.panel(self.target)
        inside = chosen.series if chosen is not None else ()
        names = self.edit.known if chosen is not None else sorted(self.edit.known, key=lambda name: bool(where[name]))
        tick = symbol("finished")
        return [Choice(name, name, tick if name in inside else "", where[name]) for name in names]

    def _line(self) -> tuple[tuple[str, ...], int]:
        titles = self._titles()
        return titles, titles.index(self.target) if self.target in titles else len(titles) - 1

    def _titles(self) -> tuple[str, ...]:
        return (*(panel.title for panel in self.edit.panels), NEW)

    def take(self, choice: Choice) -> None:
        """Into the chosen panel, or out of it; a new panel where that is chosen."""
        if self.edit.panel(self.target) is None:
            self.edit.new(choice.value)
        else:
            self.edit.toggle(self.target, choice.value)
        self._changed_panels()

    def _changed_panels(self) -> None:
        if self.edit.panel(self.target) is None:
            self.target = NEW
        self._edited()
        self.fill()

    def action_turn(self, by: int) -> None:
        """Choose another panel."""
        titles, at = self._line()
        self.target = titles[(at + by) % len(titles)]
        self.fill()

    def action_drop(self) -> None:
        """Take the chosen panel away."""
        if self.target != NEW:
            titles, at = self._line()
            self.edit.drop(self.target)
            self.target = titles[at + 1] if at + 1 < len(titles) else NEW
            self._changed_panels()

    def action_reset(self) -> None:
        """The automatic panels again."""
        self.edit.reset()
        self._changed_panels()
