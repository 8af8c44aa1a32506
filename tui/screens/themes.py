"""Choosing the colours: each theme is shown while the cursor stands on it, and taken by enter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from textual import on

from tui.palettes import PALETTES
from tui.screens.confirm import Choice, ChoiceList, ChoiceScreen
from tui.widgets.line_list import LineList

if TYPE_CHECKING:
    from tui.app import DltuiApp


class ThemeScreen(ChoiceScreen):
    """The program's own themes first, then those of Textual."""

    def __init__(self, current: str, names: Sequence[str]) -> None:
        own = [Choice(name, name, hint=palette.about) for name, palette in PALETTES.items()]
        others = [Choice(name, name) for name in names if name not in PALETTES]
        super().__init__("Theme", [*own, *others], current)
        self._before = current

    @on(LineList.Highlighted)
    def _preview(self) -> None:
        current = self.query_one(ChoiceList).current
        if current is not None:
            self.app.theme = current.value

    @on(LineList.Chosen)
    def action_choose(self) -> None:
        """Keep the theme under the cursor, now and later."""
        current = self.query_one(ChoiceList).current
        cast("DltuiApp", self.app).use_theme(self._before if current is None else current.value)
        self.dismiss(None)

    def action_cancel(self) -> None:
        """Go back to the theme there was."""
        self.app.theme = self._before
        self.dismiss(None)
