"""Lines of coloured text, the form in which bars, matrices and sparklines are drawn; and the widget that shows them."""

from __future__ import annotations

from typing import TypeAlias

from rich.segment import Segment
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.plots.inks import shade_style, style_of
from tui.theme import ascii_mode

Piece: TypeAlias = tuple[str, str, str]
"""Text (already safe), colour, tone; a tone "on NN" shades the background by NN hundredths of the colour."""

Line: TypeAlias = list[Piece]


def plain(lines: list[Line]) -> list[str]:
    """The text alone."""
    return ["".join(text for text, _, _ in line) for line in lines]


class Lines(Widget):
    """Base of widgets that draw lines for their width and height."""

    DEFAULT_CSS = """
    Lines { width: 1fr; height: auto; }
    """

    def __init__(self, *, ascii_only: bool | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.ascii_only = ascii_mode() if ascii_only is None else ascii_only
        self._drawn: tuple[Size, list[Line]] | None = None

    def draw(self, width: int, height: int | None) -> list[Line]:
        """The lines for a size; as many as there are when `height` is None."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw again: the data changed."""
        self._drawn = None
        self.refresh(layout=bool(self.styles.auto_dimensions))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are."""
        return len(self.draw(width, None))

    def render_line(self, y: int) -> Strip:
        """Line `y` of the content."""
        if self._drawn is None or self._drawn[0] != self.size:
            self._drawn = (self.size, self.draw(self.size.width, self.size.height))
        lines = self._drawn[1]
        if y >= len(lines):
            return Strip.blank(self.size.width, self.rich_style)
        return self.strip_of(lines[y]).adjust_cell_length(self.size.width, self.rich_style)

    def strip_of(self, line: Line) -> Strip:
        """One line in the colours of the theme."""
        base, back = self.rich_style, self.background_colors[1]
        segments = []
        for text, color, tone in line:
            if tone.startswith("on "):
                segments.append(Segment(text, base + shade_style(self.app, color, int(tone[3:]) / 100, back)))
            else:
                segments.append(Segment(text, base + style_of(self.app, color, tone, back)))
        return Strip(segments)

    def as_text(self, line: Line) -> Text:
        """One line as rich text, for other widgets."""
        return Text.assemble(*((segment.text, segment.style or "") for segment in self.strip_of(line)))

    def on_mount(self) -> None:
        """Follow the theme."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())
