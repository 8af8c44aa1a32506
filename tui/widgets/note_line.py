"""One line of words that a screen sets: what is shown, what is marked."""

from __future__ import annotations

from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.table import Line, to_strip


class NoteLine(Widget):
    """The line; the same one again is not repainted."""

    DEFAULT_CSS = "NoteLine { height: 1; background: $background; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._line: Line = []

    @property
    def plain(self) -> str:
        """The line as text."""
        return "".join(text for text, _ in self._line).rstrip()

    def show(self, line: Line) -> None:
        """Show another line."""
        if line != self._line:
            self._line = line
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line."""
        return to_strip(self._line if y == 0 else [], self.size.width, self.rich_style)
