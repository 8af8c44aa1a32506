"""Sends only the cells that were asked for when part of a widget is refreshed.

Textual 8 repaints a region by sending its lines from the left edge of the widget they are in. A curve changes at its
right end: over a slow line that is most of the traffic. `trim_updates` gives a screen a compositor that begins at the
region. Where Textual is built otherwise than expected it leaves the screen alone: only bytes are lost.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor
from textual.screen import Screen
from textual.strip import Strip


class TrimmedUpdate(ChopsUpdate):
    """The spans of an update, each from its first to its last cell."""

    def render_segments(self, console: Console) -> str:
        """The update as text for the terminal."""
        pieces: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                first, last = max(x, x1), min(end, x2)
                if first > x and _has_wide_cells(strip):
                    first = x  # a wide character may lie across the cut
                if first > x or last < end:
                    strip = strip.crop(first - x, last - x)
                pieces += (Control.move_to(first, y).segment.text, strip.render(console))
        return "".join(pieces)


class TrimmingCompositor(Compositor):
    """A compositor whose partial updates are trimmed."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The update of what is dirty, if anything is."""
        update = super().render_partial_update()
        return None if update is None else TrimmedUpdate(update.chops, update.spans, update.chop_ends)


def trim_updates(screen: Screen[object]) -> None:
    """Make `screen` send only the cells that were refreshed; without effect the second time."""
    compositor = getattr(screen, "_compositor", None)
    if type(compositor) is Compositor:
        compositor.__class__ = TrimmingCompositor


def _has_wide_cells(strip: Strip) -> bool:
    return strip.cell_length != sum(len(segment.text) for segment in strip)
