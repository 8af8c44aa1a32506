"""What a line that is being typed may become, above it: the picked entry marked, each with a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from tui.text import pad, safe
from tui.theme import Inks, symbol
from tui.widgets.lines_pane import LinesPane
from tui.widgets.table import Line

if TYPE_CHECKING:
    from engine.query_completion import Completion

MOST = 8
"""Entries in sight."""
WIDTH = 64


class CompletionList(LinesPane, can_focus=False):
    """Floats above the line; hidden while there is nothing to offer."""

    DEFAULT_CSS = """
    CompletionList {
        layer: overlay; dock: bottom; width: 64; max-width: 100%; height: auto; display: none;
        background: $panel; padding: 0 1;
    }
    CompletionList.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.completion: Completion | None = None
        self.picked = 0

    def offer(self, completion: Completion | None, below: int) -> None:
        """Show what may be written, `below` lines above the lower edge of the screen; nothing hides the list."""
        self.completion, self.picked = completion, 0
        lines = self._count()
        self.set_class(lines > 0, "-shown")
        if lines:
            self.styles.height = lines
            self.stand(below)
            self.show(self._draw)

    def stand(self, below: int) -> None:
        """Stand `below` lines above the lower edge of the screen: the line that is typed in may have moved."""
        self.styles.margin = (0, 0, below, 2)

    def hide(self) -> None:
        """Offer nothing."""
        self.offer(None, 0)

    def pick(self, by: int) -> bool:
        """Go to another entry; whether there are any."""
        options = self.completion.options if self.completion is not None else ()
        if options:
            self.picked = (self.picked + by) % len(options)
            self.show(self._draw)
        return bool(options)

    def _count(self) -> int:
        if self.completion is None:
            return 0
        options = len(self.completion.options)
        return min(MOST, options) + (options > MOST) + bool(self.completion.note)

    def _draw(self, width: int, ink: Inks) -> list[Line]:
        completion = self.completion
        if completion is None:
            return []
        first = max(0, min(self.picked - MOST // 2, len(completion.options) - MOST))
        shown = completion.options[first : first + MOST]
        words = min(max((cell_len(safe(option.text)) for option in shown), default=0), width * 2 // 3)
        lines: list[Line] = [
            [
                (symbol("cursor") if first + i == self.picked else " ", ink.accent),
                (pad(safe(option.text), words), ink.strong if first + i == self.picked else ink.text),
                (safe(f"  {option.hint}", max(0, width - words - 1)), ink.muted),
            ]
            for i, option in enumerate(shown)
        ]
        if len(completion.options) > MOST:
            lines.append([(f" {self.picked + 1} of {len(completion.options)}", ink.faint)])
        if completion.note:
            lines.append([(safe(f" {completion.note}", width), ink.muted)])
        return lines
