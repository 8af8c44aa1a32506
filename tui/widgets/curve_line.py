"""The line below the curves: where the crosshair stands and what happened there, what part of them is in sight."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from tui.text import fit
from tui.theme import inks, symbol
from tui.widgets.table import Line, to_strip


class CurveLine(Widget):
    """One line, not there while there is nothing to say."""

    DEFAULT_CSS = """
    CurveLine { height: 1; display: none; background: $background; }
    CurveLine.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._words: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def plain(self) -> str:
        """What is said."""
        return "   ".join(part for side in self._words for part in side)

    def say(self, place: Sequence[str], sight: Sequence[str]) -> None:
        """Say where the crosshair stands on the left, and what is in sight on the right; all of it safe."""
        words = (tuple(place), tuple(sight))
        if words != self._words:
            self._words = words
            self.set_class(bool(place or sight), "-shown")
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        width, ink = self.size.width, inks(self.app)
        place, sight = self._words
        gap = f" {symbol('dot')} "
        right = fit(gap.join(sight), max(0, width - 2)) if sight else ""
        left = fit(gap.join(place), max(0, width - cell_len(right) - 4)) if place else ""
        space = max(0, width - cell_len(left) - cell_len(right) - 2)
        line: Line = [(f" {left}", ink.text), (" " * space, ink.text), (right, ink.muted)]
        return to_strip(line if y == 0 else [], width, self.rich_style)
